package sspi

import (
	"bytes"
	"slices"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/status"
)

// SECQOP_WRAP_NO_ENCRYPT, as a whole value of fQOP, signs without sealing.
// Nothing else but 0 is supported.
const SECQOP_WRAP_NO_ENCRYPT = 0x80000001

// protected are the attributes of which a client must have asked for one before
// messages are protected here.
const protected = flags.ASC_RET_INTEGRITY | flags.ASC_RET_CONFIDENTIALITY | flags.ASC_RET_REPLAY_DETECT | flags.ASC_RET_SEQUENCE_DETECT

// messageContext is the context of a message call, and the buffers that
// every such call has.
func messageContext(phContext *CtxtHandle, d *SecBufferDesc) (*Context, status.Code) {
	c, code := phContext.context()
	if code != status.SEC_E_OK {
		return nil, code
	}
	if err := c.ready(); err != nil {
		return nil, status.CodeOf(err)
	}
	if code := d.check(); code != status.SEC_E_OK {
		return nil, code
	}
	if c.peer.Flags&protected == 0 {
		return nil, status.SEC_E_QOP_NOT_SUPPORTED
	}
	return c, status.SEC_E_OK
}

// MakeSignature signs the message in the SECBUFFER_DATA buffers, in their order,
// and puts the signature into the SECBUFFER_TOKEN (RFC 4121, Section 4.2.6.1).
// DATA marked READONLY is left out of the signature. fQOP must be 0.
// MessageSeqNo is ignored: the context counts for itself.
//
// On failure the TOKEN is cut to nothing. SEC_E_INVALID_TOKEN: a buffer is
// missing. SEC_E_BUFFER_TOO_SMALL: the token needs Needed bytes, nothing was
// signed. SEC_E_QOP_NOT_SUPPORTED: fQOP, or the client asked for no protection
// at all. This and the other three calls for messages are SEC_E_INVALID_HANDLE on a
// context that is not established, and SEC_E_CONTEXT_EXPIRED after the ticket's end
// where Config.EnforceExpiry is set.
func MakeSignature(phContext *CtxtHandle, fQOP uint32, pMessage *SecBufferDesc, MessageSeqNo uint32) status.Code {
	code := makeSignature(phContext, fQOP, pMessage)
	if code != status.SEC_E_OK {
		pMessage.cut(SECBUFFER_TOKEN)
	}
	return code
}

func makeSignature(phContext *CtxtHandle, fQOP uint32, pMessage *SecBufferDesc) status.Code {
	c, code := messageContext(phContext, pMessage)
	if code != status.SEC_E_OK {
		return code
	}
	if fQOP != 0 {
		return status.SEC_E_QOP_NOT_SUPPORTED
	}
	var parts signedParts
	token := pMessage.find(SECBUFFER_TOKEN)
	if token == nil || !parts.collect(pMessage) {
		return status.SEC_E_INVALID_TOKEN
	}
	if !token.holds(c.protector.MICLen()) {
		return status.SEC_E_BUFFER_TOO_SMALL
	}
	mic, err := c.protector.GetMIC(token.Buffer[:0:len(token.Buffer)], parts.list()...)
	token.Buffer = token.Buffer[:len(mic)]
	return status.CodeOf(err)
}

// VerifySignature checks the client's signature in the SECBUFFER_TOKEN over the
// SECBUFFER_DATA buffers. MessageSeqNo is ignored. pfQOP, if not nil, receives 0.
//
// SEC_E_INVALID_TOKEN: a buffer is missing, or the token is no token.
// SEC_E_MESSAGE_ALTERED: message or signature are not as they were made.
// SEC_E_OUT_OF_SEQUENCE: they are, but came twice or out of order, and the
// client asked for that to be detected. SEC_E_QOP_NOT_SUPPORTED: it asked for no
// protection at all.
func VerifySignature(phContext *CtxtHandle, pMessage *SecBufferDesc, MessageSeqNo uint32, pfQOP *uint32) status.Code {
	c, code := messageContext(phContext, pMessage)
	if code != status.SEC_E_OK {
		return code
	}
	var parts signedParts
	token := pMessage.find(SECBUFFER_TOKEN)
	if token == nil || !parts.collect(pMessage) {
		return status.SEC_E_INVALID_TOKEN
	}
	if err := c.protector.VerifyMIC(token.Buffer, parts.list()...); err != nil {
		return status.CodeOf(err)
	}
	if pfQOP != nil {
		*pfQOP = 0
	}
	return status.SEC_E_OK
}

// EncryptMessage seals the message in the SECBUFFER_DATA buffers in place, and
// puts what belongs to it into the SECBUFFER_TOKEN, which needs
// SecPkgContext_Sizes.SecurityTrailer bytes and may be cut to fewer (RFC 4121,
// Section 4.2.6.2; MS-KILE, Section 3.4.5.4.1). Send the buffers in the order
// TOKEN, DATA, PADDING. A SECBUFFER_PADDING is cut to nothing, except under a key of
// RC4 outside DCE style: there it is cut to the one byte of padding, without which
// the whole is no token of gss_wrap (RFC 4757, Section 7.3). DATA marked
// READONLY_WITH_CHECKSUM is signed and not sealed, DATA marked READONLY neither.
// fQOP is 0, or SECQOP_WRAP_NO_ENCRYPT to sign only. MessageSeqNo is ignored.
//
// On failure the TOKEN is cut to nothing; the DATA is still in clear.
// SEC_E_INVALID_TOKEN: no TOKEN or no DATA. SEC_E_BUFFER_TOO_SMALL: the token
// needs Needed bytes, nothing was sealed. SEC_E_QOP_NOT_SUPPORTED: another fQOP,
// or sealing where the client did not ask for CONFIDENTIALITY.
func EncryptMessage(phContext *CtxtHandle, fQOP uint32, pMessage *SecBufferDesc, MessageSeqNo uint32) status.Code {
	code := encryptMessage(phContext, fQOP, pMessage)
	if code != status.SEC_E_OK {
		pMessage.cut(SECBUFFER_TOKEN)
		pMessage.cut(SECBUFFER_PADDING)
	}
	return code
}

func encryptMessage(phContext *CtxtHandle, fQOP uint32, pMessage *SecBufferDesc) status.Code {
	c, code := messageContext(phContext, pMessage)
	if code != status.SEC_E_OK {
		return code
	}
	conf := fQOP == 0
	switch {
	case fQOP != 0 && fQOP != SECQOP_WRAP_NO_ENCRYPT:
		return status.SEC_E_QOP_NOT_SUPPORTED
	case conf && c.peer.Flags&flags.ASC_RET_CONFIDENTIALITY == 0:
		return status.SEC_E_QOP_NOT_SUPPORTED
	}
	var segs sealedParts
	token := pMessage.find(SECBUFFER_TOKEN)
	if token == nil || !segs.collect(pMessage) {
		return status.SEC_E_INVALID_TOKEN
	}
	segs.pad(c.protector.Padding(), pMessage.find(SECBUFFER_PADDING))
	if !token.holds(c.protector.TrailerLen(segs.list(), conf)) {
		return status.SEC_E_BUFFER_TOO_SMALL
	}
	n, err := c.protector.SealSegments(token.Buffer, segs.list(), conf)
	token.Buffer = token.Buffer[:n]
	return status.CodeOf(err)
}

// DecryptMessage opens a message that the client sealed or signed. It comes in
// one of two shapes: SECBUFFER_STREAM holds a whole token of the client's Wrap,
// and the first SECBUFFER_DATA receives the message, inside the STREAM's memory, or
// in other memory if the STREAM is READONLY (others are cut to nothing, and those
// marked READONLY are passed over); or
// SECBUFFER_TOKEN and SECBUFFER_DATA are as EncryptMessage made them on the other
// side, and the DATA is opened in place. MessageSeqNo is ignored. pfQOP, if not
// nil, receives 0 if the message was sealed and SECQOP_WRAP_NO_ENCRYPT if it was
// only signed: a caller that wants secrecy looks there.
//
// On failure the DATA is cut to nothing, and what was decrypted is wiped.
// SEC_E_INVALID_TOKEN: a buffer is missing, or the token is no token.
// SEC_E_MESSAGE_ALTERED: it is not as it was made. SEC_E_OUT_OF_SEQUENCE: it
// came twice or out of order, and the client asked for that to be detected.
// SEC_E_QOP_NOT_SUPPORTED: it asked for no protection at all.
func DecryptMessage(phContext *CtxtHandle, pMessage *SecBufferDesc, MessageSeqNo uint32, pfQOP *uint32) status.Code {
	code := decryptMessage(phContext, pMessage, pfQOP)
	if code != status.SEC_E_OK {
		dropData(pMessage)
	}
	return code
}

func decryptMessage(phContext *CtxtHandle, pMessage *SecBufferDesc, pfQOP *uint32) status.Code {
	c, code := messageContext(phContext, pMessage)
	if code != status.SEC_E_OK {
		return code
	}
	var conf bool
	var err error
	if stream := pMessage.find(SECBUFFER_STREAM); stream != nil {
		conf, err = c.openStream(stream, pMessage)
	} else {
		conf, err = c.openParts(pMessage)
	}
	if err != nil {
		return status.CodeOf(err)
	}
	if pfQOP != nil {
		*pfQOP = SECQOP_WRAP_NO_ENCRYPT
		if conf {
			*pfQOP = 0
		}
	}
	return status.SEC_E_OK
}

var errNoBuffers = &status.Error{Reason: status.ReasonNoTokenBuffer, Detail: "STREAM and DATA, or TOKEN and DATA, are needed"}

func (c *Context) openStream(stream *SecBuffer, d *SecBufferDesc) (conf bool, err error) {
	i := slices.IndexFunc(d.Buffers, isWritableData)
	if i < 0 {
		return false, errNoBuffers
	}
	dst := stream.Buffer[:0]
	if stream.BufferType&readonly != 0 {
		dst = nil
	}
	message, conf, err := c.protector.Unwrap(dst, stream.Buffer)
	if err != nil {
		return false, err
	}
	dropData(d) // what else there is is no part of the message
	d.Buffers[i].Buffer = message
	return conf, nil
}

func (c *Context) openParts(d *SecBufferDesc) (conf bool, err error) {
	var segs sealedParts
	token := d.find(SECBUFFER_TOKEN)
	if token == nil || !segs.collect(d) {
		return false, errNoBuffers
	}
	if b := d.find(SECBUFFER_PADDING); b != nil && b.BufferType&readonly == 0 && len(b.Buffer) > 0 && len(c.protector.Padding()) > 0 {
		segs.add(b) // the client sealed it too
	}
	memory := token.Buffer
	if token.BufferType&readonly != 0 {
		memory = bytes.Clone(memory)
	}
	return c.protector.OpenSegments(memory, segs.list())
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

// holds reports whether b has room for n bytes, and how much it needs if not.
func (b *SecBuffer) holds(n int) bool {
	b.Needed = 0
	if len(b.Buffer) < n {
		b.Needed = n
	}
	return len(b.Buffer) >= n
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

func (b *SecPkgContext_Sizes) query(c *Context) status.Code {
	*b = SecPkgContext_Sizes{MaxToken: cbMaxToken, BlockSize: 1}
	if c.peer.Flags&protected != 0 {
		b.MaxSignature = uint32(c.protector.MICLen())
		b.SecurityTrailer = uint32(c.protector.MaxTrailerLen())
	}
	return status.SEC_E_OK
}

func (b *SecPkgContext_KeyInfo) query(c *Context) status.Code {
	profile, ok := etype.Lookup(etype.ID(c.peer.ContextEType))
	if !ok {
		return status.SEC_E_INTERNAL_ERROR // unreachable: a context has a key
	}
	*b = SecPkgContext_KeyInfo{
		SignatureAlgorithmName: checksumName(profile.ChecksumType), EncryptAlgorithmName: c.peer.ContextEType.String(),
		KeySize:            uint32(profile.KeyLen) * 8,
		SignatureAlgorithm: uint32(profile.ChecksumType), EncryptAlgorithm: uint32(profile.ID),
	}
	return status.SEC_E_OK
}

// checksumName is the name in the registry of RFC 3961, Section 8.
func checksumName(t int32) string {
	switch t {
	case 15:
		return "hmac-sha1-96-aes128"
	case 16:
		return "hmac-sha1-96-aes256"
	case 19:
		return "hmac-sha256-128-aes128"
	case 20:
		return "hmac-sha384-192-aes256"
	case -138:
		return "hmac-md5"
	}
	return ""
}
