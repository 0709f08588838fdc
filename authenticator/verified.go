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

// maxOffer bounds the encryption types that are kept of a client's list; there
// are four that can be of use.
const maxOffer = 8

// Checked is an authenticator that holds in every way, but may have been seen
// before. It gives what sizes a reply, and no identity.
type Checked struct {
	content *ticket.Content
	flags   flags.GSS
	binding Binding
	subkey  subkey

	sequenceNumber uint32
	ctime          int64
	cusec          int32

	offer   [maxOffer]keytab.EType
	offered int

	extras *extras // nil: none

	// Plain numbers, not a time.Time: its pointer would make everything here
	// escape to the heap on the way through the ReplayCache interface.
	now     int64
	nowNano int32
	skew    time.Duration
	tag     Tag
	client  ClientDigest
}

// extras are what few clients send. They lie behind a pointer of their own: a
// context keeps them, and would otherwise keep the ticket off the caller's stack.
type extras struct {
	target          string
	targetUntrusted bool
	delegated       *Delegated
	unusable        error // why delegated is nil although credentials were read
}

func newExtras(ad *authData, d *Delegated, unusable error) *extras {
	if ad.target == "" && !ad.targetUntrusted && d == nil && unusable == nil {
		return nil
	}
	return &extras{ad.target, ad.targetUntrusted, d, unusable}
}

// Flags are the flags of the client's checksum, and MUTUAL where AP-options or
// DCE style imply it. DELEG is among them only if Delegated returns credentials.
func (c *Checked) Flags() flags.GSS { return c.flags }

// Binding is what came of the channel bindings.
func (c *Checked) Binding() Binding { return c.binding }

// ETypes are the encryption types that the client would take for an acceptor's
// subkey, in its order (RFC 4537). The slice belongs to the Checked.
func (c *Checked) ETypes() []keytab.EType { return c.offer[:c.offered] }

// KeyEType is the encryption type of the key the client would use if the
// acceptor sent none: its subkey's, else the session key's.
func (c *Checked) KeyEType() keytab.EType {
	if c.subkey.n != 0 {
		return c.subkey.etype
	}
	return c.SessionEType()
}

// HasSubkey reports whether the client sent a subkey.
func (c *Checked) HasSubkey() bool { return c.subkey.n != 0 }

// SessionEType is the encryption type of the ticket's session key, which seals
// an AP-REP.
func (c *Checked) SessionEType() keytab.EType {
	if c.content == nil {
		return 0
	}
	return c.content.SessionKey.EType()
}

// Target is the service principal that the client says it asked for (MS-KILE,
// Section 3.2.5.8), empty if it said nothing. untrusted: it had the name from a
// source it does not trust.
func (c *Checked) Target() (name string, untrusted bool) {
	if c.extras == nil {
		return "", false
	}
	return c.extras.target, c.extras.targetUntrusted
}

// Time is ctime and cusec: what an AP-REP must echo.
func (c *Checked) Time() time.Time { return time.Unix(c.ctime, int64(c.cusec)*1000).UTC() }

// Claim records the authenticator in cache. It is the last check: what fails
// before it burns nobody's authenticator, and what it has passed can never be
// presented again. It fails as [Record.Claim] does.
//
// A nil cache is refused: there is no way to leave the replay cache out.
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
	return Verified{c}, nil
}

// overShare names the client that is over its share of the replay cache. The operator
// needs the name to find the client. It is not proven: the sender holds the session key,
// but no cache knows whether it presented this authenticator before.
func (c *Checked) overShare(err error) error {
	return &status.Error{
		Reason: status.ReasonReplayCacheShare,
		Detail: "the ticket's client " + quote.Text(c.content.Client.String()) + ", unproven since the cache did not record its authenticator",
		Err:    err,
	}
}

// record makes what the cache sees. The authenticator is kept until a second
// after the clock would refuse it anyway.
func (c *Checked) record() Record {
	stamp := time.Unix(c.ctime, int64(c.cusec)*1000)
	return Record{Tag: c.tag, Time: stamp, Now: time.Unix(c.now, int64(c.nowNano)), Until: stamp.Add(c.skew + time.Second), Client: c.client}
}

// setTag takes the last checksum-length bytes of the authenticator's
// ciphertext. They are the MAC over all of it, so no bit of an authenticator
// can change and its tag stay, whatever is rewritten around it; and they are
// the value that MIT's replay file stores. In RC4, whose MAC stands in front, they
// are the end of the ciphertext, which the MAC covers: they cannot change either.
func (c *Checked) setTag(e keytab.EType, sealed []byte) {
	profile, ok := etype.Lookup(etype.ID(e))
	if !ok || len(sealed) < profile.ChecksumLen {
		return // unreachable: it was decrypted
	}
	copy(c.tag[:], sealed[len(sealed)-profile.ChecksumLen:])
}

// Verified is proof: the sender holds the session key, and this authenticator
// was never seen before. Only [Checked.Claim] makes one; the zero Verified is
// refused everywhere.
type Verified struct{ c *Checked }

// IsZero reports whether v proves nothing. No other method may be called then.
func (v Verified) IsZero() bool { return v.c == nil }

// Ticket is what the ticket says of the client, now proven.
func (v Verified) Ticket() *ticket.Content { return v.c.content }

// Flags are those of [Checked.Flags].
func (v Verified) Flags() flags.GSS { return v.c.flags }

// Binding says what came of the channel bindings.
func (v Verified) Binding() Binding { return v.c.binding }

// Subkey is the initiator's subkey; the zero Key if it sent none. Each call
// makes a new one.
func (v Verified) Subkey() keytab.Key { return v.c.subkey.key() }

// SequenceNumber is the initiator's first, 0 if it sent none.
func (v Verified) SequenceNumber() uint32 { return v.c.sequenceNumber }

// Time is ctime and cusec: what an AP-REP must echo.
func (v Verified) Time() time.Time { return v.c.Time() }

// Target is that of [Checked.Target].
func (v Verified) Target() (name string, untrusted bool) { return v.c.Target() }

// Delegated returns the forwarded credentials. It returns nil unless [Params].Delegate
// asked for them, the client sent them and they may be used.
func (v Verified) Delegated() *Delegated {
	if v.c.extras == nil {
		return nil
	}
	return v.c.extras.delegated
}

// DelegationError returns why forwarded credentials that were asked for and opened are
// withheld: another client's, expired time stamp, an encryption type that
// [Params].ETypes does not permit, a name or time that is missing. It wraps a
// *status.Error with ReasonBadDelegation. It returns nil if no credentials are withheld.
func (v Verified) DelegationError() error {
	if v.c.extras == nil {
		return nil
	}
	return v.c.extras.unusable
}
