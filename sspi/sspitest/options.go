package sspitest

import (
	"crypto/fips140"
	"slices"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
)

// DefaultFlags are the flags that MIT's gss-client requests by default.
const DefaultFlags = flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_REPLAY_FLAG | flags.GSS_C_SEQUENCE_FLAG |
	flags.GSS_C_CONF_FLAG | flags.GSS_C_INTEG_FLAG

// Options configure the requests of a client and the errors that it makes on purpose. With
// the zero value, the client makes no error and behaves as a client of MIT's library.
type Options struct {
	// Flags are the flags that the client requests. 0 means DefaultFlags. To request no
	// flag, set GSS_C_MUTUAL_FLAG here and OneWay.
	Flags flags.GSS

	// SPNEGO puts the client's tokens into SPNEGO tokens (RFC 4178), as browsers and curl
	// do. The client offers Kerberos, with the AP-REQ in the first token.
	SPNEGO bool

	// OneWay clears GSS_C_MUTUAL_FLAG: the client does not wait for an answer, and the
	// acceptor sends no answer, not even a refusal. In SPNEGO the client waits for an
	// answer, which does not prove the service's identity.
	OneWay bool

	// DCEStyle adds GSS_C_DCE_STYLE: the exchange has three tokens without GSS framing, as
	// in DCE RPC. In SPNEGO the exchange has a fourth token.
	DCEStyle bool

	// Delegate adds GSS_C_DELEG_FLAG and forwards a ticket-granting ticket of the client.
	// The acceptor can parse that ticket, but no KDC accepts it.
	Delegate bool

	// Raw sends the AP-REQ without GSS framing; see
	// sspi.ContextConfig.AllowRawAPReq.
	Raw bool

	// TicketEType is the encryption type of the service's key that encrypts the ticket; 0
	// means aes256-cts-hmac-sha1-96, or aes256-cts-hmac-sha384-192 with
	// GODEBUG=fips140=only. SessionEType is the encryption type of the ticket's session key;
	// 0 means TicketEType. SubkeyEType is the encryption type of the client's subkey; 0
	// means SessionEType. Each is one of the types 17 to 20 or keytab.RC4_HMAC, which an
	// acceptor refuses unless its configuration names RC4_HMAC.
	TicketEType, SessionEType, SubkeyEType keytab.EType

	// Account makes the realm issue the ticket as Active Directory does: with a PAC that has
	// the user's account, its groups and its claims. If nil, the ticket has the PAC of a
	// current MIT KDC, which has no account, so that sspi.Peer.User returns the name of the
	// principal.
	Account *Account
	// NoPAC makes the realm issue the ticket without a PAC, as Heimdal's KDC does.
	// sspi.Peer.User then returns no name unless the configuration of the acceptor declares
	// the realm in PAC.RealmsWithoutPAC.
	NoPAC bool

	// NoOffer omits the client's list of preferred encryption types (RFC 4537). A context
	// with an RC4 key then keeps RC4.
	NoOffer bool

	// NoSubkey omits the client's subkey.
	NoSubkey bool

	// ChannelBindings are the channel bindings of the client. If nil, the client sends no
	// channel bindings. With GODEBUG=fips140=only a client cannot have them, since their
	// hash is MD5.
	ChannelBindings *sspi.ChannelBindings

	// BindingAware makes the client declare that it supports channel bindings, as Windows
	// does (KERB_AP_OPTIONS_CBT of MS-KILE). The acceptor may then refuse the client if it
	// sends no channel bindings.
	BindingAware bool

	// Target is the name of the requested service that the client puts into the
	// authenticator, as Windows does (AD-CLIENT-TARGET of MS-KILE). If it is empty, the
	// client sends no such name.
	Target string

	// StartTime and EndTime limit the ticket's validity, in whole seconds, between 1970 and
	// 9999. If both are zero, the ticket is valid from now for ten hours. If only EndTime is
	// zero, the ten hours begin at StartTime. If only StartTime is zero, the ticket is valid
	// from now, or, if EndTime has passed, from ten hours before EndTime.
	StartTime, EndTime time.Time

	// ClockOffset is the time by which the client's clock is ahead of the realm's clock. A
	// negative offset means that it is behind.
	ClockOffset time.Duration

	// RetrySkew makes the client try once more with the acceptor's time if the acceptor
	// reports a clock-skew error. Clients of Windows and Heimdal do so, clients of MIT's
	// library do not.
	RetrySkew bool
}

// complete returns o with its zero values replaced by the defaults.
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
			return argument("clients do not support the encryption type " + e.String())
		}
	}
	if o.ChannelBindings != nil && fips140.Enforced() {
		return argument("channel bindings are hashed with MD5, which GODEBUG=fips140=only forbids")
	}
	for _, t := range []time.Time{o.StartTime, o.EndTime, now.Add(o.ClockOffset)} {
		if y := t.UTC().Year(); y < 1970 || y > 9999 {
			return argument("StartTime, EndTime and the client's time must be between 1970 and 9999")
		}
	}
	if o.Account != nil && o.NoPAC {
		return argument("Account and NoPAC exclude each other: the account is in the PAC")
	}
	if o.OneWay && o.Flags&flags.GSS_C_DCE_STYLE != 0 {
		return argument("DCEStyle and OneWay exclude each other: DCE style is always mutual")
	}
	return nil
}
