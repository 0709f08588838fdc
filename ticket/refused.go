package ticket

import (
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Refused is the refusal of a ticket that a key of the service decrypted. A KDC issued
// the ticket, which names a client, but nothing proves that the sender is this client.
// Use Refused for records only.
type Refused struct {
	Client  keytab.Principal // zero if the ticket names no client in a form of Principal
	Service keytab.Principal // principal of the key that decrypted the ticket, as in Content
	EType   keytab.EType     // of that key
	Kvno    uint32           // of that key
	// SessionEType is the encryption type of the session key, 0 if it was not read.
	SessionEType keytab.EType
	Err          error // wraps a *status.Error
}

func (r *Refused) Error() string { return r.Err.Error() }
func (r *Refused) Unwrap() error { return r.Err }

// refusal makes the Refused of a ticket that entry decrypted. part is zero if the
// ticket's content could not be parsed.
func (s *scratch) refusal(part *krb5.EncTicketPart, entry *keytab.Entry, err error) error {
	s.name = krb5.AppendPrincipal(s.name[:0], part.Client, part.ClientRealm)
	client, unnamed := keytab.ParsePrincipal(string(s.name))
	if unnamed != nil {
		client = keytab.Principal{}
	}
	return &Refused{
		Client: client, Service: entry.Principal, EType: entry.Key.EType(), Kvno: entry.Kvno,
		SessionEType: keytab.EType(part.Key.EType), Err: err,
	}
}

// etypeRefused returns the refusal of what, whose encryption type is not in the list that
// config names. Its Detail says how to give the service's account another type.
func etypeRefused(what, config string, e int32) error {
	id := etype.ID(e)
	detail := "the " + what + " is of type " + id.NameAndNumber() + ", which "
	const account = "give the service's account AES keys (in Active Directory set msDS-SupportedEncryptionTypes to 0x18, reset the password and make a new keytab)"
	switch _, implemented := etype.Lookup(id); {
	case id == etype.RC4:
		detail += config + " does not permit: " + account + ", or permit RC4 tickets with TicketETypes and RC4 session keys with ETypes"
	case implemented:
		detail += config + " does not permit"
	default:
		detail += "this library does not implement: " + account
	}
	return &status.Error{Reason: status.ReasonETypeRefused, Detail: detail}
}
