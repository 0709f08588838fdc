package sspi

import (
	"fmt"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/status"
)

// function is one of the functions for messages, for the check of its buffers.
type function struct {
	makesToken  bool // TOKEN is memory that the function writes
	takesStream bool
}

var (
	makesSignature    = function{makesToken: true}
	encryptsMessage   = function{makesToken: true}
	verifiesSignature = function{}
	decryptsMessage   = function{takesStream: true}
)

// checkMessage refuses a descriptor that no call can use, and one that asks by a
// buffer's type or mark for what f does not do. Such a buffer is never passed over: the
// caller would take its bytes for signed, for sealed or for verified.
func (d *SecBufferDesc) checkMessage(f function) error {
	if d.check() != status.SEC_E_OK {
		return &status.Error{Reason: status.ReasonBufferType, Detail: "the descriptor is nil, of an unknown version, or has more than 16 buffers"}
	}
	holder := SECBUFFER_EMPTY // the TOKEN or STREAM that holds bytes
	for i := range d.Buffers {
		b := &d.Buffers[i]
		t, mark := b.BufferType&^attributeMask, b.BufferType&readonly
		empty := len(b.Buffer) == 0
		switch {
		case mark == readonly:
			return errBufferType(i, b, "READONLY and READONLY_WITH_CHECKSUM exclude each other")
		case t == SECBUFFER_DATA:
			// Marks of DATA are served.
		case t == SECBUFFER_TOKEN && f.makesToken && mark != 0:
			return errBufferType(i, b, "the call writes the TOKEN, which is marked READONLY")
		case t == SECBUFFER_STREAM && !f.takesStream && !empty:
			return errBufferType(i, b, "only DecryptMessage takes a STREAM")
		case (t == SECBUFFER_TOKEN || t == SECBUFFER_STREAM) && !empty:
			if holder != SECBUFFER_EMPTY {
				return errBufferType(i, b, "a call takes one TOKEN or STREAM")
			}
			holder = t
		case mark == SECBUFFER_READONLY_WITH_CHECKSUM && !empty:
			return errBufferType(i, b, "READONLY_WITH_CHECKSUM is for DATA")
		}
	}
	return nil
}

func errBufferType(i int, b *SecBuffer, detail string) error {
	return &status.Error{Reason: status.ReasonBufferType, Detail: fmt.Sprintf("buffer %d of type %#x: %s", i, uint32(b.BufferType), detail)}
}

// dropData leaves nothing that could be taken for an opened message.
func dropData(d *SecBufferDesc) {
	if d == nil {
		return
	}
	for i := range d.Buffers {
		if isWritableData(d.Buffers[i]) {
			d.Buffers[i].Buffer = d.Buffers[i].Buffer[:0]
		}
	}
}

// readonly are the marks of buffers whose memory is never written.
const readonly = SECBUFFER_READONLY | SECBUFFER_READONLY_WITH_CHECKSUM

func isWritableData(b SecBuffer) bool { return b.is(SECBUFFER_DATA) && b.BufferType&readonly == 0 }

// holds returns an error, and sets Needed, if b has no room for n bytes.
func (b *SecBuffer) holds(n int) error {
	b.Needed = 0
	if len(b.Buffer) < n {
		b.Needed = n
		return &status.Error{Reason: status.ReasonBuffer, Detail: fmt.Sprintf("the TOKEN has %d bytes of room and needs %d", len(b.Buffer), n)}
	}
	return nil
}

// eachData calls add for the DATA buffers that are part of the message, in order:
// those marked READONLY are not. It reports whether there is any DATA at all.
func (d *SecBufferDesc) eachData(add func(b *SecBuffer)) (found bool) {
	for i := range d.Buffers {
		b := &d.Buffers[i]
		if !b.is(SECBUFFER_DATA) {
			continue
		}
		found = true
		if b.BufferType&SECBUFFER_READONLY == 0 {
			add(b)
		}
	}
	return found
}

// signedParts are the parts of a message that is signed by itself.
type signedParts struct {
	parts [maxBuffers][]byte
	n     int
}

func (p *signedParts) collect(d *SecBufferDesc) bool {
	return d.eachData(func(b *SecBuffer) {
		p.parts[p.n] = b.Buffer
		p.n++
	})
}

func (p *signedParts) list() [][]byte { return p.parts[:p.n] }

// sealedParts are the parts of a wrapped message.
type sealedParts struct {
	segs [maxBuffers]etype.Segment
	n    int
}

func (p *sealedParts) collect(d *SecBufferDesc) bool {
	return d.eachData(p.add)
}

func (p *sealedParts) add(b *SecBuffer) {
	p.segs[p.n] = etype.Segment{B: b.Buffer, SignOnly: b.BufferType&SECBUFFER_READONLY_WITH_CHECKSUM != 0}
	p.n++
}

// pad makes padding part of the message if there is any and b has room for it, and
// cuts b to it.
func (p *sealedParts) pad(padding []byte, b *SecBuffer) {
	if b == nil {
		return
	}
	if len(b.Buffer) < len(padding) || b.BufferType&readonly != 0 {
		padding = nil
	}
	b.Buffer = b.Buffer[:copy(b.Buffer, padding)]
	if len(padding) > 0 {
		p.add(b)
	}
}

func (p *sealedParts) list() []etype.Segment { return p.segs[:p.n] }

// DecryptMessageAfterGap is [DecryptMessage] with the rules of [Context.UnwrapAfterGap]:
// with SEC_E_OK it returns the count of messages that are missing before this one, as a
// result that the caller cannot leave out. sspi.h has no such function; on Windows a
// message after a gap is lost.
func DecryptMessageAfterGap(phContext *CtxtHandle, pMessage *SecBufferDesc, MessageSeqNo uint32, pfQOP *uint32) (code status.Code, missing uint64) {
	missing, err := decryptMessage(phContext, message.AfterGap, pMessage, pfQOP)
	return phContext.messageEnd(err), missing
}

// VerifySignatureAfterGap is [VerifySignature] with the rules of
// [Context.UnwrapAfterGap]. With SEC_E_OK missing is the count of messages that are
// missing before this one.
func VerifySignatureAfterGap(phContext *CtxtHandle, pMessage *SecBufferDesc, MessageSeqNo uint32, pfQOP *uint32) (code status.Code, missing uint64) {
	missing, err := verifySignature(phContext, message.AfterGap, pMessage, pfQOP)
	return phContext.messageEnd(err), missing
}
