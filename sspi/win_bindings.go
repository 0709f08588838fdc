package sspi

import (
	"encoding/binary"
	"errors"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
)

// SEC_CHANNEL_BINDINGS_RESULT says what came of the channel bindings. In a buffer it is
// a ULONG, little-endian.
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

	SEC_CHANNEL_BINDINGS_RESULT_VALID = SEC_CHANNEL_BINDINGS_RESULT_VALID_MATCHED |
		SEC_CHANNEL_BINDINGS_RESULT_VALID_PROXY | SEC_CHANNEL_BINDINGS_RESULT_VALID_MISSING
	SEC_CHANNEL_BINDINGS_RESULT_NOTVALID = SEC_CHANNEL_BINDINGS_RESULT_NOTVALID_MISMATCH |
		SEC_CHANNEL_BINDINGS_RESULT_NOTVALID_MISSING
)

const bindingsResultLen = 4

// bindingsResults are the results of [Binding]; 0 where nothing was decided.
var bindingsResults = [...]SEC_CHANNEL_BINDINGS_RESULT{
	BindingMatched:        SEC_CHANNEL_BINDINGS_RESULT_VALID_MATCHED,
	BindingMissing:        SEC_CHANNEL_BINDINGS_RESULT_ABSENT | SEC_CHANNEL_BINDINGS_RESULT_VALID_MISSING,
	BindingOfProxy:        SEC_CHANNEL_BINDINGS_RESULT_VALID_PROXY,
	BindingMismatched:     SEC_CHANNEL_BINDINGS_RESULT_NOTVALID_MISMATCH,
	BindingMissingRefused: SEC_CHANNEL_BINDINGS_RESULT_ABSENT | SEC_CHANNEL_BINDINGS_RESULT_NOTVALID_MISSING,
	BindingMissingAware: SEC_CHANNEL_BINDINGS_RESULT_CLIENT_SUPPORT | SEC_CHANNEL_BINDINGS_RESULT_ABSENT |
		SEC_CHANNEL_BINDINGS_RESULT_NOTVALID_MISSING,
}

// decidedBinding is what came of the channel bindings when a call has ended with err;
// due is the state in which it began. It is BindingUnchecked as long as the exchange
// goes on. The caller holds accepting.
func (c *Context) decidedBinding(due state, err error) Binding {
	switch refused, ok := errors.AsType[*authenticator.Refused](err); {
	case err == nil:
		return c.peer.Binding
	case ok:
		return refused.Binding
	case (due == stateThirdLeg || due == stateMIC) && c.at() == stateFailed:
		return c.peer.Binding // the leg before decided
	}
	return BindingUnchecked
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

// tell writes what came of a call.
func (o bindingsOutput) tell(b Binding) {
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
