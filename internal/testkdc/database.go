package testkdc

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
)

// Client is an entry of the database for a principal that may log in.
type Client struct {
	Keys     []krbtest.ServiceKey
	Salt     string       // of the password, for AES keys
	PAC      *krbtest.PAC // nil: its tickets have no PAC
	UPN      string       // the enterprise name, "" if the client has none but its own name
	Disabled bool
}

// Service are the attributes of a service. The zero Service has those of most services.
type Service struct {
	SessionETypes []keytab.EType // of session keys; nil: the types of its keys
	OKAsDelegate  bool           // its tickets have the flag OK-AS-DELEGATE
	NoPAC         bool           // its tickets have no PAC
}

// Database has the principals of a realm. It is safe for concurrent use.
type Database struct {
	Realm *krbtest.Realm

	mu       sync.Mutex
	clients  map[keytab.Principal]Client
	services map[keytab.Principal]Service // that have attributes
	trusts   map[string]trust             // by the name of the other realm

	addresses []string // of the KDCs that listen
}

// trust describes another realm, which trusts this realm and is trusted by it.
type trust struct {
	other    *Database
	outgoing krbtest.ServiceKey // of krbtgt/OTHER@THIS
	incoming krbtest.ServiceKey // of krbtgt/THIS@OTHER
}

// NewDatabase returns the database of a realm without clients. Its services are those of the
// realm.
func NewDatabase(r *krbtest.Realm) *Database {
	return &Database{
		Realm: r, clients: make(map[keytab.Principal]Client), services: make(map[keytab.Principal]Service),
		trusts: make(map[string]trust),
	}
}

// SetClient adds or replaces a client.
func (d *Database) SetClient(p keytab.Principal, c Client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clients[p] = c
}

// SetService sets the attributes of a service, which has its keys in the realm.
func (d *Database) SetService(p keytab.Principal, s Service) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.services[p] = s
}

// Service returns the attributes of a service.
func (d *Database) Service(p keytab.Principal) Service {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.services[p]
}

// Clients returns a copy of the table of clients.
func (d *Database) Clients() map[keytab.Principal]Client {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.clients)
}

// Trust makes the keys with which d and other issue tickets for each other. It does nothing
// if they trust each other already.
func (d *Database) Trust(other *Database) {
	if _, ok := d.trust(other.Realm.Name); ok {
		return
	}
	to := krbtest.ServiceKey{EncryptionKey: d.Realm.NewKey(d.Realm.ETypes[0]), Kvno: 1}
	from := krbtest.ServiceKey{EncryptionKey: d.Realm.NewKey(d.Realm.ETypes[0]), Kvno: 1}
	d.setTrust(trust{other, to, from})
	other.setTrust(trust{d, from, to})
}

func (d *Database) setTrust(t trust) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trusts[t.other.Realm.Name] = t
}

func (d *Database) trust(realm string) (trust, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.trusts[realm]
	return t, ok
}

// Trusted returns the databases of all realms that d trusts, by their names.
func (d *Database) Trusted() []*Database {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]*Database, 0, len(d.trusts))
	for _, t := range d.trusts {
		all = append(all, t.other)
	}
	slices.SortFunc(all, func(a, b *Database) int { return strings.Compare(a.Realm.Name, b.Realm.Name) })
	return all
}

// client returns the entry of a client, or that of a service, which may log in with its keys.
func (d *Database) client(p keytab.Principal) (Client, bool) {
	d.mu.Lock()
	c, ok := d.clients[p]
	d.mu.Unlock()
	if ok {
		return c, true
	}
	keys := d.Realm.KeysOf(p)
	return Client{Keys: keys, PAC: new(krbtest.PAC)}, len(keys) > 0
}

// enterprise returns the client with an enterprise name (RFC 6806, Section 5), which is the
// client's UPN, or its name and its realm. If it belongs to a trusted realm, enterprise
// returns the name of that realm.
func (d *Database) enterprise(name string) (p keytab.Principal, c Client, elsewhere string) {
	for p, c := range d.Clients() {
		if c.UPN != "" && strings.EqualFold(c.UPN, name) {
			return p, c, ""
		}
	}
	at := strings.LastIndexByte(name, '@')
	if at < 0 {
		at = len(name)
		name += "@" + d.Realm.Name
	}
	local, realm := name[:at], name[at+1:]
	if strings.EqualFold(realm, d.Realm.Name) {
		if p, err := keytab.NewPrincipal(d.Realm.Name, local); err == nil {
			if c, ok := d.client(p); ok {
				return p, c, ""
			}
		}
	}
	for _, other := range d.Trusted() {
		if strings.EqualFold(realm, other.Realm.Name) {
			return keytab.Principal{}, Client{}, other.Realm.Name
		}
	}
	return keytab.Principal{}, Client{}, ""
}

// pacOf returns the PAC of a client of this realm or of a trusted realm, or nil. A name that
// is not in the database gets the PAC of a new client.
func (d *Database) pacOf(p keytab.Principal) *krbtest.PAC {
	home := d
	if p.Realm() != d.Realm.Name {
		t, ok := d.trust(p.Realm())
		if !ok {
			return nil
		}
		home = t.other
	}
	if c, ok := home.client(p); ok {
		return c.PAC
	}
	return new(krbtest.PAC)
}

// principal converts a name of a request, and reports false if no principal can have it.
func principal(n krb5.Name, realm []byte) (keytab.Principal, bool) {
	p, err := keytab.ParsePrincipal(string(krb5.AppendPrincipal(nil, n, realm)))
	return p, err == nil
}

// components returns the components of a name.
func components(n krb5.Name) []string {
	var all []string
	for c := range n.All() {
		all = append(all, string(c))
	}
	return all
}
