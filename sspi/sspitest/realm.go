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
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Realm is a Kerberos realm: services with keys, users with names, a clock and a
// source of randomness. The zero Realm is none.
type Realm struct {
	// Package fmt follows one pointer past any Format method, and never two.
	kdc **krbtest.Realm

	random io.Reader // for acceptors; nil: their own
	ahead  *atomic.Int64
}

// NewRealm makes a realm with the system's clock and randomness. Its name is one
// like "EXAMPLE.COM".
func NewRealm(name string) *Realm {
	r := newRealm(name)
	(*r.kdc).Rand = rand.Reader
	r.clock(time.Now)
	return r
}

// NewDeterministicRealm makes a realm in which nothing is left to chance: it
// always is half past eight on 17 May 2031, and keys, confounders and sequence
// numbers follow from the calls alone. The same calls in the same order, of one
// goroutine, make the same bytes, in every run and on every machine.
func NewDeterministicRealm(name string) *Realm {
	r := newRealm(name)
	r.random = random{r.kdc}
	r.clock(func() time.Time { return krbtest.Epoch })
	return r
}

// random is the realm's randomness, and does not lead a printer to its keys.
type random struct{ kdc **krbtest.Realm }

// Read may be called by any number of goroutines.
func (r random) Read(b []byte) (int, error) { return (*r.kdc).Read(b) }

func newRealm(name string) *Realm {
	kdc := krbtest.NewRealm(name)
	kdc.ETypes = serviceETypes()
	return &Realm{kdc: &kdc, ahead: new(atomic.Int64)}
}

// serviceETypes are those of services' keys, the KDC's favourite first.
func serviceETypes() []keytab.EType {
	if fips140.Enforced() { // where the others cannot be had
		return []keytab.EType{keytab.AES256_CTS_HMAC_SHA384_192, keytab.AES128_CTS_HMAC_SHA256_128}
	}
	return append(slices.Clone(krbtest.Preference), keytab.RC4_HMAC)
}

func (r *Realm) clock(base func() time.Time) {
	(*r.kdc).Clock = func() time.Time { return base().Add(time.Duration(r.ahead.Load())) }
}

// Name is the realm's name.
func (r *Realm) Name() string {
	if r == nil || r.kdc == nil {
		return ""
	}
	return (*r.kdc).Name
}

// Now is the time in the realm, by which tickets are made and by which the
// acceptors of [Realm.Config] judge them. It is UTC.
func (r *Realm) Now() time.Time {
	if r == nil || r.kdc == nil {
		return time.Time{}
	}
	return (*r.kdc).Now()
}

// Advance moves the realm's clock by d, back if d is negative. It moves that of
// the clients and of the acceptors of [Realm.Config]. An acceptor that was made
// with keys alone has the system's clock.
func (r *Realm) Advance(d time.Duration) {
	if r != nil && r.ahead != nil {
		r.ahead.Add(int64(d))
	}
}

// Service returns the keys of services, such as "HTTP/www.example.com", as a
// keytab: one key for each of the encryption types 17 to 20, and one of RC4, which
// only an acceptor uses that names RC4 (sspi.Config.ETypes); where GODEBUG=fips140=only
// is set, of the types 19 and 20 alone. A service is made when it is named for the first
// time. A name without realm is of this one. Without names, it is the keys of all
// services there are. The table does not change with later calls of Rotate.
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

// Rotate gives services new keys with the next version number, as a KDC does when
// their password is changed. The old ones stay in the keytab. A client that was
// made before has a ticket for an old key.
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

// check refuses a realm or names that are none.
func (r *Realm) check(names ...string) error {
	if r == nil || r.kdc == nil {
		return argument("the realm is not from NewRealm")
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

// known refuses a service that nobody made, which most often is a misspelt one.
func (r *Realm) known(service string) error {
	if len((*r.kdc).Keys(service)) == 0 {
		return argument(fmt.Sprintf("the realm has no service %.100q: make it with Service, Config or Acceptor", service))
	}
	return nil
}

// Format keeps a printed Realm from showing its keys, whatever the verb.
func (r *Realm) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "sspitest.Realm{"+r.Name()+"}") }

func argument(detail string) error {
	return &status.Error{Reason: status.ReasonArgument, Detail: "sspitest: " + detail}
}
