package sspi

import (
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/status"
)

// UnwrapAfterGap is Unwrap for a protocol that can do without lost messages: it delivers
// a message also where messages before it are missing, and returns their count. 0 means
// that the message follows the highest one that arrived before it. [Context.Unwrap]
// refuses such a message with ReasonMessageGap, and then it is lost.
//
// UnwrapAfterGap refuses duplicate, old and unsequenced messages whatever the client
// asked for. It refuses a gap too in a context without mutual authentication and in an
// RC4 context: there a sequence number does not prove which message it is. It may be
// mixed with Unwrap.
func (c *Context) UnwrapAfterGap(dst, token []byte) (plaintext []byte, conf bool, missing uint64, err error) {
	if err := c.ready(); err != nil {
		return nil, false, 0, err
	}
	u, err := c.protector.Unwrap(message.AfterGap, dst, token, message.Associated{})
	return u.Whole, u.Sealed, u.Missing, err
}

// VerifyMICAfterGap is VerifyMIC with the rules of [Context.UnwrapAfterGap].
func (c *Context) VerifyMICAfterGap(plaintext, mic []byte) (missing uint64, err error) {
	if err := c.ready(); err != nil {
		return 0, err
	}
	return c.protector.VerifyMIC(message.AfterGap, mic, plaintext)
}

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
