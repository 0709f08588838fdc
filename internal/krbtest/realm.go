package krbtest

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/crypto/rfc4757"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/keytab"
)

// Epoch is the constant time of the clock of a realm from [NewRealm].
var Epoch = time.Date(2031, time.May, 17, 8, 30, 15, 250_000_000, time.UTC)

// Realm is a KDC's database in memory. It is safe for concurrent use once its
// fields are set.
type Realm struct {
	Name   string
	Clock  func() time.Time // clock of the KDC and of the clients
	Rand   io.Reader        // read by one goroutine at a time
	ETypes []keytab.EType   // encryption types of a service's keys in the KDC's order of preference
	Kvno   uint32           // kvno of a service's first keys

	mu         sync.Mutex
	services   map[keytab.Principal][]ServiceKey
	generation uint64 // of services
	krbtgt     types.EncryptionKey
}

// ServiceKey is a service's long-term key.
type ServiceKey struct {
	types.EncryptionKey
	Kvno uint32
}

// NewRealm returns a realm with a constant clock at [Epoch] and a deterministic random
// source. Services get keys of types 18, 17, 20 and 19 with kvno 1.
func NewRealm(name string) *Realm {
	return &Realm{
		Name:   name,
		Clock:  func() time.Time { return Epoch },
		Rand:   rand.NewChaCha8([32]byte{}),
		ETypes: slices.Clone(Preference),
		Kvno:   1,
	}
}

// Preference lists encryption types in the order of preference of MIT's libraries.
var Preference = []keytab.EType{
	keytab.AES256_CTS_HMAC_SHA1_96, keytab.AES128_CTS_HMAC_SHA1_96,
	keytab.AES256_CTS_HMAC_SHA384_192, keytab.AES128_CTS_HMAC_SHA256_128,
}

// Now returns the realm's time in UTC.
func (r *Realm) Now() time.Time { return r.Clock().UTC() }

// Read reads the realm's randomness. Any number of goroutines may call it.
func (r *Realm) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return io.ReadFull(r.Rand, b)
}

// NewKey makes a random key.
func (r *Realm) NewKey(e keytab.EType) types.EncryptionKey {
	n := KeyLen(e)
	if n == 0 {
		panic(fmt.Sprintf("krbtest: gokrb5 has no %v", e))
	}
	return types.EncryptionKey{KeyType: int32(e), KeyValue: read(r, n)}
}

// Principal parses a name. A name without a realm gets this realm.
func (r *Realm) Principal(name string) (keytab.Principal, error) {
	p, err := keytab.ParsePrincipal(name)
	if err == nil {
		return p, nil
	}
	// The realm's name may need escaping, which Principal does.
	local, err := keytab.NewPrincipal(r.Name, "x")
	if err != nil {
		return keytab.Principal{}, err
	}
	return keytab.ParsePrincipal(name + strings.TrimPrefix(local.String(), "x"))
}

func (r *Realm) principal(name string) keytab.Principal {
	p, err := r.Principal(name)
	must(err)
	return p
}

// Service returns the keys of services. The first call for a service makes its keys. The
// table does not change with later rotations.
func (r *Realm) Service(names ...string) *keytab.Table {
	var entries []keytab.Entry
	for _, name := range names {
		p := r.principal(name)
		for _, k := range r.serviceKeys(p) {
			entries = append(entries, r.entry(p, k))
		}
	}
	t, err := keytab.NewTable(entries...)
	must(err)
	return t
}

// Table returns the keys of all services.
func (r *Realm) Table() *keytab.Table {
	var names []string
	for _, p := range r.Services() {
		names = append(names, p.String())
	}
	return r.Service(names...)
}

// Generation returns a number that grows with each change of the keys, under the same
// lock. A caller that holds a ticket for a key therefore gets the generation of that key
// or a later generation.
func (r *Realm) Generation() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.generation
}

// Rotate adds keys with the next kvno to services. The old keys stay valid.
func (r *Realm) Rotate(names ...string) {
	for _, name := range names {
		p := r.principal(name)
		old := r.serviceKeys(p)
		r.add(p, newest(old)+1)
	}
}

// Keys returns a service's keys, the newest first, and by preference within a kvno. It
// returns keys only of services passed to [Realm.Service] or [Realm.Ticket] before.
func (r *Realm) Keys(service string) []ServiceKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.services[r.principal(service)])
}

// Key returns the service's key with this type and kvno. A kvno of 0 selects the newest
// key. Key panics if the service has no such key.
func (r *Realm) Key(service string, e keytab.EType, kvno uint32) ServiceKey {
	for _, k := range r.serviceKeys(r.principal(service)) {
		if k.KeyType == int32(e) && (kvno == 0 || k.Kvno == kvno) {
			return k
		}
	}
	panic(fmt.Sprintf("krbtest: %s has no key %v of kvno %d", service, e, kvno))
}

// KeysOf returns the keys of a principal as [Realm.Keys] does.
func (r *Realm) KeysOf(p keytab.Principal) []ServiceKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.services[p])
}

// SetKeys replaces the keys of a principal, which are given in the order of [Realm.Keys].
func (r *Realm) SetKeys(p keytab.Principal, keys []ServiceKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.services == nil {
		r.services = make(map[keytab.Principal][]ServiceKey)
	}
	r.services[p] = slices.Clone(keys)
	r.generation++
}

// NewKeys makes random keys of all types of r.ETypes, without storing them.
func (r *Realm) NewKeys(kvno uint32) []ServiceKey {
	var keys []ServiceKey
	for _, e := range r.ETypes {
		keys = append(keys, ServiceKey{r.NewKey(e), kvno})
	}
	return keys
}

// Services returns the names of all services, sorted.
func (r *Realm) Services() []keytab.Principal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Keys(r.services), func(a, b keytab.Principal) int {
		return cmp.Compare(a.String(), b.String())
	})
}

// serviceKeys returns p's keys, and makes them if p has no keys.
func (r *Realm) serviceKeys(p keytab.Principal) []ServiceKey {
	r.mu.Lock()
	keys := slices.Clone(r.services[p])
	r.mu.Unlock()
	if keys == nil {
		return r.add(p, r.Kvno)
	}
	return keys
}

// add makes keys of p with this kvno, unless p already has keys with it.
func (r *Realm) add(p keytab.Principal, kvno uint32) []ServiceKey {
	var fresh []ServiceKey
	for _, e := range r.ETypes {
		if e == keytab.RC4_HMAC && len(fresh) > 0 {
			// This key is derived, not drawn from the random source, so that later
			// draws give the same bytes as in a realm without RC4.
			key := types.EncryptionKey{KeyType: int32(e), KeyValue: rfc4757.HMAC(fresh[0].KeyValue, []byte("RC4"))}
			fresh = append(fresh, ServiceKey{key, kvno})
			continue
		}
		fresh = append(fresh, ServiceKey{r.NewKey(e), kvno})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.services == nil {
		r.services = make(map[keytab.Principal][]ServiceKey)
	}
	if old := r.services[p]; newest(old) < kvno || len(old) == 0 {
		r.services[p] = append(fresh, old...)
		r.generation++
	}
	return slices.Clone(r.services[p])
}

func newest(keys []ServiceKey) uint32 {
	if len(keys) == 0 {
		return 0
	}
	return slices.MaxFunc(keys, func(a, b ServiceKey) int { return cmp.Compare(a.Kvno, b.Kvno) }).Kvno
}

func (r *Realm) entry(p keytab.Principal, k ServiceKey) keytab.Entry {
	key, err := keytab.NewKey(keytab.EType(k.KeyType), k.KeyValue)
	must(err)
	return keytab.Entry{Principal: p, Kvno: k.Kvno, Key: key, Time: r.Now().Truncate(time.Second)}
}

// PasswordKey derives a key from a password with gokrb5's string-to-key function, the
// default salt and the default iteration count.
func PasswordKey(p keytab.Principal, password string, e keytab.EType) types.EncryptionKey {
	key, _, err := crypto.GetKeyFromPassword(password, principalName(p, 1), p.Realm(), int32(e), nil)
	must(err)
	return key
}

// SaltedKey derives a key from a password with gokrb5's string-to-key function, a salt and
// the default iteration count.
func SaltedKey(password, salt string, e keytab.EType) types.EncryptionKey {
	et := implementation(int32(e))
	b, err := et.StringToKey(password, salt, et.GetDefaultStringToKeyParams())
	must(err)
	return types.EncryptionKey{KeyType: int32(e), KeyValue: b}
}

// principalName converts p to gokrb5's type.
func principalName(p keytab.Principal, nameType int32) types.PrincipalName {
	return types.PrincipalName{NameType: nameType, NameString: slices.Collect(p.Components())}
}
