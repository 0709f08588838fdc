package authenticator

import (
	"context"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// maxOffer bounds the number of encryption types that are stored of a client's list. Four
// types can be used.
const maxOffer = 8

// Checked is an authenticator that has passed every check except the replay check. Its
// methods return the data from which the size of a reply follows, and no identity.
type Checked struct{ exchange }

// exchange is what a client's AP-REQ contains. Its methods are those of both Checked and
// Verified.
type exchange struct {
	content *ticket.Content
	flags   flags.GSS
	binding Binding
	subkey  subkey

	sequenceNumber uint32
	ctime          int64
	cusec          int32

	offer   [maxOffer]keytab.EType
	offered int

	extras *extras // nil if the client sent no such data

	// These are numbers and not a time.Time, whose pointer would make the Checked escape to
	// the heap when it is passed through the ReplayCache interface.
	now     int64
	nowNano int32
	skew    time.Duration
	tag     Tag
	client  ClientDigest
}

// extras contains data that few clients send. It has a pointer of its own, because a
// context keeps it and would otherwise move the ticket to the heap.
type extras struct {
	target          string
	targetUntrusted bool
	delegated       *Delegated
	unusable        error // why delegated is nil although credentials were read
	indicators      []string
	unverified      error // why a CAMMAC of the ticket was not used
}

func newExtras(ad *authData, d *Delegated, unusable error) *extras {
	if ad.target == "" && !ad.targetUntrusted && d == nil && unusable == nil && !ad.cammac.seen {
		return nil
	}
	return &extras{ad.target, ad.targetUntrusted, d, unusable, ad.cammac.indicators, ad.cammac.unverified}
}

// Flags returns the flags of the client's checksum, and MUTUAL if the AP-options or the
// DCE style imply it. They include DELEG only if [Verified.Delegated] returns credentials.
func (c *exchange) Flags() flags.GSS { return c.flags }

// Binding returns the result of the comparison of channel bindings.
func (c *exchange) Binding() Binding { return c.binding }

// ETypes returns the encryption types that the client accepts for the acceptor's subkey,
// in the client's order (RFC 4537). The slice belongs to the Checked.
func (c *Checked) ETypes() []keytab.EType { return c.offer[:c.offered] }

// KeyEType returns the encryption type of the key that the client uses if the acceptor
// sends no subkey: the type of the client's subkey or, without a subkey, of the session
// key.
func (c *Checked) KeyEType() keytab.EType {
	if c.subkey.n != 0 {
		return c.subkey.etype
	}
	return c.SessionEType()
}

// HasSubkey reports whether the client sent a subkey.
func (c *Checked) HasSubkey() bool { return c.subkey.n != 0 }

// SessionEType returns the encryption type of the ticket's session key, which encrypts an
// AP-REP.
func (c *Checked) SessionEType() keytab.EType {
	if c.content == nil {
		return 0
	}
	return c.content.SessionKey.EType()
}

// Target returns the service principal that the client says it requested (MS-KILE,
// Section 3.2.5.8), or "" if the client did not send it. untrusted reports whether the
// client got the name from an untrusted source.
func (c *exchange) Target() (name string, untrusted bool) {
	if c.extras == nil {
		return "", false
	}
	return c.extras.target, c.extras.targetUntrusted
}

// Time returns the client's time, ctime and cusec, which an AP-REP must repeat.
func (c *exchange) Time() time.Time { return time.Unix(c.ctime, int64(c.cusec)*1000).UTC() }

// Claim records the authenticator in cache. It must be the last check: an authenticator
// that an earlier check refuses is not used up, and an authenticator that Claim has
// accepted can never be used again. Claim fails as [Record.Claim] does.
//
// Claim refuses a nil cache: the replay cache cannot be omitted.
func (c *Checked) Claim(ctx context.Context, cache ReplayCache) (Verified, error) {
	if c == nil || c.content == nil {
		return Verified{}, &status.Error{Reason: status.ReasonArgument, Detail: "Claim needs a Checked from Check"}
	}
	switch err := c.record().Claim(ctx, cache); {
	case status.ReasonOf(err) == status.ReasonReplayCacheShare:
		return Verified{}, c.overShare(err)
	case err != nil:
		return Verified{}, err
	}
	return Verified{&c.exchange}, nil
}

// overShare adds the name of the client that is over its share of the replay cache, which
// the operator needs to find the client. The name is not proven: the sender has the
// session key, but no cache knows whether it used this authenticator before.
func (c *Checked) overShare(err error) error {
	return &status.Error{
		Reason: status.ReasonReplayCacheShare,
		Detail: "the ticket's client " + quote.Text(c.content.Client.String()) + ", unproven since the cache did not record its authenticator",
		Err:    err,
	}
}

// record returns the Record for the cache. The cache must keep it until a second after
// the clock check would refuse the authenticator.
func (c *Checked) record() Record {
	stamp := time.Unix(c.ctime, int64(c.cusec)*1000)
	return Record{Tag: c.tag, Time: stamp, Now: time.Unix(c.now, int64(c.nowNano)), Until: stamp.Add(c.skew + time.Second), Client: c.client}
}

// setTag stores the last checksum-length bytes of the authenticator's ciphertext. They
// are the MAC of the ciphertext, so no attacker can change a bit of the authenticator without
// changing the tag. MIT's replay file stores the same bytes. With RC4 the MAC precedes
// the ciphertext; the last bytes are then ciphertext that the MAC covers, so they cannot
// be changed either.
func (c *Checked) setTag(e keytab.EType, sealed []byte) {
	profile, ok := etype.Lookup(etype.ID(e))
	if !ok || len(sealed) < profile.ChecksumLen {
		return // unreachable: sealed was decrypted
	}
	copy(c.tag[:], sealed[len(sealed)-profile.ChecksumLen:])
}

// Verified proves that the sender has the session key and that its authenticator was not
// used before. Only [Checked.Claim] returns a Verified; every function refuses the zero
// Verified.
type Verified struct{ *exchange }

// IsZero reports whether v is the zero Verified, on which no other method may be called.
func (v Verified) IsZero() bool { return v.exchange == nil }

// Ticket returns the content of the ticket. The sender is the client that it names.
func (v Verified) Ticket() *ticket.Content { return v.content }

// Subkey returns the initiator's subkey, or the zero Key if the initiator sent no subkey.
// Each call makes a new Key.
func (v Verified) Subkey() keytab.Key { return v.subkey.key() }

// SequenceNumber returns the initiator's first sequence number, or 0 if the initiator
// sent no sequence number.
func (v Verified) SequenceNumber() uint32 { return v.sequenceNumber }

// Delegated returns the forwarded credentials. It returns nil unless [Params].Delegate
// asked for them, the client sent them and they may be used.
func (v Verified) Delegated() *Delegated {
	if v.extras == nil {
		return nil
	}
	return v.extras.delegated
}

// DelegationError returns the reason why requested credentials that were decrypted are
// withheld: they belong to another client, their time stamp is not recent,
// [Params].ETypes does not permit their encryption type, or a name or time is missing. It
// wraps a *status.Error with ReasonBadDelegation. It returns nil if no credentials are
// withheld.
func (v Verified) DelegationError() error {
	if v.extras == nil {
		return nil
	}
	return v.extras.unusable
}

// Indicators returns the authentication indicators of the ticket: strings with which the
// KDC says how the client logged in to it, such as "pkinit" or "otp" (RFC 8129). Only the
// realm of the service defines their meaning. Each is in a CAMMAC whose svc-verifier the
// service's key has verified (RFC 7751, Section 4). The slice must not be modified.
//
// The verifier covers the strings and neither the client nor the ticket. The encryption of
// the ticket binds the CAMMAC to the client: only a holder of the service's key can put it
// there, and a KDC must not copy a CAMMAC that a client sends. Samba's domain controller does:
// use indicators only in realms whose KDC issues them. Check reads no CAMMAC of the
// authenticator or of a nested AD-IF-RELEVANT, and a ticket with two CAMMACs has no
// indicators: one of them may be a copy.
func (v Verified) Indicators() []string {
	if v.extras == nil {
		return nil
	}
	return v.extras.indicators
}

// IndicatorsError returns the reason why the indicators of the ticket are withheld: its
// CAMMAC is malformed, the service's key does not verify it, or there are two. It wraps a
// *status.Error. It returns nil if no indicators are withheld.
func (v Verified) IndicatorsError() error {
	if v.extras == nil {
		return nil
	}
	return v.extras.unverified
}
