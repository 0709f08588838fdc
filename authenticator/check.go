package authenticator

import (
	"net/netip"
	"sync"
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

// Params contains the acceptor's side of the checks: its clock, its channel bindings and
// its policy.
type Params struct {
	// Now is the acceptor's clock.
	Now time.Time
	// Skew is the permitted difference between the client's clock and Now.
	Skew time.Duration
	// ETypes are the permitted encryption types of subkeys and checksums. If
	// nil, 17 to 20.
	ETypes []keytab.EType
	// Bindings are the channels to which the client may be bound; it must match one of
	// them. If Bindings is empty, the client's bindings are not compared.
	Bindings []ChannelBindings
	// BindingsUnknown, if not nil, says why Bindings is empty although the channel has
	// bindings. Then a client that sends bindings is refused with
	// ReasonBindingUnknown, which wraps BindingsUnknown, and a client that says it
	// supports bindings and sends none is refused with ReasonBindingMissing.
	// BindingsUnknown has no effect where Bindings is not empty, and under BindingProxied
	// and BindingProxiedAllowMissing.
	BindingsUnknown error
	// Policy determines whether clients that send no bindings are accepted.
	Policy BindingPolicy
	// PeerAddr is the client's address. If it is the zero Addr, the addresses in the ticket
	// are not compared.
	PeerAddr netip.Addr
	// TransitedRealms are realms that may lie between the client's realm and the
	// service's where the KDC did not check the path, in addition to the realms of the
	// hierarchical path (RFC 4120, Section 2.7).
	TransitedRealms []string
	// Delegate requests the client's forwarded credentials. If it is not set, they are not
	// read. Malformed credentials refuse the client. Well-formed credentials that must not
	// be used are withheld, see [Verified.DelegationError].
	Delegate bool
	// IgnoreUnknownAuthorizationData selects MS-KILE, Section 3.1.5.5, in place of RFC 4120,
	// Section 5.2.6: critical authorization data of an unknown type does not refuse the
	// client.
	IgnoreUnknownAuthorizationData bool
}

// Check decrypts the authenticator with the ticket's session key and compares it with the
// ticket, the clock and p (RFC 4120, Section 3.2.3; RFC 4121, Section 4.1.1). It applies
// every check except the replay check, which is the last step: [Checked.Claim].
//
// Errors are, or wrap, *status.Error. An error about an authenticator that was decrypted
// is a [*Refused].
func Check(t *ticket.Ticket, p *Params) (*Checked, error) {
	// This function is short enough to be inlined, so the Checked stays on the caller's stack.
	c, err := check(t, p)
	if err != nil {
		return nil, err
	}
	return &c, nil
}

func check(t *ticket.Ticket, p *Params) (Checked, error) {
	content := t.Unproven()
	if content == nil {
		return Checked{}, &status.Error{Reason: status.ReasonArgument, Detail: "the Ticket was not returned by ticket.Open"}
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	var a krb5.Authenticator
	if err := s.open(t, content, &a); err != nil {
		return Checked{}, err
	}
	c, err := s.checkOpened(t, content, &a, p)
	if err != nil {
		return Checked{}, stamped(&a, err)
	}
	return c, nil
}

// checkOpened checks an authenticator that the ticket's session key has decrypted.
func (s *scratch) checkOpened(t *ticket.Ticket, content *ticket.Content, a *krb5.Authenticator, p *Params) (Checked, error) {
	if err := s.checkClient(a, content); err != nil {
		return Checked{}, err
	}
	if err := checkAddresses(content.Addresses, p.PeerAddr); err != nil {
		return Checked{}, err
	}
	if err := checkTransited(content, p.TransitedRealms); err != nil {
		return Checked{}, err
	}
	var ad authData
	if err := ad.read(content.AuthorizationData, a.AuthorizationData, content.ServiceKey, p); err != nil {
		return Checked{}, err
	}
	if err := checkSkew(a, p.Now, p.Skew); err != nil {
		return Checked{}, err
	}
	sum, err := readChecksum(a, t.Options(), content.SessionKey)
	if err != nil {
		return Checked{}, err
	}
	binding, err := decideBinding(&sum, ad.bindingAware, p)
	if err != nil {
		return Checked{}, refusal(&sum, binding, err)
	}
	sub, err := readSubkey(a, p.ETypes)
	if err != nil {
		return Checked{}, refusal(&sum, binding, err)
	}
	delegated, unusable, err := readDelegation(&sum, sub, content, p)
	if err != nil {
		return Checked{}, refusal(&sum, binding, err)
	}
	c := Checked{exchange{
		content: content, flags: sum.flags, binding: binding, subkey: sub,
		sequenceNumber: a.SequenceNumber, ctime: a.Ctime, cusec: a.Cusec,
		offer: ad.offer, offered: ad.offered, extras: newExtras(&ad, delegated, unusable),
		now: p.Now.Unix(), nowNano: int32(p.Now.Nanosecond()), skew: p.Skew,
		client: digestClient(s.name),
	}}
	_, sealed := t.Authenticator()
	c.setTag(content.SessionKey.EType(), sealed)
	return c, nil
}

// open decrypts the authenticator into s and parses it.
func (s *scratch) open(t *ticket.Ticket, content *ticket.Content, a *krb5.Authenticator) error {
	e, sealed := t.Authenticator()
	if e != content.SessionKey.EType() {
		return &status.Error{Reason: status.ReasonWrongKey, Detail: "the authenticator is encrypted with " + etype.ID(e).NameAndNumber() + ", but the ticket's session key is of type " + etype.ID(content.SessionKey.EType()).NameAndNumber()}
	}
	plain, err := content.SessionKey.Decrypt(s.plain[:0], sealed, etype.UsageAuthenticator)
	if err != nil {
		return &status.Error{Reason: status.ReasonWrongKey, Detail: "the ticket's session key does not decrypt the authenticator"}
	}
	s.plain = plain
	return a.Parse(plain)
}

// checkClient compares the client names in authenticator and ticket: realm and all
// components. The escaped forms are equal exactly if the names are equal.
func (s *scratch) checkClient(a *krb5.Authenticator, content *ticket.Content) error {
	s.name = krb5.AppendPrincipal(s.name[:0], a.Client, a.ClientRealm)
	if string(s.name) != content.Client.String() {
		return &status.Error{Reason: status.ReasonNameMismatch, Detail: "the authenticator names " + quote.Text(s.name) + ", the ticket " + quote.Text(content.Client.String())}
	}
	return nil
}

// checkSkew compares the authenticator's time with the clock. It accepts a difference of
// exactly skew (RFC 4120, Section 3.2.3).
func checkSkew(a *krb5.Authenticator, now time.Time, skew time.Duration) error {
	stamp := time.Unix(a.Ctime, int64(a.Cusec)*1000)
	if stamp.Before(now.Add(-skew)) || stamp.After(now.Add(skew)) {
		return &status.Error{Reason: status.ReasonClockSkew, Detail: "the client's clock said " + stamp.UTC().Format(time.RFC3339) + ", the clock here " + now.UTC().Format(time.RFC3339)}
	}
	return nil
}

// subkey holds the initiator's subkey, as bytes until a caller asks for a key, and out of
// sight of package fmt (see package secret).
type subkey struct {
	etype keytab.EType
	bytes **[maxKeyLen]byte
	n     int8
}

const maxKeyLen = 32

// hide copies the secret, with one allocation.
func (k *subkey) hide(value []byte) {
	k.bytes = new(secret.Veil[[maxKeyLen]byte]).Hide()
	k.n = int8(copy((*k.bytes)[:], value))
}

func (k *subkey) key() keytab.Key {
	if k.n == 0 {
		return keytab.Key{}
	}
	key, err := keytab.NewKey(k.etype, (*k.bytes)[:k.n])
	if err != nil {
		return keytab.Key{} // unreachable: readSubkey checked type and length
	}
	return key
}

func readSubkey(a *krb5.Authenticator, permitted []keytab.EType) (k subkey, err error) {
	if a.Subkey.Value == nil {
		return k, nil
	}
	profile, known := etype.Lookup(etype.ID(a.Subkey.EType))
	if !known || !etype.Permitted(permitted, a.Subkey.EType) {
		return k, &status.Error{Reason: status.ReasonETypeRefused, Detail: "the authenticator's subkey is of " + etype.ID(a.Subkey.EType).NameAndNumber()}
	}
	if len(a.Subkey.Value) != profile.KeyLen || profile.KeyLen > maxKeyLen {
		return k, &status.Error{Reason: status.ReasonETypeRefused, Detail: "the authenticator's subkey has the wrong length for " + etype.ID(a.Subkey.EType).NameAndNumber()}
	}
	k.etype = keytab.EType(a.Subkey.EType)
	k.hide(a.Subkey.Value)
	return k, nil
}

// Refused is the refusal of a client whose authenticator was decrypted. The flags tell
// whether the client waits for a reply; they are 0 if they were not read.
type Refused struct {
	Time    time.Time // of the client: ctime and cusec
	Flags   flags.GSS // requested by the client, not granted
	Binding Binding   // result for its channel bindings, which need not be the cause of the refusal
	Err     error     // wraps a *status.Error
}

func (r *Refused) Error() string { return r.Err.Error() }
func (r *Refused) Unwrap() error { return r.Err }

// stamped adds the client's time to err.
func stamped(a *krb5.Authenticator, err error) error {
	r, ok := err.(*Refused)
	if !ok {
		r = &Refused{Err: err}
	}
	r.Time = time.Unix(a.Ctime, int64(a.Cusec)*1000).UTC()
	return r
}

// refusal notes the client's flags and the result b for its channel bindings.
func refusal(c *checksum, b Binding, err error) error {
	return &Refused{Flags: c.flags, Binding: b, Err: err}
}

// scratch contains data that must not outlive one call of Check.
type scratch struct {
	plain []byte
	name  []byte
}

// maxKept bounds the buffers that the pool keeps, so that one long authenticator
// (delegation makes them long) does not make every later wipe slower.
const maxKept = 16 << 10

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// release wipes the plaintext, which may contain a subkey, and returns s to the pool.
func (s *scratch) release() {
	s.plain = s.plain[:cap(s.plain)]
	clear(s.plain)
	s.plain = s.plain[:0]
	if cap(s.plain) <= maxKept {
		scratches.Put(s)
	}
}
