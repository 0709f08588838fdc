package ticket

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Open parses all of apReq (an AP-REQ without GSS framing), decrypts its ticket
// and checks that the ticket is valid at p.Now. It does not
// authenticate the sender. Open implements RFC 4120, Section 3.2.3, up to the decryption of
// the authenticator.
//
// The Ticket refers to apReq until authenticator.Check has returned: leave those
// bytes alone until then. Errors are, or wrap, *status.Error. An error about a ticket that
// a key opened is a [*Refused].
func Open(apReq []byte, p *Params) (*Ticket, error) {
	// This function is short enough to be inlined, so the Ticket stays on the caller's stack.
	t, err := open(apReq, p)
	if err != nil {
		return nil, err
	}
	return &t, nil
}

func open(apReq []byte, p *Params) (Ticket, error) {
	var req krb5.APReq
	if err := req.Parse(apReq); err != nil {
		return Ticket{}, err
	}
	sealed := &req.Ticket.EncPart
	if !etype.Permitted(p.ticketETypes(), sealed.EType) {
		return Ticket{}, etypeRefused("ticket", "TicketETypes, or ETypes if there are none,", sealed.EType)
	}

	s := scratches.Get().(*scratch)
	defer s.release()
	entry, err := s.unseal(&req, p)
	if err != nil {
		return Ticket{}, err
	}
	var part krb5.EncTicketPart
	t, err := s.read(&req, &part, &entry, p)
	if err != nil {
		return Ticket{}, s.refusal(&part, &entry, err)
	}
	return t, nil
}

// read parses the ticket that entry decrypted, and checks that it is valid at p.Now.
func (s *scratch) read(req *krb5.APReq, part *krb5.EncTicketPart, entry *keytab.Entry, p *Params) (Ticket, error) {
	if err := part.Parse(s.plain); err != nil {
		return Ticket{}, err
	}
	if err := checkValidity(part, p.Now, p.Skew); err != nil {
		return Ticket{}, err
	}
	return s.opened(req, part, entry, p)
}

func (p *Params) ticketETypes() []keytab.EType {
	if p.TicketETypes != nil {
		return p.TicketETypes
	}
	return p.ETypes
}

// opened makes a Ticket. No other function does.
func (s *scratch) opened(req *krb5.APReq, part *krb5.EncTicketPart, entry *keytab.Entry, p *Params) (Ticket, error) {
	if !etype.Permitted(p.ETypes, part.Key.EType) {
		return Ticket{}, etypeRefused("ticket's session key", "ETypes", part.Key.EType)
	}
	session, err := keytab.NewKey(keytab.EType(part.Key.EType), part.Key.Value)
	if err != nil {
		return Ticket{}, err
	}
	s.name = krb5.AppendPrincipal(s.name[:0], part.Client, part.ClientRealm)
	client, err := keytab.ParsePrincipal(string(s.name))
	if err != nil {
		return Ticket{}, badName("client", s.name, err)
	}
	transited, addresses, authData := keep(part)
	pac, err := findPAC(authData)
	if err != nil {
		return Ticket{}, err
	}
	start := part.StartTime
	if !start.Set {
		start = part.AuthTime
	}
	return Ticket{
		content: Content{
			Client: client, Service: entry.Principal, ClientNameType: part.Client.Type,
			EType: entry.Key.EType(), Kvno: entry.Kvno, ServiceKey: entry.Key, SessionKey: session,
			Flags:    part.Flags,
			AuthTime: utc(part.AuthTime), StartTime: utc(start), EndTime: utc(part.EndTime), RenewTill: utc(part.RenewTill),
			TransitedType: part.TransitedType, Transited: transited,
			Addresses: addresses, AuthorizationData: authData, PAC: pac,
		},
		options:       req.Options,
		authenticator: req.Authenticator,
		opened:        true,
	}, nil
}

// badName returns the refusal of a name that has no text form: a program's rules and logs
// could not distinguish two such names. err is the error of keytab.ParsePrincipal.
func badName(whose string, name []byte, err error) error {
	detail := "the ticket's " + whose + " name " + quote.Text(name) + " cannot be written as a principal"
	if e, ok := errors.AsType[*status.Error](err); ok {
		detail += ": " + strings.TrimPrefix(e.Detail, "not a principal name: ")
	}
	return &status.Error{Reason: status.ReasonNameEncoding, Detail: detail}
}

// checkValidity compares the ticket's times with the clock (RFC 4120, Section 3.2.3). It
// accepts a difference of exactly skew.
func checkValidity(part *krb5.EncTicketPart, now time.Time, skew time.Duration) error {
	start := part.StartTime
	if !start.Set {
		start = part.AuthTime
	}
	switch {
	case part.Flags&flags.TicketInvalid != 0:
		return &status.Error{Reason: status.ReasonTicketInvalid, Detail: "the ticket has the INVALID flag: a postdated ticket must be validated by the KDC first"}
	case part.EndTime.Unix < start.Unix:
		return &status.Error{Reason: status.ReasonTicketExpired, Detail: "the ticket ends before it starts"}
	case utc(start).After(now.Add(skew)):
		return &status.Error{Reason: status.ReasonTicketNotYetValid, Detail: "valid from " + text(start) + ", the clock here says " + now.UTC().Format(time.RFC3339)}
	case utc(part.EndTime).Before(now.Add(-skew)):
		return &status.Error{Reason: status.ReasonTicketExpired, Detail: "ended " + text(part.EndTime) + ", the clock here says " + now.UTC().Format(time.RFC3339)}
	}
	return nil
}

// keep copies the fields that outlive the plaintext. It allocates once, and only if the
// ticket has such a field.
func keep(part *krb5.EncTicketPart) (transited, addresses, authData []byte) {
	n := len(part.Transited) + len(part.Addresses) + len(part.AuthorizationData)
	if n == 0 {
		return nil, nil, nil
	}
	buf := make([]byte, 0, n)
	take := func(b []byte) []byte {
		if len(b) == 0 {
			return nil
		}
		buf = append(buf, b...)
		return buf[len(buf)-len(b) : len(buf) : len(buf)]
	}
	return take(part.Transited), take(part.Addresses), take(part.AuthorizationData)
}

func utc(t krb5.Time) time.Time {
	if !t.Set {
		return time.Time{}
	}
	return time.Unix(t.Unix, 0).UTC()
}

func text(t krb5.Time) string { return utc(t).Format(time.RFC3339) }

// scratch contains data that must not outlive one call of Open: the ticket's plaintext,
// and names during their comparison.
type scratch struct {
	plain []byte
	name  []byte
}

// maxKept bounds the buffers that the pool keeps, so that one long ticket does not make
// every later wipe slower and does not occupy memory permanently.
const maxKept = 16 << 10

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// release wipes the plaintext, which contains the session key, and returns s to the pool.
func (s *scratch) release() {
	s.plain = s.plain[:cap(s.plain)]
	clear(s.plain)
	s.plain = s.plain[:0]
	if cap(s.plain) <= maxKept && cap(s.name) <= maxKept {
		scratches.Put(s)
	}
}
