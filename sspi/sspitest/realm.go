package sspitest

import (
	"crypto/fips140"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/testkdc"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Realm is a Kerberos realm with services, which have keys, users, which have names, a clock
// and a source of randomness. Methods of the zero Realm that return an error return an error.
type Realm struct {
	// Package fmt may follow one pointer without calling a Format method, but never two.
	kdc **krbtest.Realm
	db  **testkdc.Database

	random io.Reader // for acceptors; nil means their default
	ahead  *atomic.Int64
}

// NewRealm returns a realm that uses the system's clock and randomness. name is the realm's
// name, such as "EXAMPLE.COM".
func NewRealm(name string) *Realm {
	r := newRealm(name)
	(*r.kdc).Rand = rand.Reader
	r.clock(time.Now)
	return r
}

// NewDeterministicRealm returns a realm without randomness. Its time is 17 May 2031,
// 08:30:15.25 UTC, until [Realm.Advance] changes it. Its keys, confounders and sequence numbers
// depend only on the calls. The same calls in the same order in one goroutine produce the
// same bytes in every run and on every machine.
func NewDeterministicRealm(name string) *Realm {
	r := newRealm(name)
	r.random = random{r.kdc}
	r.clock(func() time.Time { return krbtest.Epoch })
	return r
}

// random reads the realm's randomness. It holds two pointers, so that package fmt does not
// print the realm's keys.
type random struct{ kdc **krbtest.Realm }

// Read fills b. It is safe for concurrent use.
func (r random) Read(b []byte) (int, error) { return (*r.kdc).Read(b) }

func newRealm(name string) *Realm {
	kdc := krbtest.NewRealm(name)
	kdc.ETypes = serviceETypes()
	db := testkdc.NewDatabase(kdc)
	return &Realm{kdc: &kdc, db: &db, ahead: new(atomic.Int64)}
}

// serviceETypes returns the encryption types of services' keys, in the KDC's order of
// preference.
func serviceETypes() []keytab.EType {
	if fips140.Enforced() { // which permits no other encryption type
		return []keytab.EType{keytab.AES256_CTS_HMAC_SHA384_192, keytab.AES128_CTS_HMAC_SHA256_128}
	}
	return append(slices.Clone(krbtest.Preference), keytab.RC4_HMAC)
}

func (r *Realm) clock(base func() time.Time) {
	(*r.kdc).Clock = func() time.Time { return base().Add(time.Duration(r.ahead.Load())) }
}

// Name returns the realm's name.
func (r *Realm) Name() string {
	if r == nil || r.kdc == nil {
		return ""
	}
	return (*r.kdc).Name
}

// Now returns the time of the realm's clock in UTC. The realm creates tickets with this time,
// and the acceptors of [Realm.Config] use it.
func (r *Realm) Now() time.Time {
	if r == nil || r.kdc == nil {
		return time.Time{}
	}
	return (*r.kdc).Now()
}

// Advance moves the realm's clock by d, back if d is negative. The clients and the acceptors
// of [Realm.Config] use that clock. An acceptor that a test created with the keys of
// [Realm.Service] uses the system's clock unless the test sets sspi.Config.Time.
func (r *Realm) Advance(d time.Duration) {
	if r != nil && r.ahead != nil {
		r.ahead.Add(int64(d))
	}
}

// Service returns the keys of services, such as "HTTP/www.example.com", as a keytab. It
// creates a service at the first use of its name. Each service has a key for each of the
// encryption types 17 to 20, and an RC4 key, which an acceptor uses only if
// sspi.Config.ETypes names RC4; with GODEBUG=fips140=only it has keys for the types 19 and 20
// only. A name without a realm belongs to this realm. Without names, Service returns the keys
// of all existing services. Later calls of Rotate do not change the table.
func (r *Realm) Service(names ...string) (*keytab.Table, error) {
	if err := r.check(names...); err != nil {
		return nil, err
	}
	return r.table(names)
}

func (r *Realm) table(names []string) (t *keytab.Table, err error) {
	err = guard(func() {
		if len(names) == 0 {
			t = (*r.kdc).Table()
		} else {
			t = (*r.kdc).Service(names...)
		}
	})
	return t, err
}

// Rotate creates new keys with the next version number for services, as a KDC does when the
// password of a service changes. The old keys stay in the keytab. The ticket of an existing
// client is still encrypted in an old key.
func (r *Realm) Rotate(names ...string) error {
	if err := r.check(names...); err != nil {
		return err
	}
	for _, name := range names {
		if err := r.known(name); err != nil {
			return err
		}
	}
	return guard(func() { (*r.kdc).Rotate(names...) })
}

// check returns an error if the realm is the zero Realm, or if the realm's name or one of
// names is invalid.
func (r *Realm) check(names ...string) error {
	if r == nil || r.kdc == nil {
		return argument("NewRealm did not create this Realm")
	}
	if _, err := keytab.NewPrincipal((*r.kdc).Name, "x"); err != nil {
		return fmt.Errorf("sspitest: the realm %.100q: %w", (*r.kdc).Name, err)
	}
	for _, name := range names {
		if _, err := (*r.kdc).Principal(name); err != nil {
			return fmt.Errorf("sspitest: the name %.100q: %w", name, err)
		}
	}
	return nil
}

// known returns an error if the service does not exist, most often because the test misspells
// its name.
func (r *Realm) known(service string) error {
	if len((*r.kdc).Keys(service)) == 0 {
		return argument(fmt.Sprintf("the realm has no service %.100q: make it with Service, Config or Acceptor", service))
	}
	return nil
}

// Format prints the realm's name for every verb, so that the keys of the realm are not
// printed.
func (r *Realm) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "sspitest.Realm{"+r.Name()+"}") }

func argument(detail string) error {
	return &status.Error{Reason: status.ReasonArgument, Detail: "sspitest: " + detail}
}
