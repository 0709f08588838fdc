package sspitest

import (
	"crypto/fips140"
	"slices"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
)

// DefaultFlags are what MIT's gss-client asks for unless told otherwise.
const DefaultFlags = flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_REPLAY_FLAG | flags.GSS_C_SEQUENCE_FLAG |
	flags.GSS_C_CONF_FLAG | flags.GSS_C_INTEG_FLAG

// Options are a client's wishes, habits and faults. The zero value is a client
// that does everything right, as MIT's does.
type Options struct {
	// Flags are what the client asks for. If 0, DefaultFlags. To ask for nothing
	// at all, set GSS_C_MUTUAL_FLAG and OneWay.
	Flags flags.GSS

	// SPNEGO wraps the client's tokens in SPNEGO (RFC 4178), as browsers and curl
	// do: it offers Kerberos, with the AP-REQ in the first token.
	SPNEGO bool

	// OneWay takes GSS_C_MUTUAL_FLAG away: the client does not wait for an
	// answer, and gets none, not even a refusal. In SPNEGO it waits for one, which
	// does not prove that it is the service's.
	OneWay bool

	// DCEStyle adds GSS_C_DCE_STYLE: three legs, without GSS framing, as in DCE
	// RPC; in SPNEGO there is a fourth.
	DCEStyle bool

	// Delegate adds GSS_C_DELEG_FLAG and forwards a ticket-granting ticket of
	// the client, which is good for being read and for nothing else.
	Delegate bool

	// Raw sends the AP-REQ without GSS framing; see
	// sspi.ContextConfig.AllowRawAPReq.
	Raw bool

	// TicketEType is the encryption type of the service's key that the ticket is
	// sealed in, SessionEType that of the ticket's session key, and SubkeyEType
	// that of the client's subkey. If 0, they are aes256-cts-hmac-sha1-96 (with
	// GODEBUG=fips140=only aes256-cts-hmac-sha384-192), that of the ticket, and that of
	// the session. They are of the types 17 to 20,
	// or keytab.RC4_HMAC, for the service to refuse unless it names that.
	TicketEType, SessionEType, SubkeyEType keytab.EType

	// NoOffer leaves out the list of encryption types that the client would like
	// better than its subkey's (RFC 4537). A context of RC4 then stays one.
	NoOffer bool

	// NoSubkey leaves the client's subkey out.
	NoSubkey bool

	// ChannelBindings name the channel that the client is bound to. If nil, it
	// sends none. With GODEBUG=fips140=only a client cannot have them, since their
	// hash is MD5.
	ChannelBindings *sspi.ChannelBindings

	// BindingAware: the client says that it knows of channel bindings, as
	// Windows does (KERB_AP_OPTIONS_CBT of MS-KILE), so that it is no excuse if it
	// sends none.
	BindingAware bool

	// Target is the service that the client says it asked for, as Windows does
	// (AD-CLIENT-TARGET of MS-KILE). If "", it does not say.
	Target string

	// StartTime and EndTime are the ticket's, in whole seconds, between 1970 and
	// 9999. If zero, it is valid from now for ten hours; the ten hours go from
	// StartTime, or end at an EndTime that has passed.
	StartTime, EndTime time.Time

	// ClockOffset is how far the client's clock is ahead of the realm's, behind
	// it if negative.
	ClockOffset time.Duration

	// RetrySkew: told that its clock is wrong, the client tries once more by the
	// acceptor's, as Windows and Heimdal do and MIT does not.
	RetrySkew bool
}

// complete is o with what its zero values stand for.
func (o Options) complete(now time.Time) (Options, error) {
	if o.Flags == 0 {
		o.Flags = DefaultFlags
	}
	if o.DCEStyle {
		o.Flags |= flags.GSS_C_DCE_STYLE
	}
	if o.Delegate {
		o.Flags |= flags.GSS_C_DELEG_FLAG
	}
	if o.OneWay {
		o.Flags &^= flags.GSS_C_MUTUAL_FLAG
	}
	if o.TicketEType == 0 {
		o.TicketEType = serviceETypes()[0]
	}
	if o.SessionEType == 0 {
		o.SessionEType = o.TicketEType
	}
	if o.SubkeyEType == 0 {
		o.SubkeyEType = o.SessionEType
	}
	const life = 10 * time.Hour
	switch start, end := o.StartTime.IsZero(), o.EndTime.IsZero(); {
	case start && !end && !o.EndTime.After(now):
		o.StartTime = o.EndTime.Add(-life)
	case start:
		o.StartTime = now
	}
	if o.EndTime.IsZero() {
		o.EndTime = o.StartTime.Add(life)
	}
	return o, o.check(now)
}

func (o *Options) check(now time.Time) error {
	for _, e := range []keytab.EType{o.TicketEType, o.SessionEType, o.SubkeyEType} {
		if !slices.Contains(serviceETypes(), e) {
			return argument("no client has " + e.String())
		}
	}
	if o.ChannelBindings != nil && fips140.Enforced() {
		return argument("channel bindings are hashed with MD5, which GODEBUG=fips140=only forbids")
	}
	for _, t := range []time.Time{o.StartTime, o.EndTime, now.Add(o.ClockOffset)} {
		if y := t.UTC().Year(); y < 1970 || y > 9999 {
			return argument("a time before 1970 or after 9999")
		}
	}
	if o.OneWay && o.Flags&flags.GSS_C_DCE_STYLE != 0 {
		return argument("DCE style is never one-way")
	}
	return nil
}
