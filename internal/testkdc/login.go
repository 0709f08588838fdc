package testkdc

import (
	"slices"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/secret"
	"github.com/gosspi/kerberos/keytab"
)

// Login returns the ticket-granting ticket of a client of this realm without an AS exchange,
// as a client has it that logged in with its password a moment ago. It is forwardable,
// proxiable and renewable.
func (k *KDC) Login(p keytab.Principal) (authenticator.DelegatedTicket, error) {
	tgs, err := keytab.NewPrincipal(k.db.Realm.Name, "krbtgt", k.db.Realm.Name)
	if err != nil { // unreachable: Realm.Listen has checked the name of the realm
		return authenticator.DelegatedTicket{}, err
	}
	const bits = flags.TicketForwardable | ticketProxiable | flags.TicketRenewable | ticketInitial | flags.TicketPreAuthent
	t := k.db.Realm.TicketWith(p, tgs, k.db.Realm.TGSKey())
	t.SName, t.PAC = krbtest.TGSName(k.db.Realm.Name), k.db.pacOf(p)
	t.Part.Flags = krbtest.TicketFlags(bits)
	t.Part.EndTime = t.Part.AuthTime.Add(k.cfg.Life)
	t.Part.RenewTill = t.Part.AuthTime.Add(k.cfg.RenewableLife)
	key, err := keytab.NewKey(keytab.EType(t.Part.Key.KeyType), t.Part.Key.KeyValue)
	if err != nil { // unreachable: TicketWith makes keys of known types
		return authenticator.DelegatedTicket{}, err
	}
	return authenticator.DelegatedTicket{
		Client: p, Service: tgs, Ticket: secret.New(t.Bytes()), SessionKey: key, Flags: bits,
		AuthTime: t.Part.AuthTime, StartTime: t.Part.StartTime, EndTime: t.Part.EndTime, RenewTill: t.Part.RenewTill,
	}, nil
}

// AddAddress stores the address of a KDC of the realm, for the configuration of clients.
func (d *Database) AddAddress(a string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addresses = append(d.addresses, a)
}

// RemoveAddress removes the address of a KDC that has ended.
func (d *Database) RemoveAddress(a string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addresses = slices.DeleteFunc(d.addresses, func(s string) bool { return s == a })
}

// Addresses returns the addresses of the KDCs of the realm.
func (d *Database) Addresses() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.addresses)
}

// DefaultLife and DefaultRenewableLife are those of MIT's KDC in most distributions.
const (
	DefaultLife          = 10 * time.Hour
	DefaultRenewableLife = 7 * 24 * time.Hour
)
