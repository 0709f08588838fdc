package sspi

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/status"
)

// SECQOP_WRAP_NO_ENCRYPT, as a whole value of fQOP, signs without sealing.
// Nothing else but 0 is supported.
const SECQOP_WRAP_NO_ENCRYPT = 0x80000001

// protected are the attributes of which a client must have asked for one before
// messages are protected here.
const protected = flags.ASC_RET_INTEGRITY | flags.ASC_RET_CONFIDENTIALITY | flags.ASC_RET_REPLAY_DETECT | flags.ASC_RET_SEQUENCE_DETECT

// messageContext returns the context of a message call, and checks the buffers that
// every such call has.
func messageContext(phContext *CtxtHandle, d *SecBufferDesc, f function) (*Context, error) {
	if phContext == nil || phContext.c == nil {
		return nil, &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the handle is zero"}
	}
	c := phContext.c
	if err := c.ready(); err != nil {
		return nil, err
	}
	if err := d.checkMessage(f); err != nil {
		return nil, err
	}
	if c.peer.Flags&protected == 0 {
		return nil, &status.Error{Reason: status.ReasonProtectionNotNegotiated, Detail: "the client asked for no protection of messages"}
	}
	return c, nil
}

// messageEnd returns the code of a message call, and keeps its error for MessageErr.
func (h *CtxtHandle) messageEnd(err error) status.Code {
	if err != nil && h != nil && !h.c.isZero() {
		kept := err
		h.c.messageErr.Store(&kept)
	}
	return status.CodeOf(err)
}

func errQOP(fQOP uint32) error {
	return &status.Error{Reason: status.ReasonProtectionNotNegotiated, Detail: fmt.Sprintf("fQOP %#x is not supported", fQOP)}
}

func errNoBuffers(needed string) error {
	return &status.Error{Reason: status.ReasonNoTokenBuffer, Detail: "the call needs " + needed}
}

// MakeSignature signs the message in the SECBUFFER_DATA buffers, in their order,
// and puts the signature into the SECBUFFER_TOKEN (RFC 4121, Section 4.2.6.1).
// DATA marked READONLY is left out of the signature. fQOP must be 0.
// MessageSeqNo is ignored: the context counts for itself.
//
// On failure the TOKEN is cut to nothing, and [CtxtHandle.MessageErr] has the Reason.
// SEC_E_INVALID_TOKEN: a buffer is missing, or the call cannot give the protection that
// a buffer's type or mark promises. SEC_E_BUFFER_TOO_SMALL: the token needs Needed bytes, nothing was
// signed. SEC_E_QOP_NOT_SUPPORTED: fQOP, or the client asked for no protection
// at all. This and the other calls for messages are SEC_E_INVALID_HANDLE on a
// context that is not established, and SEC_E_CONTEXT_EXPIRED after the ticket's end
// where Config.EnforceExpiry is set.
//
// No call for messages takes a buffer with READONLY and READONLY_WITH_CHECKSUM, a second
// TOKEN or STREAM that holds bytes, a STREAM beside another call than DecryptMessage, or
// READONLY_WITH_CHECKSUM bytes in a buffer that is neither DATA, STREAM nor a received
// TOKEN. MakeSignature and EncryptMessage take no TOKEN that is marked.
func MakeSignature(phContext *CtxtHandle, fQOP uint32, pMessage *SecBufferDesc, MessageSeqNo uint32) status.Code {
	err := makeSignature(phContext, fQOP, pMessage)
	if err != nil {
		pMessage.cut(SECBUFFER_TOKEN)
	}
	return phContext.messageEnd(err)
}

func makeSignature(phContext *CtxtHandle, fQOP uint32, pMessage *SecBufferDesc) error {
	c, err := messageContext(phContext, pMessage, makesSignature)
	if err != nil {
		return err
	}
	if fQOP != 0 {
		return errQOP(fQOP)
	}
	var parts signedParts
	token := pMessage.find(SECBUFFER_TOKEN)
	if token == nil || !parts.collect(pMessage) {
		return errNoBuffers("TOKEN and DATA")
	}
	if err := token.holds(c.protector.MICLen()); err != nil {
		return err
	}
	mic, err := c.protector.GetMIC(token.Buffer[:0:len(token.Buffer)], parts.list()...)
	token.Buffer = token.Buffer[:len(mic)]
	return err
}

// VerifySignature checks the client's signature in the SECBUFFER_TOKEN over the
// SECBUFFER_DATA buffers. MessageSeqNo is ignored. pfQOP, if not nil, receives 0.
//
// SEC_E_INVALID_TOKEN: a buffer is missing or cannot be verified (see MakeSignature), or
// the token is no token.
// SEC_E_MESSAGE_ALTERED: message or signature are not as they were made.
// SEC_E_OUT_OF_SEQUENCE: they are, but came twice or out of order, and the
// client asked for that to be detected; [CtxtHandle.MessageErr] tells a duplicate, an
// old, an unsequenced message and a gap apart. SEC_E_QOP_NOT_SUPPORTED: it asked for no
// protection at all.
func VerifySignature(phContext *CtxtHandle, pMessage *SecBufferDesc, MessageSeqNo uint32, pfQOP *uint32) status.Code {
	_, err := verifySignature(phContext, message.AsGranted, pMessage, pfQOP)
	return phContext.messageEnd(err)
}

func verifySignature(phContext *CtxtHandle, o message.Order, pMessage *SecBufferDesc, pfQOP *uint32) (missing uint64, err error) {
	c, err := messageContext(phContext, pMessage, verifiesSignature)
	if err != nil {
		return 0, err
	}
	var parts signedParts
	token := pMessage.find(SECBUFFER_TOKEN)
	if token == nil || !parts.collect(pMessage) {
		return 0, errNoBuffers("TOKEN and DATA")
	}
	if missing, err = c.protector.VerifyMIC(o, token.Buffer, parts.list()...); err != nil {
		return 0, err
	}
	if pfQOP != nil {
		*pfQOP = 0
	}
	return missing, nil
}

// EncryptMessage encrypts the message in the SECBUFFER_DATA buffers in place, and
// writes its token into the SECBUFFER_TOKEN, which needs
// SecPkgContext_Sizes.SecurityTrailer bytes and may be cut to fewer (RFC 4121,
// Section 4.2.6.2; MS-KILE, Section 3.4.5.4.1). Send the buffers in the order
// TOKEN, DATA, PADDING. A SECBUFFER_PADDING is cut to nothing, except under a key of
// RC4 outside DCE style: there it is cut to the one byte of padding, without which
// the whole is no token of gss_wrap (RFC 4757, Section 7.3). DATA marked
// READONLY_WITH_CHECKSUM is signed and not sealed, DATA marked READONLY neither.
// fQOP is 0, or SECQOP_WRAP_NO_ENCRYPT to sign only. MessageSeqNo is ignored.
//
// On failure the TOKEN is cut to nothing; the DATA is still in clear.
// SEC_E_INVALID_TOKEN: no TOKEN or no DATA, or a buffer that cannot be protected as its
// type or mark promises (see MakeSignature). SEC_E_BUFFER_TOO_SMALL: the token
// needs Needed bytes, nothing was sealed. SEC_E_QOP_NOT_SUPPORTED: another fQOP,
// or sealing where the client did not ask for CONFIDENTIALITY.
func EncryptMessage(phContext *CtxtHandle, fQOP uint32, pMessage *SecBufferDesc, MessageSeqNo uint32) status.Code {
	err := encryptMessage(phContext, fQOP, pMessage)
	if err != nil {
		pMessage.cut(SECBUFFER_TOKEN)
		pMessage.cut(SECBUFFER_PADDING)
	}
	return phContext.messageEnd(err)
}

func encryptMessage(phContext *CtxtHandle, fQOP uint32, pMessage *SecBufferDesc) error {
	c, err := messageContext(phContext, pMessage, encryptsMessage)
	if err != nil {
		return err
	}
	conf := fQOP == 0
	switch {
	case fQOP != 0 && fQOP != SECQOP_WRAP_NO_ENCRYPT:
		return errQOP(fQOP)
	case conf && c.peer.Flags&flags.ASC_RET_CONFIDENTIALITY == 0:
		return &status.Error{Reason: status.ReasonProtectionNotNegotiated, Detail: "the client did not ask for CONFIDENTIALITY"}
	}
	var segs sealedParts
	token := pMessage.find(SECBUFFER_TOKEN)
	if token == nil || !segs.collect(pMessage) {
		return errNoBuffers("TOKEN and DATA")
	}
	segs.pad(c.protector.Padding(), pMessage.find(SECBUFFER_PADDING))
	n := 0
	if err = token.holds(c.protector.TrailerLen(segs.list(), conf)); err == nil {
		n, err = c.protector.SealSegments(token.Buffer, segs.list(), conf)
	}
	token.Buffer = token.Buffer[:n]
	return err
}

// DecryptMessage opens a message that the client sealed or signed. It comes in
// one of two shapes: SECBUFFER_STREAM holds a whole token of the client's Wrap,
// and the first SECBUFFER_DATA receives the message, inside the STREAM's memory, or
// in other memory if the STREAM is READONLY (others are cut to nothing). DATA marked
// READONLY_WITH_CHECKSUM is verified with it, as data that the sender signed before or
// behind the message (MIT: gss_unwrap_aead), and DATA marked READONLY is passed over. Or
// SECBUFFER_TOKEN and SECBUFFER_DATA are as EncryptMessage made them on the other
// side, and the DATA is opened in place. MessageSeqNo is ignored. pfQOP, if not
// nil, receives 0 if the message was sealed and SECQOP_WRAP_NO_ENCRYPT if it was
// only signed: a caller that wants secrecy looks there.
//
// On failure the DATA is cut to nothing, and what was decrypted is wiped.
// SEC_E_INVALID_TOKEN: a buffer is missing or cannot be verified (see MakeSignature), or
// the token is no token. SEC_E_MESSAGE_ALTERED: it is not as it was made.
// SEC_E_OUT_OF_SEQUENCE: it came twice or out of order, and the client asked for that to
// be detected; [CtxtHandle.MessageErr] tells a duplicate, an old, an unsequenced message
// and a gap apart.
// SEC_E_QOP_NOT_SUPPORTED: it asked for no protection at all.
func DecryptMessage(phContext *CtxtHandle, pMessage *SecBufferDesc, MessageSeqNo uint32, pfQOP *uint32) status.Code {
	_, err := decryptMessage(phContext, message.AsGranted, pMessage, pfQOP)
	return phContext.messageEnd(err)
}

func decryptMessage(phContext *CtxtHandle, o message.Order, pMessage *SecBufferDesc, pfQOP *uint32) (missing uint64, err error) {
	conf, missing, err := openMessage(phContext, o, pMessage)
	if err != nil {
		dropData(pMessage)
		return 0, err
	}
	if pfQOP != nil {
		*pfQOP = SECQOP_WRAP_NO_ENCRYPT
		if conf {
			*pfQOP = 0
		}
	}
	return missing, nil
}

func openMessage(phContext *CtxtHandle, o message.Order, d *SecBufferDesc) (conf bool, missing uint64, err error) {
	c, err := messageContext(phContext, d, decryptsMessage)
	if err != nil {
		return false, 0, err
	}
	if stream := d.find(SECBUFFER_STREAM); stream != nil {
		return c.openStream(o, stream, d)
	}
	return c.openParts(o, d)
}

// openStream opens a whole token. The READONLY_WITH_CHECKSUM DATA before and behind the
// buffer that receives the message is the data that the token's checksum covers there.
func (c *Context) openStream(o message.Order, stream *SecBuffer, d *SecBufferDesc) (conf bool, missing uint64, err error) {
	i := slices.IndexFunc(d.Buffers, isWritableData)
	if i < 0 {
		return false, 0, errNoBuffers("STREAM and a DATA that may be written")
	}
	dst := stream.Buffer[:0]
	if stream.BufferType&readonly != 0 {
		dst = nil
	}
	var parts sealedParts
	before := 0
	for j := range d.Buffers {
		if j == i {
			before = parts.n
		}
		if b := &d.Buffers[j]; b.is(SECBUFFER_DATA) && b.BufferType&SECBUFFER_READONLY_WITH_CHECKSUM != 0 {
			parts.add(b)
		}
	}
	u, err := c.protector.Unwrap(o, dst, stream.Buffer, message.Associated{Before: parts.segs[:before], After: parts.list()[before:]})
	if err != nil {
		return false, 0, err
	}
	dropData(d) // what else there is is no part of the message
	d.Buffers[i].Buffer = u.Whole
	return u.Sealed, u.Missing, nil
}

func (c *Context) openParts(o message.Order, d *SecBufferDesc) (conf bool, missing uint64, err error) {
	var segs sealedParts
	token := d.find(SECBUFFER_TOKEN)
	if token == nil || !segs.collect(d) {
		return false, 0, errNoBuffers("STREAM and DATA, or TOKEN and DATA")
	}
	if b := d.find(SECBUFFER_PADDING); b != nil && b.BufferType&readonly == 0 && len(b.Buffer) > 0 && len(c.protector.Padding()) > 0 {
		segs.add(b) // the client sealed it too
	}
	memory := token.Buffer
	if token.BufferType&readonly != 0 {
		memory = bytes.Clone(memory)
	}
	return c.protector.OpenSegments(o, memory, segs.list())
}
