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
	binding    authenticator.Binding

	// The reasons why forwarded credentials and indicators were withheld; nil: they were not.
	delegation, indicators *status.Error

	mechanism string // of the AP-REQ, for the records of later legs
}

// opened notes the content of a ticket that a key opened.
func (f *facts) opened(t *ticket.Content) {
	f.client, f.service = t.Client, t.Service
	f.ticketEType, f.sessionEType, f.kvno = t.EType, t.SessionKey.EType(), t.Kvno
}

// checked notes the results of authenticator.Check at the acceptor's time now.
func (f *facts) checked(c *authenticator.Checked, now time.Time) {
	f.binding = c.Binding()
	f.stamped(c.Time(), now)
}

// stamped notes the client's time when the acceptor's time was now.
func (f *facts) stamped(at, now time.Time) { f.clientTime, f.difference = at, at.Sub(now) }

// verified notes the facts of a verified AP-REQ, for the record of this leg or of the later
// leg that establishes the context.
func (f *facts) verified(v authenticator.Verified, mechanism string) {
	if err := v.DelegationError(); err != nil {
		f.delegation = asStatus(err)
	}
	if err := v.IndicatorsError(); err != nil {
		f.indicators = asStatus(err)
	}
	f.mechanism = mechanism
}

// noteRefusal notes the facts that a refusal carries.
func (l *leg) noteRefusal(err error) {
	f := &l.facts
	f.delegation, f.indicators = nil, nil // the record of an accepted client alone has them
	if t, ok := errors.AsType[*ticket.Refused](err); ok {
		f.client, f.service = t.Client, t.Service
		f.ticketEType, f.sessionEType, f.kvno = t.EType, t.SessionEType, t.Kvno
	}
	if r, ok := errors.AsType[*authenticator.Refused](err); ok {
		f.stamped(r.Time, l.now)
		l.asked, f.binding = r.Flags, r.Binding
	}
}

// complete copies the facts of this leg into e.
func (f *facts) complete(e *Event, l *leg) {
	e.Time, e.Mechanism = l.now, l.mechanismName()
	e.Service, e.TicketEType, e.SessionEType, e.Kvno = f.service, f.ticketEType, f.sessionEType, f.kvno
	e.ClientTime, e.ClockDifference, e.Binding = f.clientTime, f.difference, f.binding
	e.DelegationError, e.IndicatorsError = f.delegation, f.indicators
	if p := e.Peer; p != nil {
		e.Service, e.Binding, e.ContextEType = p.Service, p.Binding, p.ContextEType
		return
	}
	e.UnprovenClient = f.client
	l.claims(e)
}

// claims reads the names in clear of the client's message. It runs for refused messages
// only, so that an accepted message is not parsed twice.
func (l *leg) claims(e *Event) {
	var req krb5.APReq
	switch {
	case l.wantsTicket:
		e.RequestedService = claimed(l.request.Service, l.request.Realm)
	case l.from != stateStart || l.message == nil || req.Parse(l.message) != nil:
	default:
		e.RequestedService = claimed(req.Ticket.Service, req.Ticket.Realm)
		if e.Service.IsZero() { // the ticket did not open
			e.TicketEType, e.Kvno = keytab.EType(req.Ticket.EncPart.EType), req.Ticket.EncPart.Kvno
		}
	}
}

// claimed returns the Principal that a message names, and the zero Principal for a name that
// is invalid.
func claimed(name krb5.Name, realm []byte) keytab.Principal {
	p, _ := keytab.ParsePrincipal(string(krb5.AppendPrincipal(nil, name, realm))) // zero beside an error
	return p
}

// mechanismName returns the mechanism of the client's token for the record.
func (l *leg) mechanismName() string {
	oid := l.mechanism
	if oid == nil && l.inSPNEGO {
		oid = l.negotiation.mechanism
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
	case l.facts.mechanism != "": // of the AP-REQ in an earlier leg
		return l.facts.mechanism
	case l.inSPNEGO:
		return name.inSPNEGO
	case oid == nil && l.message != nil:
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
