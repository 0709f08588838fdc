package sspisasl

import (
	"fmt"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// Mechanism is the IANA name of a SASL mechanism. It is case-sensitive.
type Mechanism string

// The mechanisms of this package.
const (
	// GSSAPI is Kerberos, with a security layer if client and server agree on it (RFC
	// 4752).
	GSSAPI Mechanism = "GSSAPI"
	// GSSSPNEGO is SPNEGO as Windows and Cyrus SASL implement it: the messages contain only
	// SPNEGO tokens. The client's context flags decide about the security layer.
	GSSSPNEGO Mechanism = "GSS-SPNEGO"
	// GS2KRB5 is Kerberos without a security layer, with an authorization
	// identity in the first message (RFC 5801).
	GS2KRB5 Mechanism = "GS2-KRB5"
	// GS2KRB5Plus is GS2KRB5 with the channel bindings of the connection.
	GS2KRB5Plus Mechanism = "GS2-KRB5-PLUS"
)

// Layer is a security layer or a set of security layers. The values are the bits of RFC 4752,
// Section 3.3. In a layer, a repeated, missing or reordered message is an error. A client
// that does not request this protection (SEQUENCE_DETECT) gets no layer.
type Layer uint8

// The security layers.
const (
	NoLayer         Layer = 1 // messages are not protected
	Integrity       Layer = 2 // messages have integrity protection
	Confidentiality Layer = 4 // messages are encrypted and have integrity protection
)

const anyLayer = NoLayer | Integrity | Confidentiality

// String returns "none", "integrity" or "confidentiality". For a set it returns the bits.
func (l Layer) String() string {
	switch l {
	case NoLayer:
		return "none"
	case Integrity:
		return "integrity"
	case Confidentiality:
		return "confidentiality"
	}
	return fmt.Sprintf("Layer(%#x)", uint8(l))
}

// Sizes of messages, in bytes.
const (
	defaultMaxBuffer = 1 << 16
	leastMaxBuffer   = 1 << 10
	mostMaxBuffer    = 1<<24 - 1 // the protocol has three bytes for the size
	// leastClientBuffer is the minimum buffer size of a client with a security layer. With a
	// smaller buffer, one Write of the program would become thousands of messages.
	leastClientBuffer = 512
)

// Config configures the exchanges of a server. A program may copy it and change the copy for
// one connection: a server on TLS sets Context.ChannelBindings and Context.BindingsUnknown
// for each connection.
type Config struct {
	// Acceptor holds the service's keys. Required.
	Acceptor *sspi.Acceptor

	// Context configures the security context of each exchange: channel bindings,
	// requirements, delegation. The mechanism sets Package. WholeTokens and DeferReport are
	// always set. Layers adds flags to Require. A GS2 exchange is always bound to its first
	// message, for every BindingPolicy.
	//
	// For GS2KRB5Plus, the application data of a channel binding must begin with the name of
	// its type and a colon, as in "tls-server-end-point:".
	Context sspi.ContextConfig

	// Layers is the set of security layers that a client may choose. 0 means Integrity and
	// Confidentiality; the program must then continue with [Server.Conn].
	//
	// NoLayer is for servers on TLS. GS2 has no security layers, so the server offers the
	// GS2 mechanisms only if Layers contains NoLayer.
	Layers Layer

	// MaxBuffer is the maximum length of a wrapped message to receive and to send, in bytes,
	// without the four bytes of its length: from 1024 to 16777215. 0 means 65536.
	// GSS-SPNEGO does not send MaxBuffer to the client.
	MaxBuffer int

	// SuccessData declares that the protocol's success message can contain the server's last
	// token, as in LDAP and XMPP. Next then returns that token with done. Otherwise, as in
	// SMTP, IMAP and POP3, the last token is one more challenge, and the client answers it
	// with an empty response (RFC 4422, Section 5).
	SuccessData bool

	// Authorize decides whether the client may act as authzid, the authorization identity
	// that it requests, in UTF-8. authzid is empty if the client requests no identity and
	// acts as itself, that is, as sspi.Peer.Principal; a client without such a principal is
	// refused then. If Authorize returns an error, the client is refused, with
	// ReasonNotAuthorized if the error has no Reason of its own.
	//
	// If Authorize is nil, every client except an anonymous client may act as itself: authzid
	// must be empty, or the client's principal (sspi.Peer.Principal, in Active Directory the
	// name of the account and the realm), or the bare name of a user of one of Realms. The
	// program must then check Server.Peer to decide whether to admit the client.
	Authorize func(peer *sspi.Peer, authzid string) error

	// Realms lists the realms whose users may act under their bare name if Authorize is nil;
	// sspi.Peer.User describes these names. If Realms is empty, no client may:
	// "admin" of one realm is not "admin" of a different realm. List several realms only if
	// the same bare name is the same person in all of them. New returns an error for a
	// Config that has both Authorize and Realms.
	Realms []string
}

// Mechanisms returns the mechanisms to offer to the client, strongest first: the mechanisms
// that New accepts and with which a client can succeed.
func (c *Config) Mechanisms() []Mechanism {
	var offered []Mechanism
	full := c.complete()
	if full.Layers&NoLayer != 0 && !full.proxied() {
		if full.offersPlus() {
			offered = append(offered, GS2KRB5Plus)
		}
		if !full.demandsBinding() {
			offered = append(offered, GS2KRB5)
		}
	}
	return append(offered, GSSAPI, GSSSPNEGO)
}

// New checks cfg and returns the server's side of one exchange with the mechanism m. Each
// connection needs its own Server. m may be the client's choice: if the server does not offer
// m, the error has status.ReasonUnsupportedMechanism, and is recorded. Any other error is an
// error in cfg and has status.ReasonArgument.
func New(cfg Config, m Mechanism) (*Server, error) {
	full := cfg.complete()
	if err := full.check(); err != nil {
		return nil, err
	}
	s := &Server{cfg: full, mechanism: m}
	if err := full.serves(m); err != nil {
		if status.ReasonOf(err) == status.ReasonUnsupportedMechanism {
			full.reportUnserved(m, err)
		}
		return nil, err
	}
	switch m {
	case GSSAPI:
		s.begin(sspi.Kerberos, full.Context)
	case GSSSPNEGO:
		s.begin(sspi.Negotiate, full.Context)
	} // the GS2 header starts the context of a GS2 mechanism
	return s, nil
}

// serves returns an error if the server does not offer m. c must be complete.
func (c *Config) serves(m Mechanism) error {
	switch m {
	case GSSAPI, GSSSPNEGO:
		return nil
	case GS2KRB5, GS2KRB5Plus:
		return c.checkGS2(m)
	}
	return unserved("the client requests the SASL mechanism " + quote.Text(m) + ", which this server does not offer")
}

// complete returns c with its zero values replaced by the defaults, and with the flags that
// Layers requires.
func (c *Config) complete() Config {
	full := *c
	if full.Layers == 0 {
		full.Layers = Integrity | Confidentiality
	}
	if full.MaxBuffer == 0 {
		full.MaxBuffer = defaultMaxBuffer
	}
	// With these flags, the acceptor refuses an unsuitable client before it stores the
	// authenticator in the replay cache, and with an error token that the client understands.
	switch {
	case full.Layers&NoLayer != 0:
	case full.Layers&Integrity != 0:
		full.Context.Require |= flags.ASC_RET_INTEGRITY | ordered
	default:
		full.Context.Require |= flags.ASC_RET_CONFIDENTIALITY | ordered
	}
	return full
}

// check returns an error for an incomplete or contradictory configuration. c must be complete.
func (c *Config) check() error {
	switch {
	case c.Acceptor == nil:
		return argument("Config.Acceptor is nil")
	case c.Layers&^anyLayer != 0:
		return argument("Config.Layers has unknown bits")
	case c.Authorize != nil && len(c.Realms) > 0:
		return argument("Config has both Authorize and Realms, and Realms applies only without Authorize: remove one of them")
	case c.MaxBuffer < leastMaxBuffer || c.MaxBuffer > mostMaxBuffer:
		return argument("Config.MaxBuffer must be between 1024 and 16777215")
	}
	return nil
}

func (c *Config) checkGS2(m Mechanism) error {
	switch {
	case c.proxied():
		return argument("GS2 cannot check the channel bindings of a proxy (BindingProxied)")
	case c.Layers&NoLayer == 0:
		return unserved("GS2 has no security layer, and Config.Layers demands one")
	case m == GS2KRB5Plus && !c.offersPlus():
		return unserved("GS2-KRB5-PLUS needs channel bindings of a named type in Config.Context")
	}
	return nil
}

func (c *Config) proxied() bool {
	return c.Context.BindingPolicy == sspi.BindingProxied || c.Context.BindingPolicy == sspi.BindingProxiedAllowMissing
}

func argument(detail string) error {
	return &status.Error{Reason: status.ReasonArgument, Detail: "sspisasl: " + detail}
}

func unserved(detail string) error {
	return &status.Error{Reason: status.ReasonUnsupportedMechanism, Detail: detail}
}

func malformed(detail string) error {
	return &status.Error{Reason: status.ReasonMalformedToken, Detail: detail}
}
