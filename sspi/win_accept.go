package sspi

import (
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/status"
)

// Data representations. Neither changes anything for Kerberos.
const (
	SECURITY_NETWORK_DREP = 0x00
	SECURITY_NATIVE_DREP  = 0x10
)

// AcceptSecurityContext takes one token of a client and answers it. Call it until it returns
// a code other than SEC_I_CONTINUE_NEEDED.
//
// phCredential is a handle of [AcquireCredentialsHandle]; later calls may leave it nil.
// phContext is nil on the first call, then the handle that the first
// call returned. phNewContext receives that handle on the first call, and names
// the same context on later ones; it may be the same pointer, and must not be
// nil.
//
// pInput holds the client's token in a SECBUFFER_TOKEN. The first call of package
// Negotiate may go without it, or with an empty one: then the server speaks first.
// pInput may also hold channel bindings in SECBUFFER_CHANNEL_BINDINGS buffers, of
// which any one may match. Bindings apply from the call that has them and cannot be
// withdrawn. AcceptSecurityContext ignores other buffers.
//
// fContextReq holds the server's wishes; the client's flags decide (pfContextAttr), unless
// Config.EnforceContextReq is set. These wishes have an effect:
// ASC_REQ_ALLOCATE_MEMORY (the token buffer is allocated),
// ASC_REQ_EXTENDED_ERROR (refusals are answered with a KRB-ERROR, and a client
// whose clock is wrong gets one more try), ASC_REQ_DELEGATE (forwarded
// credentials are read), ASC_REQ_ALLOW_MISSING_BINDINGS and
// ASC_REQ_PROXY_BINDINGS (see BindingPolicy), ASC_REQ_USE_SESSION_KEY
// (user-to-user authentication is demanded, if Config.UserToUser is there),
// ASC_REQ_CONNECTION (echoed).
// ASC_REQ_DATAGRAM is SEC_E_UNSUPPORTED_FUNCTION. TargetDataRep changes
// nothing.
//
// pOutput receives the reply in its SECBUFFER_TOKEN. Send the reply whenever the Buffer is
// not empty, also with SEC_E_OK and with an error. For a reply that does not fit,
// AcceptSecurityContext returns SEC_E_BUFFER_TOO_SMALL, sets Needed and changes nothing: the
// same token may be given again, with the same or more bindings and demands. Without a TOKEN
// buffer the code is SEC_E_INVALID_TOKEN. A reply is never truncated, even with
// ASC_REQ_FRAGMENT_TO_FIT. The reply to a refusal is dropped if it does not fit. On return
// the Buffer has the length of the reply: a caller that uses it again must restore its full
// length.
//
// A client's token of Negotiate may arrive in pieces, one for each call (MS-SPNG, Section
// 3.1.5.9). Until the token is whole, the code is SEC_I_CONTINUE_NEEDED and the reply is
// empty. Where the
// transport delimits tokens, ContextConfig.WholeTokens refuses a piece.
//
// A SECBUFFER_CHANNEL_BINDINGS_RESULT in pOutput receives a
// SEC_CHANNEL_BINDINGS_RESULT, of four bytes, when the exchange is over and channel
// bindings were decided about, also with an error; otherwise it is cut to nothing.
//
// pfContextAttr, if not nil, receives the attributes of the context with
// SEC_E_OK; with SEC_I_CONTINUE_NEEDED ASC_RET_ALLOCATED_MEMORY alone means
// something; on failure it is 0. ptsTimeStamp, if not nil, receives the end of
// the client's ticket with SEC_E_OK and is left alone otherwise.
//
// With SEC_E_OK, Peer and QueryContextAttributes return the proven client. After a failure
// only [CtxtHandle.Err], which returns the Reason, and [DeleteSecurityContext] accept the
// handle; it is the zero handle if the arguments were wrong and no exchange began.
// AcceptSecurityContext never returns SEC_I_COMPLETE_NEEDED or SEC_I_COMPLETE_AND_CONTINUE,
// so that no exchange needs CompleteAuthToken. A call on an established context, or beside
// another call, returns SEC_E_OUT_OF_SEQUENCE and changes nothing.
func AcceptSecurityContext(phCredential *CredHandle, phContext *CtxtHandle, pInput *SecBufferDesc, fContextReq flags.ASC_REQ, TargetDataRep uint32, phNewContext *CtxtHandle, pOutput *SecBufferDesc, pfContextAttr *flags.ASC_RET, ptsTimeStamp *TimeStamp) status.Code {
	if pfContextAttr != nil {
		*pfContextAttr = 0
	}
	out, room := replyBuffer(pOutput, fContextReq)
	result := resultBuffer(pOutput, fContextReq)
	call, code := newCall(phCredential, phContext, pInput, fContextReq, phNewContext, pOutput)
	if code == status.SEC_E_OK && !result.fits() {
		result.need(bindingsResultLen)
		code = status.SEC_E_BUFFER_TOO_SMALL
	}
	if code != status.SEC_E_OK {
		out.put(nil)
		result.put(nil)
		return code
	}
	ctx, cancel := call.context.acceptor.backendContext()
	defer cancel()
	reply, binding, err := call.context.accept(ctx, call.token, room, &call.wishes)
	out.put(reply)
	result.tell(binding)

	if short := asShortage(err); short != nil {
		out.need(short.needed)
		return short.err.Code() // and on a first call no handle: no exchange began with it
	}
	*phNewContext = CtxtHandle{call.context}
	code = status.CodeOf(err)
	if code.IsError() {
		return code
	}
	attr := out.allocated() | result.allocated()
	if code == status.SEC_E_OK {
		attr |= call.context.peer.Flags | call.echo
		call.context.attributes.Store(uint32(attr))
		if ptsTimeStamp != nil {
			*ptsTimeStamp = timeStamp(call.context.peer.EndTime)
		}
	}
	if pfContextAttr != nil {
		*pfContextAttr = attr
	}
	return code
}

// call is one call's arguments, checked.
type call struct {
	context *Context
	token   []byte
	wishes  wishes
	echo    flags.ASC_RET
}

// newCall checks the arguments. *phNewContext is settled as far as it can be
// before the call: no context yet on a first call, the same context on others.
func newCall(phCredential *CredHandle, phContext *CtxtHandle, pInput *SecBufferDesc, req flags.ASC_REQ, phNewContext *CtxtHandle, pOutput *SecBufferDesc) (call, status.Code) {
	var none call
	if phNewContext == nil {
		return none, status.SEC_E_INVALID_HANDLE
	}
	if phContext == nil {
		*phNewContext = CtxtHandle{}
	}
	c, code := callContext(phCredential, phContext)
	if code != status.SEC_E_OK {
		return none, code
	}
	if phContext != nil {
		*phNewContext = CtxtHandle{c}
	}
	if c.at() == stateEstablished {
		return none, status.SEC_E_OUT_OF_SEQUENCE
	}
	if req&flags.ASC_REQ_DATAGRAM != 0 {
		return none, status.SEC_E_UNSUPPORTED_FUNCTION
	}
	speaksFirst := phContext == nil && c.pkg == Negotiate // without a token of the client's
	if speaksFirst && pInput == nil {
		pInput = &SecBufferDesc{}
	}
	if code := pInput.check(); code != status.SEC_E_OK {
		return none, code
	}
	if pOutput != nil && pOutput.check() != status.SEC_E_OK {
		return none, pOutput.check()
	}
	token := pInput.find(SECBUFFER_TOKEN)
	if token == nil {
		if !speaksFirst {
			return none, status.SEC_E_INVALID_TOKEN
		}
		token = &SecBuffer{}
	}
	bindings, code := inputBindings(pInput)
	if code != status.SEC_E_OK {
		return none, code
	}
	var echo flags.ASC_RET
	if req&flags.ASC_REQ_CONNECTION != 0 {
		echo = flags.ASC_RET_CONNECTION
	}
	return call{context: c, token: token.Buffer, wishes: wishes{req, bindings}, echo: echo}, status.SEC_E_OK
}

// callContext is the context that a call is about: a new one on the first call.
func callContext(phCredential *CredHandle, phContext *CtxtHandle) (*Context, status.Code) {
	switch {
	case phContext != nil && !phContext.live():
		return nil, status.SEC_E_INVALID_HANDLE
	case phContext != nil:
		return phContext.c, status.SEC_E_OK
	case phCredential == nil || !phCredential.valid():
		return nil, status.SEC_E_INVALID_HANDLE
	}
	acceptor := phCredential.c.acceptor
	return acceptor.NewContext(ContextConfig{Package: phCredential.c.pkg}), status.SEC_E_OK
}

// output is the reply's buffer; without one, everything is dropped.
type output struct {
	buffer   *SecBuffer
	allocate bool
}

// replyBuffer finds where the reply goes. ASC_REQ_ALLOCATE_MEMORY wins over
// memory that the caller supplied.
func replyBuffer(d *SecBufferDesc, req flags.ASC_REQ) (output, replyRoom) {
	b := d.find(SECBUFFER_TOKEN)
	if b == nil {
		return output{}, replyRoom{absent: true}
	}
	b.Needed = 0
	if req&flags.ASC_REQ_ALLOCATE_MEMORY != 0 {
		return output{b, true}, replyRoom{}
	}
	size := len(b.Buffer)
	return output{b, false}, replyRoom{dst: b.Buffer[:0:size], limited: true, size: size}
}

func (o output) put(reply []byte) {
	switch {
	case o.buffer == nil:
	case o.allocate:
		o.buffer.Buffer = reply
	default:
		o.buffer.Buffer = o.buffer.Buffer[:len(reply)]
	}
}

func (o output) need(n int) {
	if o.buffer != nil {
		o.buffer.Needed = n
	}
}

func (o output) allocated() flags.ASC_RET {
	if o.buffer != nil && o.allocate && len(o.buffer.Buffer) > 0 {
		return flags.ASC_RET_ALLOCATED_MEMORY
	}
	return 0
}

// CompleteAuthToken is not needed for Kerberos, whose tokens are complete:
// SEC_E_UNSUPPORTED_FUNCTION on a live context, SEC_E_INVALID_HANDLE otherwise.
func CompleteAuthToken(phContext *CtxtHandle, pToken *SecBufferDesc) status.Code {
	if phContext == nil || !phContext.live() {
		return status.SEC_E_INVALID_HANDLE
	}
	return status.SEC_E_UNSUPPORTED_FUNCTION
}
