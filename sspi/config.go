package sspi

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/secret"
	"github.com/gosspi/kerberos/keytab"
)

// Defaults of Config.
const (
	defaultSkew           = 5 * time.Minute
	defaultMaxToken       = 65536
	defaultBackendTimeout = 5 * time.Second
)

// Config describes a service: its keys and its policy. [NewAcceptor] copies it. The values
// that it points to must not be modified afterwards; this package does not modify them.
type Config struct {
	// Keys are the service's keys. Required, unless there is UserToUser.
	Keys keytab.Source

	// UserToUser returns the service's ticket-granting ticket for user-to-user
	// authentication, where the service has no long-term key. Accept sends the Ticket to
	// the client, whose own ticket is then encrypted in the SessionKey. realm is the realm
	// that the client asks for, or "": bytes of an unknown client, to be quoted in errors
	// and logs. Accept calls UserToUser before any check of the client, so that it must
	// cost no more than a look at a ticket in memory. An error, and a TGT that is nil or
	// incomplete, refuse the client with ReasonNoTGT. ctx is the argument of Accept.
	// UserToUser must be safe for concurrent use. If nil, such clients are refused.
	UserToUser func(ctx context.Context, realm string) (*TGT, error)

	// Services are the principals of the keytab that may accept, as in
	// "HTTP/www.example.com", with "@REALM" or for any realm; "HTTP/" is any
	// host, "HTTP@www.example.com" the host-based form. If empty, every
	// principal of the keytab may, except krbtgt/* and kadmin/*.
	Services []string

	// ETypes are the permitted encryption types of session keys, subkeys and
	// checksums and, unless TicketETypes is set, of tickets. If nil, [DefaultETypes]: the
	// AES types. keytab.RC4_HMAC must be named. With it, a client without AES gets a context
	// of RC4, which Peer.ContextEType shows.
	ETypes []keytab.EType

	// TicketETypes are the permitted encryption types of tickets, which the keys of the
	// service encrypt. If nil, ETypes. A service in Active Directory whose account
	// has no AES key gets tickets of RC4, but session keys of AES: it names RC4_HMAC
	// here and leaves ETypes alone.
	TicketETypes []keytab.EType

	// Skew is how far clocks may differ. If 0, 5 minutes.
	Skew time.Duration

	// Replay stores the authenticators that clients presented. If nil,
	// authenticator.SharedCache; or, if Time is set, a new cache that starts now by that
	// clock.
	Replay authenticator.ReplayCache

	// PAC is the policy about the PACs of tickets, from which the Account and the groups of
	// a client in Active Directory come.
	PAC PACPolicy

	// TransitedRealms are realms that may lie between a client's realm and the
	// service's where the KDC did not check the path. The realms of the hierarchical
	// path need not be named: those above the client's realm or above the service's,
	// up to the nearest realm that contains both, or, where no realm contains both as
	// between two forests of Active Directory, up to the root of each tree.
	TransitedRealms []string

	// IgnoreUnknownAuthorizationData follows MS-KILE, Section 3.1.5.5: critical
	// authorization data that is not understood does not refuse the client. The
	// default is RFC 4120's: it does.
	IgnoreUnknownAuthorizationData bool

	// EnforceExpiry makes messages, and the import of an exported context, fail after
	// the ticket's end and Skew. By default an
	// established context outlives its ticket, as on Windows; the time is in
	// Peer.EndTime.
	EnforceExpiry bool

	// EnforceContextReq is for the Windows API: the MUTUAL_AUTH,
	// REPLAY_DETECT, SEQUENCE_DETECT, CONFIDENTIALITY and INTEGRITY bits of
	// fContextReq become requirements, as in ContextConfig.Require. By default
	// they are wishes, as on Windows.
	EnforceContextReq bool

	// MaxToken is the greatest length of a token with all its fragments, in bytes. If 0,
	// 65536. It bounds the memory of a context that waits for the rest of a fragmented
	// token; see [Context].
	MaxToken int

	// BackendTimeout bounds Keys, Replay and UserToUser in the Windows API, whose
	// callers have no context.Context. If 0, 5 seconds.
	BackendTimeout time.Duration

	// ExportKey, of 32 bytes, seals exported contexts by AES-256-GCM; see
	// [Context.Export]. All processes that export contexts to each other share one random
	// key and keep it as secret as the contexts. A key suffices for 2^32 exports. NewSecret
	// makes it of bytes. If zero, contexts are neither exported nor imported.
	ExportKey Secret

	// OnEvent receives the record of each attempt, accepted or refused, whether this
	// package or an integration decided it, before Accept or Report returns. Several
	// goroutines may call it at once. If nil, no function is called.
	OnEvent func(ctx context.Context, e Event)

	// Logger receives the same record as one line for each attempt, and one more line
	// if a client is invited to try again. OPERATING.md in the repository lists the
	// attributes. If nil, the package logs nothing.
	// It also gets the notices of Keys, if Keys is a keytab.Noticer, as keytab.File is.
	Logger *slog.Logger

	// Time is the clock. If nil, time.Now. For tests.
	Time func() time.Time

	// Rand is the source of subkeys, confounders and sequence numbers. It must
	// be safe for concurrent use. If nil, crypto/rand.Reader. For tests.
	//
	// An exchange with an AP-REP reads once: the confounder of the AP-REP, of 16 bytes
	// or, if the session key is of RC4, of 8; then the acceptor's subkey, of its key's
	// length, or of no bytes if the subkey would be of RC4; then 4 bytes of sequence
	// number. The read follows all checks of the client but the room for the reply and
	// the replay cache, so that a client whom these refuse has caused it too. An
	// exchange without an AP-REP reads nothing. Afterwards each sealed message reads
	// its confounder, of 16 bytes; in a context of RC4 each wrapped message, sealed or
	// signed, reads 8. Nothing else reads Rand: Export takes its nonce from crypto/rand.
	Rand io.Reader
}

// ContextConfig configures one exchange. The zero value accepts Kerberos, raw or in SPNEGO,
// and requires nothing. Slices are not copied and must not be modified while the context is
// in use.
type ContextConfig struct {
	// Package is the security package. If "", Negotiate.
	Package Package

	// RequireSPNEGO makes Negotiate refuse clients that send Kerberos tokens as they
	// are, with ReasonUnsupportedMechanism. It changes nothing for package Kerberos.
	RequireSPNEGO bool

	// ChannelBindings are the channels this exchange may be bound to; any one
	// may match, so that a certificate can be rotated. If empty, bindings are
	// not checked.
	ChannelBindings []ChannelBindings

	// BindingsUnknown says why ChannelBindings is empty although the exchange runs over
	// a channel that has bindings, such as TLS. If it is not nil and ChannelBindings is
	// empty, a client that sends bindings is refused with ReasonBindingUnknown, which
	// wraps BindingsUnknown, and a client that says it supports bindings and sends none is
	// refused with ReasonBindingMissing: the acceptor cannot tell such a client from one
	// whose token is relayed. BindingProxied and BindingProxiedAllowMissing do without it.
	BindingsUnknown error

	// BindingPolicy decides about clients that send no bindings. The default refuses them
	// if ChannelBindings is set. BindingRequired without ChannelBindings refuses every
	// client.
	BindingPolicy BindingPolicy

	// Require are attributes that the client must have asked for, all of them. To
	// demand user-to-user authentication there is UserToUser, which tells the client.
	Require flags.ASC_RET

	// Targets, if any, are service principals of which the client must have
	// named one (MS-KILE, Section 3.2.5.8; Windows clients do), byte for byte. A name
	// that the client marked as coming from an untrusted source (Peer.TargetUntrusted)
	// does not count, unless AllowUntrustedTarget is set: another host may have told
	// the client to ask for this service.
	Targets              []string
	AllowUntrustedTarget bool

	// PeerAddr is the client's address. The zero Addr: addresses in the ticket
	// are not compared.
	PeerAddr netip.Addr

	// Remote is the client's address and port as the transport reports them. It is
	// logged and decides nothing. The zero AddrPort: the record has PeerAddr, if any.
	Remote netip.AddrPort

	// DeferReport leaves the record of each attempt to the caller, which decides more
	// than Accept does: it takes the record with [Context.TakeEvent] after Accept, adds
	// its own decision and attributes, and calls [Acceptor.Report]. A record that the
	// caller has not taken is reported unchanged by the next Accept, Export or Close.
	DeferReport bool

	// AcceptDelegation reads forwarded credentials. Otherwise they are skipped
	// unread, and DELEGATE is not among the granted flags. Malformed credentials refuse
	// the client. Well-formed ones that must not be used, such as another client's or
	// those with a key that ETypes does not permit, are withheld: the client is accepted
	// without DELEGATE, and Event.DelegationError says why.
	AcceptDelegation bool

	// KeepEvidence keeps the client's ticket and its session key, until Close, for
	// Context.Evidence. A server needs them only for constrained delegation (S4U2Proxy,
	// MS-SFU). The ticket has up to 64 KiB, with the groups of the client.
	KeepEvidence bool

	// NoErrorTokens answers no refusal. By default a client that waits gets a
	// KRB-ERROR, and one more try when its clock is wrong or user-to-user
	// authentication is demanded.
	NoErrorTokens bool

	// UserToUser demands user-to-user authentication (RFC 4120, Section 3.7), for which
	// Config.UserToUser has the ticket. Other clients are refused with
	// ReasonUserToUserRequired; they are told so, and may try once more on the same
	// context.
	UserToUser bool

	// WholeTokens says that the transport delimits tokens, as HTTP, SASL and SSH do: each
	// call brings one whole token of the client. Package Negotiate then refuses a SPNEGO
	// token that is cut, with ReasonMalformedToken, and keeps no fragments. By default it
	// waits for the rest (MS-SPNG, Section 3.1.5.9). It changes nothing for package
	// Kerberos, which takes no fragments. AcceptSecurityContext honours it on a context
	// from NewContext, whose Handle is phContext of the first call.
	WholeTokens bool

	// AllowRawAPReq admits an AP-REQ without GSS framing outside DCE style, and
	// answers without framing too.
	AllowRawAPReq bool
}

// DefaultETypes returns the encryption types that a nil Config.ETypes permits: 17 to 20,
// the AES types. Each call returns a slice of its own, for adding to it:
//
//	cfg.TicketETypes = append(sspi.DefaultETypes(), keytab.RC4_HMAC)
func DefaultETypes() []keytab.EType {
	return []keytab.EType{
		keytab.AES128_CTS_HMAC_SHA1_96, keytab.AES256_CTS_HMAC_SHA1_96,
		keytab.AES128_CTS_HMAC_SHA256_128, keytab.AES256_CTS_HMAC_SHA384_192,
	}
}

// Package is the name of a security package; case does not count in ASCII.
type Package string

// The packages of this library.
const (
	// Kerberos takes the tokens of RFC 4121, and no SPNEGO.
	Kerberos Package = "Kerberos"
	// Negotiate takes SPNEGO (RFC 4178), and in it Kerberos; it also takes Kerberos
	// tokens without SPNEGO, and answers them without SPNEGO.
	Negotiate Package = "Negotiate"
)

// Aliases of package authenticator, for the fields of Config and ContextConfig.
type (
	ChannelBindings = authenticator.ChannelBindings
	BindingPolicy   = authenticator.BindingPolicy
	Secret          = authenticator.Secret
)

// NewSecret returns a Secret with a copy of b; the zero Secret if b is nil.
func NewSecret(b []byte) Secret { return secret.New(b) }

// The values of ContextConfig.BindingPolicy; see package authenticator. The values of
// Peer.Binding are constants of package authenticator.
const (
	BindingDefault             = authenticator.BindingDefault
	BindingRequired            = authenticator.BindingRequired
	BindingAllowMissing        = authenticator.BindingAllowMissing
	BindingProxied             = authenticator.BindingProxied
	BindingProxiedAllowMissing = authenticator.BindingProxiedAllowMissing
)
