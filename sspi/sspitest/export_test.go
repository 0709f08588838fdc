package sspitest

import (
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
)

// Facts describes an established context from the client's side.
type Facts struct {
	Flags  flags.GSS // the flags that the client requested
	Mutual bool      // the acceptor proved possession of the service's key

	// EType is the encryption type of the context's key: the acceptor's subkey if the
	// acceptor sent one, else the client's subkey if the client sent one, else the ticket's
	// session key.
	EType          keytab.EType
	AcceptorSubkey bool
}

// Facts returns the facts of the context. It returns an error before Next has returned done.
func (i *Initiator) Facts() (Facts, error) {
	x, unlock, err := i.established()
	if err != nil {
		return Facts{}, err
	}
	defer unlock()
	return Facts{
		Flags:          x.request.Flags,
		Mutual:         x.request.Mutual(),
		EType:          keytab.EType(x.run.Key().KeyType),
		AcceptorSubkey: x.run.Reply.Subkey.KeyValue != nil,
	}, nil
}
