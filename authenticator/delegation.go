package authenticator

import (
	"fmt"
	"io"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// usageCred is the key usage of a KRB-CRED's encrypted part (RFC 4120, Section
// 7.5.1).
const usageCred = 14

// Delegated are a client's forwarded credentials: tickets, and the keys that
// make them usable. They are as secret as the client's password. They print
// redacted.
type Delegated struct {
	Client  keytab.Principal
	Tickets []DelegatedTicket
}

// DelegatedTicket is one of them, most often a ticket-granting ticket.
type DelegatedTicket struct {
	Client, Service keytab.Principal
	Ticket          []byte // DER
	SessionKey      keytab.Key
	Flags           flags.Ticket

	AuthTime, StartTime, EndTime, RenewTill time.Time // zero if not given
}

// String does not print tickets.
func (d Delegated) String() string { return "Delegated{" + d.Client.String() + "}" }

// GoString does not print tickets.
func (d Delegated) GoString() string { return d.String() }

// Format writes [Delegated.String], whatever the verb.
func (d Delegated) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// String does not print the ticket.
func (t DelegatedTicket) String() string {
	return "DelegatedTicket{" + quote.Value(t.Client.String()) + " to " + quote.Value(t.Service.String()) + "}"
}

// Format writes [DelegatedTicket.String], whatever the verb.
func (t DelegatedTicket) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// readDelegation opens the KRB-CRED in the checksum (RFC 4120, Section 5.8; RFC
// 4121, Section 4.1.1.1). If the caller did not ask for it, it is skipped
// unread, and the client's flag with it. If it is bad, so is the exchange.
func readDelegation(sum *checksum, sub subkey, c *ticket.Content, p *Params) (*Delegated, error) {
	if sum.cred == nil || !p.Delegate {
		sum.flags &^= flags.GSS_C_DELEG_FLAG
		return nil, nil
	}
	var message krb5.KRBCred
	if err := message.Parse(sum.cred); err != nil {
		return nil, badCred("it is malformed", err)
	}
	plain, err := openCred(&message.EncPart, sub.key(), c.SessionKey)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	var part krb5.EncKRBCredPart
	if err := part.Parse(plain); err != nil {
		return nil, badCred("its content is malformed", err)
	}
	if len(part.Info) != len(message.Tickets) || len(part.Info) == 0 {
		return nil, badCred("it does not describe each of its tickets", nil)
	}
	if part.Timestamp.Set {
		stamp := time.Unix(part.Timestamp.Unix, 0) // microseconds are optional: a second of grace for them
		if stamp.Before(p.Now.Add(-p.Skew-time.Second)) || stamp.After(p.Now.Add(p.Skew)) {
			return nil, badCred("its time stamp is not recent", nil)
		}
	}
	d := &Delegated{Client: c.Client}
	for i := range part.Info {
		t, err := delegatedTicket(&part.Info[i], &message.Tickets[i], p)
		if err != nil {
			return nil, err
		}
		if t.Client != c.Client {
			return nil, badCred("it holds another client's credentials", nil)
		}
		d.Tickets = append(d.Tickets, t)
	}
	return d, nil
}

// openCred tries the subkey and the session key, as clients use either. Type 0,
// which says that nothing is encrypted, is none of them.
func openCred(sealed *krb5.EncryptedData, keys ...keytab.Key) ([]byte, error) {
	for _, k := range keys {
		if k.IsZero() || keytab.EType(sealed.EType) != k.EType() {
			continue
		}
		if plain, err := k.Decrypt(nil, sealed.Cipher, usageCred); err == nil {
			return plain, nil
		}
	}
	return nil, badCred("it does not open with the client's keys", nil)
}

// delegatedTicket refuses an entry that leaves out what RFC 4120 lets it leave
// out, but nobody can do without.
func delegatedTicket(info *krb5.CredInfo, t *krb5.Ticket, p *Params) (DelegatedTicket, error) {
	var none DelegatedTicket
	if info.ClientRealm == nil || info.Client.Components == nil || info.Realm == nil || info.Service.Components == nil || !info.EndTime.Set {
		return none, badCred("names or times are missing", nil)
	}
	if !etype.Permitted(p.ETypes, info.Key.EType) {
		return none, badCred("its session key is of "+etype.ID(info.Key.EType).String(), nil)
	}
	key, err := keytab.NewKey(keytab.EType(info.Key.EType), info.Key.Value)
	if err != nil {
		return none, badCred("its session key cannot be used", err)
	}
	client, err := principal(info.Client, info.ClientRealm)
	if err != nil {
		return none, err
	}
	service, err := principal(info.Service, info.Realm)
	if err != nil {
		return none, err
	}
	return DelegatedTicket{
		Client: client, Service: service, Ticket: append([]byte(nil), t.Raw...), SessionKey: key, Flags: info.Flags,
		AuthTime: utc(info.AuthTime), StartTime: utc(info.StartTime), EndTime: utc(info.EndTime), RenewTill: utc(info.RenewTill),
	}, nil
}

func principal(n krb5.Name, realm []byte) (keytab.Principal, error) {
	p, err := keytab.ParsePrincipal(string(krb5.AppendPrincipal(nil, n, realm)))
	if err != nil {
		return p, badCred("a name cannot be written as a principal", err)
	}
	return p, nil
}

func utc(t krb5.Time) time.Time {
	if !t.Set {
		return time.Time{}
	}
	return time.Unix(t.Unix, 0).UTC()
}

func badCred(detail string, err error) error {
	return &status.Error{Reason: status.ReasonBadDelegation, Detail: "the forwarded credentials: " + detail, Err: err}
}
