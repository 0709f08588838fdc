package sspi

import (
	"github.com/gosspi/kerberos/keytab"
)

// facts are the parts of a record that the steps of an exchange learn one by one. They
// decide nothing.
type facts struct {
	service keytab.Principal
	kvno    uint32
}

// complete copies what is known of the attempt into e.
func (f *facts) complete(e *Event, in *inbound) {
	e.Time = in.now
	e.Service, e.Kvno = f.service, f.kvno
	if p := e.Peer; p != nil {
		e.Service, e.Binding = p.Service, p.Binding
		e.TicketEType, e.SessionEType, e.ContextEType = p.TicketEType, p.SessionEType, p.ContextEType
	}
}
