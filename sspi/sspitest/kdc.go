package sspitest

import (
	"errors"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/testkdc"
	"github.com/gosspi/kerberos/keytab"
)

// KDCConfig configures a KDC. The zero KDCConfig is ready to use.
type KDCConfig struct {
	// Address is an IP address of the loopback interface and a port, such as
	// "127.0.0.1:8088". "" means a free port of 127.0.0.1. [Realm.Listen] refuses every other
	// address.
	Address string
	// RC4 permits RC4 to clients that request it before the other encryption types. Without
	// RC4, the KDC answers a client that requests no other type with KDC_ERR_ETYPE_NOSUPP.
	RC4 bool
	// TicketLife and RenewableLife are the longest lifetimes of tickets. 0 means ten hours and
	// seven days.
	TicketLife, RenewableLife time.Duration
	// Logger receives a record of each ticket and of each refusal. nil means no log.
	Logger *slog.Logger
}

// KDC serves a [Realm] to other programs over TCP and UDP, on the loopback interface only.
// [Realm.Listen] creates it.
type KDC struct {
	// Two pointers, see Realm.kdc.
	kdc    **testkdc.KDC
	server *testkdc.Server
	realm  *Realm
	rc4    bool
}

// Listen starts a KDC that answers kinit, curl and other programs. It starts goroutines, which
// [KDC.Close] ends. A realm may have several KDCs.
//
// The KDC uses the realm's clock, and other programs use the system's clock: create the realm
// with [NewRealm] for them.
func (r *Realm) Listen(c KDCConfig) (*KDC, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if !confName.MatchString(r.Name()) {
		return nil, argument("the name of the realm cannot be written to krb5.conf: use letters, digits, '.' and '-'")
	}
	if c.TicketLife < 0 || c.RenewableLife < 0 {
		return nil, argument("TicketLife and RenewableLife cannot be negative")
	}
	if c.Address == "" {
		c.Address = "127.0.0.1:0"
	}
	if c.TicketLife == 0 {
		c.TicketLife = testkdc.DefaultLife
	}
	if c.RenewableLife == 0 {
		c.RenewableLife = testkdc.DefaultRenewableLife
	}
	k := testkdc.New(*r.db, testkdc.Config{Life: c.TicketLife, RenewableLife: c.RenewableLife, RC4: c.RC4, Logger: c.Logger})
	s, err := testkdc.Listen(k, c.Address)
	switch {
	case errors.Is(err, testkdc.ErrNotLoopback):
		return nil, argument(err.Error())
	case err != nil:
		return nil, err
	}
	(*r.db).AddAddress(s.Addr().String())
	return &KDC{&k, s, r, c.RC4}, nil
}

// Close stops the KDC, ends its connections, and waits for its goroutines.
func (k *KDC) Close() error {
	if k == nil || k.server == nil {
		return nil
	}
	(*k.realm.db).RemoveAddress(k.server.Addr().String())
	return k.server.Close()
}

// UserSettings are the entry of a user in the database of a [KDC].
type UserSettings struct {
	// Password is the user's password. "" means that the user has random keys, with which
	// only a program with the client.keytab of [KDC.Files] can log in.
	Password string
	// Salt is the salt of the password, which the KDC sends to the client. "" means the
	// default, the names of the realm and of the user. Active Directory keeps the salt when it
	// renames a user.
	Salt string

	// Account and NoPAC determine the PAC of the user's tickets, as in [Options]. A user with
	// an Account may also log in with its UPN (kinit -E).
	Account *Account
	NoPAC   bool

	// Disabled makes the KDC refuse the user with KDC_ERR_CLIENT_REVOKED.
	Disabled bool
}

// SetUser adds a user of this realm to the database of its [KDC], or replaces it. Only such
// users, and services with their keys, can log in at the KDC. [User.Initiate] works for other
// names too, and does not use the settings.
func (r *Realm) SetUser(name string, s UserSettings) error {
	if err := r.check(name); err != nil {
		return err
	}
	u := r.User(name)
	p := u.Principal()
	o := Options{Account: s.Account, NoPAC: s.NoPAC}
	switch {
	case p.Realm() != r.Name():
		return argument("the user belongs to a different realm")
	case !utf8.ValidString(s.Salt) || !utf8.ValidString(s.Password):
		return argument("the password and the salt must be UTF-8")
	case s.Account != nil && s.NoPAC:
		return argument("Account and NoPAC exclude each other: the account is in the PAC")
	}
	pac, err := o.pac(p)
	if err != nil {
		return err
	}
	c := testkdc.Client{PAC: pac, Salt: s.Salt, Disabled: s.Disabled}
	if s.Account != nil {
		c.UPN = s.Account.UPN
	}
	if c.Salt == "" {
		c.Salt = defaultSalt(p)
	}
	if err := guard(func() { c.Keys = r.userKeys(s.Password, c.Salt) }); err != nil {
		return err
	}
	(*r.db).SetClient(p, c)
	return nil
}

// defaultSalt returns the salt of RFC 4120, Section 4.
func defaultSalt(p keytab.Principal) string {
	salt := p.Realm()
	for c := range p.Components() {
		salt += c
	}
	return salt
}

func (r *Realm) userKeys(password, salt string) []krbtest.ServiceKey {
	kdc := *r.kdc
	if password == "" {
		return kdc.NewKeys(1)
	}
	var keys []krbtest.ServiceKey
	for _, e := range kdc.ETypes {
		keys = append(keys, krbtest.ServiceKey{EncryptionKey: krbtest.SaltedKey(password, salt, e), Kvno: 1})
	}
	return keys
}

// Trust makes this realm and other trust each other, so that the [KDC] of each refers its
// clients to the other realm for services of that realm. Both realms need a KDC then.
func (r *Realm) Trust(other *Realm) error {
	if err := r.check(); err != nil {
		return err
	}
	if err := other.check(); err != nil {
		return err
	}
	if r.Name() == other.Name() {
		return argument("a realm cannot trust a realm with the same name")
	}
	(*r.db).Trust(*other.db)
	return nil
}
