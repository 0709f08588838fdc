package krbtest

import (
	"cmp"
	"fmt"
	"io"
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

// Epoch is what the clock of a realm from [NewRealm] shows, always.
var Epoch = time.Date(2031, time.May, 17, 8, 30, 15, 250_000_000, time.UTC)

// Realm is a KDC's database in memory. It is safe for concurrent use once its
// fields are set.
type Realm struct {
	Name   string
	Clock  func() time.Time // the KDC's and the clients'
	Rand   io.Reader        // read by one goroutine at a time
	ETypes []keytab.EType   // of a service's keys, the KDC's favourite first
	Kvno   uint32           // of a service's first keys

	mu         sync.Mutex
	services   map[keytab.Principal][]ServiceKey
	generation uint64 // of services
}

// ServiceKey is a service's long-term key.
type ServiceKey struct {
	types.EncryptionKey
	Kvno uint32
}

// NewRealm makes a realm whose clock stands at [Epoch] and whose randomness is
// always the same. Services get keys of types 18, 17, 20 and 19 with kvno 1.
func NewRealm(name string) *Realm {
	return &Realm{
		Name:   name,
		Clock:  func() time.Time { return Epoch },
		Rand:   rand.NewChaCha8([32]byte{}),
		ETypes: slices.Clone(Preference),
		Kvno:   1,
	}
}

// Preference is the order in which MIT's libraries like encryption types.
var Preference = []keytab.EType{
	keytab.AES256_CTS_HMAC_SHA1_96, keytab.AES128_CTS_HMAC_SHA1_96,
	keytab.AES256_CTS_HMAC_SHA384_192, keytab.AES128_CTS_HMAC_SHA256_128,
}

// Now is the realm's time, in UTC.
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

// Principal reads a name; without a realm, it is one of this realm.
func (r *Realm) Principal(name string) (keytab.Principal, error) {
	p, err := keytab.ParsePrincipal(name)
	if err == nil {
		return p, nil
	}
	// The realm's name may need escaping; a Principal knows how.
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

// Service returns the keys of services, which are made when they are asked for
// the first time. The table does not change with later rotations.
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

// Table has the keys of all services.
func (r *Realm) Table() *keytab.Table {
	r.mu.Lock()
	names := make([]string, 0, len(r.services))
	for p := range r.services {
		names = append(names, p.String())
	}
	r.mu.Unlock()
	slices.Sort(names)
	return r.Service(names...)
}

// Generation grows with the keys, under the lock under which they change: who has
// a ticket for a key finds the key's generation here, or a later one.
func (r *Realm) Generation() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.generation
}

// Rotate gives services new keys, with the next kvno. The old ones stay.
func (r *Realm) Rotate(names ...string) {
	for _, name := range names {
		p := r.principal(name)
		old := r.serviceKeys(p)
		r.add(p, newest(old)+1)
	}
}

// Keys are a service's keys, newest first, by preference within a kvno. It has
// none that were not asked for by [Realm.Service] or [Realm.Ticket].
func (r *Realm) Keys(service string) []ServiceKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.services[r.principal(service)])
}

// Key is a service's key; kvno 0: the newest. It panics if there is none.
func (r *Realm) Key(service string, e keytab.EType, kvno uint32) ServiceKey {
	for _, k := range r.serviceKeys(r.principal(service)) {
		if k.KeyType == int32(e) && (kvno == 0 || k.Kvno == kvno) {
			return k
		}
	}
	panic(fmt.Sprintf("krbtest: %s has no key %v of kvno %d", service, e, kvno))
}

// serviceKeys are p's keys, made now if there are none.
func (r *Realm) serviceKeys(p keytab.Principal) []ServiceKey {
	r.mu.Lock()
	keys := slices.Clone(r.services[p])
	r.mu.Unlock()
	if keys == nil {
		return r.add(p, r.Kvno)
	}
	return keys
}

// add makes keys with a kvno, unless p has some with it already.
func (r *Realm) add(p keytab.Principal, kvno uint32) []ServiceKey {
	var fresh []ServiceKey
	for _, e := range r.ETypes {
		if e == keytab.RC4_HMAC && len(fresh) > 0 {
			// Not drawn, so that what is drawn behind it is as it was without.
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

// PasswordKey makes a key of a password with gokrb5's string-to-key: default
// salt, default iterations.
func PasswordKey(p keytab.Principal, password string, e keytab.EType) types.EncryptionKey {
	key, _, err := crypto.GetKeyFromPassword(password, principalName(p, 1), p.Realm(), int32(e), nil)
	must(err)
	return key
}

// principalName is p as gokrb5 has it.
func principalName(p keytab.Principal, nameType int32) types.PrincipalName {
	return types.PrincipalName{NameType: nameType, NameString: slices.Collect(p.Components())}
}
