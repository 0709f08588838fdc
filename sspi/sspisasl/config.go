package sspisasl

import (
	"fmt"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// Mechanism is the name of a SASL mechanism, as IANA has it. Case counts.
type Mechanism string

// The mechanisms of this package.
const (
	// GSSAPI is Kerberos, with a security layer if both sides want one (RFC
	// 4752).
	GSSAPI Mechanism = "GSSAPI"
	// GSSSPNEGO is SPNEGO as Windows and Cyrus SASL carry it: the tokens, and
	// nothing else. What the client asked for decides about the security layer.
	GSSSPNEGO Mechanism = "GSS-SPNEGO"
	// GS2KRB5 is Kerberos without a security layer, with an authorization
	// identity in the first message (RFC 5801).
	GS2KRB5 Mechanism = "GS2-KRB5"
	// GS2KRB5Plus is GS2KRB5 bound to the channel that it runs over.
	GS2KRB5Plus Mechanism = "GS2-KRB5-PLUS"
)

// Layer is a security layer, or a set of them, or-ed. The values are the bits of
// RFC 4752, Section 3.3. In a layer, a message that comes twice or out of order, or
// before which one is missing, is an error; a client that does not ask for that
// (SEQUENCE_DETECT) gets no layer.
type Layer uint8

// The security layers.
const (
	NoLayer         Layer = 1 // messages go as they are
	Integrity       Layer = 2 // messages are signed
	Confidentiality Layer = 4 // messages are sealed, which includes signed
)

const anyLayer = NoLayer | Integrity | Confidentiality

// String is "none", "integrity" or "confidentiality"; of a set, the bits.
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
	mostMaxBuffer    = 1<<24 - 1 // the protocol has three bytes for it
	// leastClientBuffer is the least that a client with a security layer must be able to
	// receive. With less, one Write of the program becomes thousands of messages.
	leastClientBuffer = 512
)

// Config is a server's policy. It may be copied, and changed for one connection:
// a server on TLS sets Context.ChannelBindings for each.
type Config struct {
	// Acceptor has the keys. Required.
	Acceptor *sspi.Acceptor

	// Context is how each exchange is accepted: channel bindings, requirements,
	// delegation. Package is set by the mechanism, WholeTokens and DeferReport are always set, and Require is extended by
	// what Layers demand. Of the GS2 mechanisms each exchange is bound to its
	// first message at least, whatever BindingPolicy says.
	//
	// For GS2KRB5Plus the application data of a channel binding must begin with
	// the name of its type and a colon, as in "tls-server-end-point:".
	Context sspi.ContextConfig

	// Layers are the security layers that a client may choose from. If 0, it
	// must take one of Integrity and Confidentiality, and the connection must go
	// on through [Server.Conn].
	//
	// NoLayer is for servers on TLS. GS2 has no security layers, so it is served
	// only where NoLayer is allowed.
	Layers Layer

	// MaxBuffer is the longest wrapped message to receive and to send, in bytes,
	// without the four of its length: from 1024 to 16777215. If 0, 65536. With
	// GSS-SPNEGO the client is not told.
	MaxBuffer int

	// SuccessData: the protocol carries the server's last token beside its word
	// of success, as LDAP and XMPP do. Then Next returns it with done.
	// Otherwise, as for SMTP, IMAP and POP3, it is one more challenge, and the
	// client answers it with an empty response (RFC 4422, Section 5).
	SuccessData bool

	// Authorize decides whether the client may act as authzid, the authorization
	// identity that it asks for, in UTF-8. It is empty if the client asks for
	// none, and wants to be what it is. An error refuses the client, with
	// ReasonNotAuthorized if it has no Reason of its own.
	//
	// If nil, every client that is not anonymous may act as itself: authzid must be
	// empty, or the client's principal as Peer.Client prints it, or the bare name of
	// a user of one of Realms. The program then decides by Server.Peer whether it
	// serves this client at all.
	Authorize func(peer *sspi.Peer, authzid string) error

	// Realms are the realms whose users may ask to act as their bare name, where
	// Authorize is nil; keytab.Principal.User says which names these are. If empty, no
	// client may: "admin" of one realm is not "admin" of another. Name several realms
	// only if the same bare name is the same person in all of them. NewServer refuses a
	// Config that has both Authorize and Realms.
	Realms []string
}

// Mechanisms are those to offer to the client, strongest first: what NewServer
// makes, and a client can succeed with.
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

// NewServer begins an exchange, of which each connection needs its own. The
// name may come from the client: one that is not served is an error of
// status.ReasonUnsupportedMechanism, which is reported as a refused attempt. Other errors
// are of the configuration.
//
// The acceptor's Logger and OnEvent receive one record for each exchange that begins,
// after Authorize has decided: see [Server.Close] for an exchange that does not end.
// Context.Remote is the client's address in it.
func (c *Config) NewServer(m Mechanism) (*Server, error) {
	full := c.complete()
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
	} // with GS2 the context begins with the header
	return s, nil
}

// serves returns the error of a mechanism that the server does not have; c is complete.
func (c *Config) serves(m Mechanism) error {
	switch m {
	case GSSAPI, GSSSPNEGO:
		return nil
	case GS2KRB5, GS2KRB5Plus:
		return c.checkGS2(m)
	}
	return unserved("the client asks for the SASL mechanism " + quote.Text(m) + ", which this server does not have")
}

// complete is c with what its zero values stand for.
func (c *Config) complete() Config {
	full := *c
	if full.Layers == 0 {
		full.Layers = Integrity | Confidentiality
	}
	if full.MaxBuffer == 0 {
		full.MaxBuffer = defaultMaxBuffer
	}
	// Found out before the client's authenticator is used up, and with an answer
	// that it understands.
	switch {
	case full.Layers&NoLayer != 0:
	case full.Layers&Integrity != 0:
		full.Context.Require |= flags.ASC_RET_INTEGRITY | ordered
	default:
		full.Context.Require |= flags.ASC_RET_CONFIDENTIALITY | ordered
	}
	return full
}

// check refuses a configuration that cannot be meant; c is complete.
func (c *Config) check() error {
	switch {
	case c.Acceptor == nil:
		return argument("Config has no Acceptor")
	case c.Layers&^anyLayer != 0:
		return argument("Config.Layers has unknown bits")
	case c.Authorize != nil && len(c.Realms) > 0:
		return argument("Config has both Authorize and Realms: Realms are for the rule without Authorize")
	case c.MaxBuffer < leastMaxBuffer || c.MaxBuffer > mostMaxBuffer:
		return argument("Config.MaxBuffer is not between 1024 and 16777215")
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
