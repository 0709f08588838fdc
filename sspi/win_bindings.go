package sspi

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/status"
)

// SEC_CHANNEL_BINDINGS_RESULT is the result of the channel bindings. In a buffer it is a
// ULONG, little-endian.
type SEC_CHANNEL_BINDINGS_RESULT uint32

// Its bits, as in sspi.h.
const (
	SEC_CHANNEL_BINDINGS_RESULT_CLIENT_SUPPORT    SEC_CHANNEL_BINDINGS_RESULT = 0x01 // the client says that it knows bindings
	SEC_CHANNEL_BINDINGS_RESULT_ABSENT            SEC_CHANNEL_BINDINGS_RESULT = 0x02 // it sent none
	SEC_CHANNEL_BINDINGS_RESULT_NOTVALID_MISMATCH SEC_CHANNEL_BINDINGS_RESULT = 0x04 // it sent others
	SEC_CHANNEL_BINDINGS_RESULT_NOTVALID_MISSING  SEC_CHANNEL_BINDINGS_RESULT = 0x08 // it sent none, and must
	SEC_CHANNEL_BINDINGS_RESULT_VALID_MATCHED     SEC_CHANNEL_BINDINGS_RESULT = 0x10 // it sent ours
	SEC_CHANNEL_BINDINGS_RESULT_VALID_PROXY       SEC_CHANNEL_BINDINGS_RESULT = 0x20 // it sent those of a proxy in front
	SEC_CHANNEL_BINDINGS_RESULT_VALID_MISSING     SEC_CHANNEL_BINDINGS_RESULT = 0x40 // it sent none, and may
)

const bindingsResultLen = 4

// bindingsResults maps the result of authenticator.Check; 0 where no decision was made.
var bindingsResults = [...]SEC_CHANNEL_BINDINGS_RESULT{
	authenticator.BindingMatched:        SEC_CHANNEL_BINDINGS_RESULT_VALID_MATCHED,
	authenticator.BindingMissing:        SEC_CHANNEL_BINDINGS_RESULT_ABSENT | SEC_CHANNEL_BINDINGS_RESULT_VALID_MISSING,
	authenticator.BindingOfProxy:        SEC_CHANNEL_BINDINGS_RESULT_VALID_PROXY,
	authenticator.BindingMismatched:     SEC_CHANNEL_BINDINGS_RESULT_NOTVALID_MISMATCH,
	authenticator.BindingMissingRefused: SEC_CHANNEL_BINDINGS_RESULT_ABSENT | SEC_CHANNEL_BINDINGS_RESULT_NOTVALID_MISSING,
	authenticator.BindingMissingAware: SEC_CHANNEL_BINDINGS_RESULT_CLIENT_SUPPORT | SEC_CHANNEL_BINDINGS_RESULT_ABSENT |
		SEC_CHANNEL_BINDINGS_RESULT_NOTVALID_MISSING,
}

// resultBuffer finds where the result goes.
func resultBuffer(d *SecBufferDesc, req flags.ASC_REQ) bindingsOutput {
	b := d.find(SECBUFFER_CHANNEL_BINDINGS_RESULT)
	if b != nil {
		b.Needed = 0
	}
	return bindingsOutput{output{b, req&flags.ASC_REQ_ALLOCATE_MEMORY != 0}}
}

// bindingsOutput is the result's buffer; without one, everything is dropped.
type bindingsOutput struct{ output }

func (o bindingsOutput) fits() bool {
	return o.buffer == nil || o.allocate || len(o.buffer.Buffer) >= bindingsResultLen
}

// tell writes the result b of a call.
func (o bindingsOutput) tell(b authenticator.Binding) {
	if o.buffer == nil {
		return
	}
	var result []byte
	if r := bindingsResults[b]; r != 0 {
		result = binary.LittleEndian.AppendUint32(nil, uint32(r))
	}
	o.put(result)
}

func (o bindingsOutput) put(result []byte) {
	if o.buffer != nil && !o.allocate {
		result = o.buffer.Buffer[:copy(o.buffer.Buffer, result)]
	}
	o.output.put(result)
}

// wishes are the arguments of AcceptSecurityContext that concern the context. Bindings and
// demands, which make a context stricter, stay with the context. Every other wish ends
// with the call.
type wishes struct {
	req      flags.ASC_REQ
	bindings []ChannelBindings
}

// apply changes the configuration of c for a call that begins in state from. The caller
// holds accepting.
func (w *wishes) apply(c *Context, from state) error {
	switch {
	case from == stateStart:
		c.request(w.req, w.bindings)
	case slices.ContainsFunc(w.bindings, c.lacksBindings):
		return errLateBindings
	default:
		c.demand(w.req)
	}
	return nil
}

// errLateBindings refuses bindings after the AP-REQ: to accept them would look as if they had
// been checked.
var errLateBindings = &status.Error{Reason: status.ReasonArgument, Detail: "channel bindings must be given with the AP-REQ or before"}

// request applies the wishes of a call. It adds to the ContextConfig of the context and
// removes no rule that refuses clients. The caller holds accepting.
func (c *Context) request(req flags.ASC_REQ, bindings []ChannelBindings) {
	c.cfg.NoErrorTokens = req&flags.ASC_REQ_EXTENDED_ERROR == 0
	c.cfg.AcceptDelegation = req&flags.ASC_REQ_DELEGATE != 0
	if req&flags.ASC_REQ_USE_SESSION_KEY != 0 && c.acceptor.cfg.UserToUser != nil {
		c.cfg.UserToUser = true
	}
	c.addBindings(bindings)
	c.cfg.BindingPolicy = requestedPolicy(c.cfg.BindingPolicy, req)
	c.demand(req)
}

// demand makes the wishes of a call demands under Config.EnforceContextReq. The caller holds
// accepting.
func (c *Context) demand(req flags.ASC_REQ) {
	if c.acceptor.cfg.EnforceContextReq {
		c.cfg.Require |= required(req)
	}
}

// requestedPolicy returns the policy p as the flags of a call change it. The flags let
// clients authenticate without bindings, in this call alone. They do not undo
// BindingRequired and, unless both are set, BindingProxied.
func requestedPolicy(p BindingPolicy, req flags.ASC_REQ) BindingPolicy {
	proxied := req&flags.ASC_REQ_PROXY_BINDINGS != 0 || p == BindingProxied || p == BindingProxiedAllowMissing
	allow := req&flags.ASC_REQ_ALLOW_MISSING_BINDINGS != 0
	switch {
	case p == BindingRequired:
		return BindingRequired
	case p == BindingProxied && req&flags.ASC_REQ_PROXY_BINDINGS == 0:
		return BindingProxied
	case proxied && allow:
		return BindingProxiedAllowMissing
	case proxied:
		return BindingProxied
	case allow:
		return BindingAllowMissing
	}
	return BindingDefault
}

// addBindings adds the bindings that c lacks. Servers give the same bindings with each call,
// and the client determines the number of calls.
func (c *Context) addBindings(bindings []ChannelBindings) {
	for _, b := range bindings {
		if c.lacksBindings(b) {
			// Clipped: other contexts may share the list.
			c.cfg.ChannelBindings = append(slices.Clip(c.cfg.ChannelBindings), b)
		}
	}
}

func (c *Context) lacksBindings(b ChannelBindings) bool {
	return !slices.ContainsFunc(c.cfg.ChannelBindings, func(own ChannelBindings) bool {
		return own.InitiatorAddrType == b.InitiatorAddrType && bytes.Equal(own.InitiatorAddress, b.InitiatorAddress) &&
			own.AcceptorAddrType == b.AcceptorAddrType && bytes.Equal(own.AcceptorAddress, b.AcceptorAddress) &&
			bytes.Equal(own.ApplicationData, b.ApplicationData)
	})
}

// required returns the demands among a server's wishes.
func required(req flags.ASC_REQ) flags.ASC_RET {
	var r flags.ASC_RET
	for _, row := range [...]struct {
		req flags.ASC_REQ
		ret flags.ASC_RET
	}{
		{flags.ASC_REQ_MUTUAL_AUTH, flags.ASC_RET_MUTUAL_AUTH},
		{flags.ASC_REQ_REPLAY_DETECT, flags.ASC_RET_REPLAY_DETECT},
		{flags.ASC_REQ_SEQUENCE_DETECT, flags.ASC_RET_SEQUENCE_DETECT},
		{flags.ASC_REQ_CONFIDENTIALITY, flags.ASC_RET_CONFIDENTIALITY},
		{flags.ASC_REQ_INTEGRITY, flags.ASC_RET_INTEGRITY},
	} {
		if req&row.req != 0 {
			r |= row.ret
		}
	}
	return r
}

func inputBindings(d *SecBufferDesc) ([]ChannelBindings, status.Code) {
	var all []ChannelBindings
	for i := range d.Buffers {
		if !d.Buffers[i].is(SECBUFFER_CHANNEL_BINDINGS) {
			continue
		}
		b, err := authenticator.ParseChannelBindings(d.Buffers[i].Buffer)
		if err != nil {
			return nil, status.CodeOf(err)
		}
		all = append(all, b)
	}
	return all, status.SEC_E_OK
}
