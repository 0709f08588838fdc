package authenticator

import (
	"fmt"
	"io"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/internal/secret"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// Secret is bytes that print as redacted, in every field and form. Its method Bytes
// returns a copy of them. The zero Secret is empty. sspi.NewSecret makes a Secret.
type Secret = secret.Bytes

// Delegated are a client's forwarded credentials: tickets, and the keys that
// make them usable. They are as secret as the client's password. They print
// redacted.
type Delegated struct {
	Client  keytab.Principal
	Tickets []DelegatedTicket
}

// DelegatedTicket is a forwarded ticket, usually a ticket-granting ticket.
type DelegatedTicket struct {
	Client, Service keytab.Principal
	Ticket          Secret // DER
	SessionKey      keytab.Key
	Flags           flags.Ticket

	AuthTime, StartTime, EndTime, RenewTill time.Time // zero if not given
}

// Format writes the client's name and no ticket, whatever the verb.
func (d Delegated) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "Delegated{"+d.Client.String()+"}")
}

// Format writes the names of client and service, and not the ticket, whatever the verb.
func (t DelegatedTicket) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "DelegatedTicket{"+quote.Value(t.Client.String())+" to "+quote.Value(t.Service.String())+"}")
}

// readDelegation reads the KRB-CRED in the checksum (RFC 4120, Section 5.8; RFC 4121,
// Section 4.1.1.1). If the caller did not ask for it, readDelegation skips it unread.
// A KRB-CRED that is malformed or does not open refuses the client. Credentials that
// open and must not be used are withheld, and unusable says why: the client has proven
// its identity without them. The DELEG flag is kept only for credentials that are
// returned.
func readDelegation(sum *checksum, sub subkey, c *ticket.Content, p *Params) (d *Delegated, unusable, err error) {
	asked := sum.cred != nil && p.Delegate
	if asked {
		d, unusable, err = openDelegation(sum.cred, sub, c, p)
	}
	if d == nil && err == nil { // a refusal reports the flags that the client sent
		sum.flags &^= flags.GSS_C_DELEG_FLAG
	}
	return d, unusable, err
}

func openDelegation(cred []byte, sub subkey, c *ticket.Content, p *Params) (d *Delegated, unusable, err error) {
	var message krb5.KRBCred
	if err := message.Parse(cred); err != nil {
		return nil, nil, badCred("the KRB-CRED is malformed", err)
	}
	plain, err := openCred(&message.EncPart, sub.key(), c.SessionKey)
	if err != nil {
		return nil, nil, err
	}
	defer clear(plain)
	var part krb5.EncKRBCredPart
	if err := part.Parse(plain); err != nil {
		return nil, nil, badCred("the encrypted part is malformed", err)
	}
	if len(part.Info) != len(message.Tickets) || len(part.Info) == 0 {
		return nil, nil, badCred("the KRB-CRED does not describe each of its tickets", nil)
	}
	keys, err := credKeys(part.Info, p.ETypes)
	if err != nil {
		return nil, nil, err
	}
	if unusable = checkCredTime(&part, p); unusable != nil {
		return nil, unusable, nil
	}
	d = &Delegated{Client: c.Client}
	for i := range part.Info {
		t, unusable := delegatedTicket(&part.Info[i], &message.Tickets[i], keys[i], c)
		if unusable != nil {
			return nil, unusable, nil
		}
		d.Tickets = append(d.Tickets, t)
	}
	return d, nil, nil
}

// openCred returns the EncKrbCredPart. Clients encrypt it with the subkey or with the
// session key. Heimdal's clients send it as encryption type 0, unencrypted (RFC 6448).
// That is accepted here and nowhere else: this KRB-CRED is a part of the authenticator,
// which was decrypted and authenticated with the session key.
func openCred(sealed *krb5.EncryptedData, keys ...keytab.Key) ([]byte, error) {
	const unencrypted = 0
	if sealed.EType == unencrypted {
		return sealed.Cipher, nil
	}
	for _, k := range keys {
		if k.IsZero() || keytab.EType(sealed.EType) != k.EType() {
			continue
		}
		if plain, err := k.Decrypt(nil, sealed.Cipher, etype.UsageKRBCred); err == nil {
			return plain, nil
		}
	}
	return nil, badCred("the KRB-CRED opens neither with the client's subkey nor with the session key", nil)
}

// credKeys makes the session keys of the described tickets. A key whose encryption
// type is not permitted stays zero: delegatedTicket withholds its ticket. A key of a
// permitted type that does not have the type's length is malformed.
func credKeys(info []krb5.CredInfo, permitted []keytab.EType) ([]keytab.Key, error) {
	keys := make([]keytab.Key, len(info))
	for i := range info {
		if !etype.Permitted(permitted, info[i].Key.EType) {
			continue
		}
		var err error
		if keys[i], err = keytab.NewKey(keytab.EType(info[i].Key.EType), info[i].Key.Value); err != nil {
			return nil, badCred("a session key is malformed", err)
		}
	}
	return keys, nil
}

// checkCredTime compares the time stamp, which is optional, with the clock. The
// microseconds are optional too, so it allows a second for them.
func checkCredTime(part *krb5.EncKRBCredPart, p *Params) error {
	if !part.Timestamp.Set {
		return nil
	}
	stamp := time.Unix(part.Timestamp.Unix, 0)
	if stamp.Before(p.Now.Add(-p.Skew-time.Second)) || stamp.After(p.Now.Add(p.Skew)) {
		return badCred("the time stamp "+stamp.UTC().Format(time.RFC3339)+" is not recent", nil)
	}
	return nil
}

// delegatedTicket returns one ticket with its description, or an error that says why
// the ticket must not be used. RFC 4120 makes names and end time optional, but no
// program can use a ticket without them.
func delegatedTicket(info *krb5.CredInfo, t *krb5.Ticket, key keytab.Key, c *ticket.Content) (DelegatedTicket, error) {
	var none DelegatedTicket
	if key.IsZero() {
		return none, badCred("a session key is of "+etype.ID(info.Key.EType).NameAndNumber()+", which Config.ETypes does not permit", nil)
	}
	client := string(krb5.AppendPrincipal(nil, info.Client, info.ClientRealm)) // escaped: equal only for equal bytes
	switch {
	case info.ClientRealm == nil || info.Client.Components == nil:
		return none, badCred("the name of the tickets' client is missing", nil)
	case client != c.Client.String():
		return none, badCred("they name the client "+quote.Text(client)+", the service ticket "+quote.Text(c.Client.String()), nil)
	case info.Realm == nil || info.Service.Components == nil || utc(info.EndTime).IsZero():
		return none, badCred("a ticket's service or end time is missing", nil)
	}
	service, err := keytab.ParsePrincipal(string(krb5.AppendPrincipal(nil, info.Service, info.Realm)))
	if err != nil {
		return none, badCred("a ticket's service cannot be written as a principal", err)
	}
	return DelegatedTicket{
		Client: c.Client, Service: service, Ticket: secret.New(t.Raw), SessionKey: key, Flags: info.Flags,
		AuthTime: utc(info.AuthTime), StartTime: utc(info.StartTime), EndTime: utc(info.EndTime), RenewTill: utc(info.RenewTill),
	}, nil
}

// utc returns the zero Time for a time that is absent. Heimdal's clients write an
// absent time as the first second of 1970.
func utc(t krb5.Time) time.Time {
	if !t.Set || t.Unix == 0 {
		return time.Time{}
	}
	return time.Unix(t.Unix, 0).UTC()
}

func badCred(detail string, err error) error {
	return &status.Error{Reason: status.ReasonBadDelegation, Detail: "the forwarded credentials: " + detail, Err: err}
}
