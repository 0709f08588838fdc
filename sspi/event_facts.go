package sspi

import (
	"errors"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// facts are the parts of a record that the steps of an exchange learn one by one. They
// decide nothing.
type facts struct {
	client, service           keytab.Principal // of the ticket, if it opened
	ticketEType, sessionEType keytab.EType
	kvno                      uint32

	clientTime time.Time
	difference time.Duration
	binding    Binding

	delegation *status.Error // the reason why forwarded credentials were withheld; nil: they were not

	mechanism string // of the AP-REQ, for the records of later legs
}

// opened notes the content of a ticket that a key opened.
func (f *facts) opened(t *ticket.Content) {
	f.client, f.service = t.Client, t.Service
	f.ticketEType, f.sessionEType, f.kvno = t.EType, t.SessionKey.EType(), t.Kvno
}

// stamped notes the client's clock when the acceptor's said now.
func (f *facts) stamped(at, now time.Time) { f.clientTime, f.difference = at, at.Sub(now) }

// keepFacts notes the facts of a verified AP-REQ for the record of this leg, or of the
// later leg that establishes the context. The caller holds mu.
func (c *Context) keepFacts(v authenticator.Verified, in *inbound) {
	if err := v.DelegationError(); err != nil {
		in.facts.delegation = asStatus(err)
	}
	in.facts.mechanism = in.mechanismName()
	c.facts = in.facts
}

// refused notes the facts that a refusal carries.
func (f *facts) refused(err error, now time.Time) {
	if t, ok := errors.AsType[*ticket.Refused](err); ok {
		f.client, f.service = t.Client, t.Service
		f.ticketEType, f.sessionEType, f.kvno = t.EType, t.SessionEType, t.Kvno
	}
	if s, ok := errors.AsType[*authenticator.Stamped](err); ok {
		f.stamped(s.Time, now)
	}
	if r, ok := errors.AsType[*authenticator.Refused](err); ok {
		f.binding = r.Binding
	}
}

// complete copies the facts of this leg into e.
func (f *facts) complete(e *Event, in *inbound) {
	e.Time, e.Mechanism = in.now, in.mechanismName()
	e.Service, e.TicketEType, e.SessionEType, e.Kvno = f.service, f.ticketEType, f.sessionEType, f.kvno
	e.ClientTime, e.ClockDifference, e.Binding = f.clientTime, f.difference, f.binding
	e.DelegationError = f.delegation
	if p := e.Peer; p != nil {
		e.Service, e.Binding, e.ContextEType = p.Service, p.Binding, p.ContextEType
		return
	}
	e.UnprovenClient = f.client
	in.claims(e)
}

// claims reads what the client's message says in clear. It runs for refused messages
// only, so that an accepted one is not parsed twice.
func (in *inbound) claims(e *Event) {
	var req krb5.APReq
	switch {
	case in.wantsTicket:
		e.RequestedService = claimed(in.request.Service, in.request.Realm)
	case in.due != stateStart || in.message == nil || req.Parse(in.message) != nil:
	default:
		e.RequestedService = claimed(req.Ticket.Service, req.Ticket.Realm)
		if e.Service.IsZero() { // the ticket did not open
			e.TicketEType, e.Kvno = keytab.EType(req.Ticket.EncPart.EType), req.Ticket.EncPart.Kvno
		}
	}
}

// claimed returns the Principal that a message names, zero if it is none.
func claimed(name krb5.Name, realm []byte) keytab.Principal {
	p, err := keytab.ParsePrincipal(string(krb5.AppendPrincipal(nil, name, realm)))
	if err != nil {
		return keytab.Principal{}
	}
	return p
}

// mechanismName returns the mechanism of the client's token for the record.
func (in *inbound) mechanismName() string {
	oid := in.mechanism
	if oid == nil && in.enclosed {
		oid = in.negotiation.mechanism
	}
	name := &mechanismNames[0]
	switch string(oid) {
	case string(krb5.OIDKerberos):
		name = &mechanismNames[1]
	case string(krb5.OIDMSKerberos):
		name = &mechanismNames[2]
	case string(krb5.OIDUser2User):
		name = &mechanismNames[3]
	}
	switch {
	case in.facts.mechanism != "": // of the AP-REQ, which came before
		return in.facts.mechanism
	case in.enclosed:
		return name.inSPNEGO
	case oid == nil && in.message != nil:
		return "kerberos/unframed"
	}
	return name.framed
}

// mechanismNames are constants, so that naming a mechanism takes no memory.
var mechanismNames = [...]struct{ framed, inSPNEGO string }{
	{"", "spnego"},
	{"kerberos", "spnego/kerberos"},
	{"ms-kerberos", "spnego/ms-kerberos"},
	{"user-to-user", "spnego/user-to-user"},
}
