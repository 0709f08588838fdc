package sspi

import (
	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// facts are the parts of a record that the steps of an exchange learn one by one. They
// decide nothing.
type facts struct {
	service    keytab.Principal
	kvno       uint32
	delegation *status.Error // why forwarded credentials were withheld; nil: they were not
}

// keepFacts notes the facts of a verified AP-REQ for the record of this leg, or of the
// later leg that establishes the context. The caller holds mu.
func (c *Context) keepFacts(v authenticator.Verified, in *inbound) {
	if err := v.DelegationError(); err != nil {
		in.facts.delegation = asStatus(err)
	}
	c.facts = in.facts
}

// complete copies what is known of the attempt into e.
func (f *facts) complete(e *Event, in *inbound) {
	e.Time = in.now
	e.Service, e.Kvno, e.DelegationError = f.service, f.kvno, f.delegation
	if p := e.Peer; p != nil {
		e.Service, e.Binding = p.Service, p.Binding
		e.TicketEType, e.SessionEType, e.ContextEType = p.TicketEType, p.SessionEType, p.ContextEType
	}
}
