package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/gosspi/kerberos/examples/internal/serve"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
)

const ldapVersion = 3

// Choices of AuthenticationChoice (RFC 4511, Section 4.2).
const (
	authSimple ber.Tag = 0
	authSASL   ber.Tag = 3
)

// acceptTime limits the wait for keys and for the replay cache.
const acceptTime = 5 * time.Second

// bindRequest is a BindRequest.
type bindRequest struct {
	version     int64
	name        string
	method      ber.Tag
	password    string // of authSimple
	mechanism   string // of authSASL
	credentials []byte // of authSASL; nil means absent, and not empty
}

func parseBind(p *ber.Packet) (bindRequest, error) {
	var b bindRequest
	c := p.Children
	if len(c) != 3 || !isString(c[1]) || c[2].ClassType != ber.ClassContext {
		return b, malformed("malformed BindRequest")
	}
	var ok bool
	if b.version, ok = integer(c[0], ber.TagInteger); !ok {
		return b, malformed("malformed BindRequest")
	}
	b.name, b.method = text(c[1]), c[2].Tag
	switch b.method {
	case authSimple:
		if c[2].TagType != ber.TypePrimitive {
			return b, malformed("malformed BindRequest")
		}
		b.password = text(c[2])
	case authSASL:
		sasl := c[2].Children
		if c[2].TagType != ber.TypeConstructed || len(sasl) < 1 || len(sasl) > 2 || !isString(sasl[0]) ||
			len(sasl) == 2 && !isString(sasl[1]) {
			return b, malformed("malformed BindRequest")
		}
		b.mechanism = text(sasl[0])
		if len(sasl) == 2 {
			b.credentials = append([]byte{}, text(sasl[1])...)
		}
	}
	return b, nil
}

// bind answers a BindRequest. A client that had logged in is anonymous from the start of
// the new bind, also if it fails (RFC 4511, Section 4.2.1).
func (s *session) bind(m message) error {
	b, err := parseBind(m.op)
	if err != nil {
		return err
	}
	s.becomeAnonymous()
	if b.method != authSASL || b.mechanism != s.mechanism {
		s.abort()
	}
	switch {
	case b.version != ldapVersion:
		s.abort()
		return s.answer(m, result{protocolError, "this server supports LDAP version 3 only"})
	case b.method == authSASL:
		return s.sasl(m, b)
	case b.method == authSimple && b.name == "" && b.password == "":
		return s.answer(m, result{})
	case b.method == authSimple && b.password == "": // RFC 4513, Section 5.1.2
		return s.answer(m, result{unwillingToPerform, "a simple bind with a name needs a password"})
	}
	return s.answer(m, result{authMethodNotSupported, "use SASL: this server accepts no passwords"})
}

// becomeAnonymous ends the login of the client, which gets loginTime for a new one.
func (s *session) becomeAnonymous() {
	if s.who == nil {
		return
	}
	s.who = nil
	s.until = time.Now().Add(loginTime)
	s.raw.Demote()
}

// abort ends a SASL exchange. Close reports it if it is not over.
func (s *session) abort() {
	if s.exchange != nil {
		s.exchange.Close()
	}
	s.exchange, s.mechanism = nil, ""
}

// sasl takes one step of a SASL bind (RFC 4513, Section 5.2.1).
func (s *session) sasl(m message, b bindRequest) error {
	if s.layer != nil { // this server supports one security layer for each connection
		return s.answer(m, result{unwillingToPerform, "the connection has a security layer: open a new connection to bind again"})
	}
	if s.exchange == nil {
		policy := s.policy()
		exchange, err := sspisasl.New(policy, sspisasl.Mechanism(b.mechanism))
		if err != nil {
			return s.refuse(m, b, nil)
		}
		s.exchange, s.mechanism = exchange, b.mechanism
	} else if b.credentials == nil { // an LDAP client may omit an empty response
		b.credentials = []byte{}
	}
	ctx, cancel := context.WithTimeout(s.ctx, acceptTime)
	defer cancel()
	challenge, done, err := s.exchange.NextContext(ctx, b.credentials)
	switch {
	case err != nil:
		return s.refuse(m, b, challenge)
	case !done:
		return s.answer(m, result{saslBindInProgress, ""}, credentials(challenge)...)
	}
	return s.loggedIn(m, challenge)
}

// credentials returns the field serverSaslCreds, or nothing if challenge is nil. An empty
// challenge has the field.
func credentials(challenge []byte) []*ber.Packet {
	if challenge == nil {
		return nil
	}
	return []*ber.Packet{tagged(responseSASLCredentials, string(challenge))}
}

// refuse answers a bind that failed. The challenge has the KRB-ERROR for the client, and
// the acceptor's Logger has the reason for the operator.
func (s *session) refuse(m message, b bindRequest, challenge []byte) error {
	s.abort()
	if !slices.Contains(s.mechanisms(), b.mechanism) {
		return s.answer(m, result{authMethodNotSupported, "the rootDSE lists the mechanisms"})
	}
	return s.answer(m, result{invalidCredentials, ""}, credentials(challenge)...)
}

// loggedIn answers a bind that succeeded. The answer is the last message without
// the new security layer (RFC 4513, Section 5.2.1.4).
func (s *session) loggedIn(m message, challenge []byte) error {
	exchange, mechanism := s.exchange, s.mechanism
	s.exchange, s.mechanism = nil, ""
	layer := exchange.Layer()
	if layer == sspisasl.NoLayer {
		exchange.Close()
	} else {
		s.layer = exchange
	}
	if !s.raw.Admit() {
		return errors.Join(errors.New("too many sessions"), s.answer(m, result{busy, "too many clients are logged in"}))
	}
	s.who = &identity{peer: exchange.Peer(), mechanism: mechanism, layer: layer.String()}
	if err := s.answer(m, result{}, credentials(challenge)...); err != nil {
		return err
	}
	if s.layer != nil {
		s.conn = exchange.Conn(s.conn)
	}
	return nil
}

// policy returns the rules for binds, which depend on TLS.
func (s *session) policy() sspisasl.Config {
	c := sspisasl.Config{
		Acceptor: s.srv.acceptor, Layers: s.srv.layers, SuccessData: true, Authorize: s.srv.authorize,
		MaxBuffer: maxPDU + 1<<10, // OpenLDAP sends a whole PDU in one buffer if it knows no limit, as with GSS-SPNEGO
	}
	c.Context.Remote, _ = netip.ParseAddrPort(s.raw.RemoteAddr().String()) // for the records
	if s.secure {
		c.Layers |= sspisasl.NoLayer // TLS protects what follows
		c.Context.ChannelBindings = s.srv.bindings
		c.Context.BindingPolicy = sspi.BindingAllowMissing // OpenLDAP's client sends none by default
	}
	return c
}

// authorize admits the clients of the rule, or every client except an anonymous one if there is
// no rule, as themselves. The identity that a
// client requests has the form of RFC 4513, Section 5.2.1.8: "u:" and the whole
// principal, or "u:" and the bare name of a user of a realm in -realm.
//
// A real server checks here, or for each operation, the client's permissions.
func (srv *server) authorize(peer *sspi.Peer, authzid string) error {
	if peer.Anonymous {
		return errors.New("the client is anonymous; log in as a named principal")
	}
	if err := serve.Admit(srv.rule, peer); err != nil {
		return err
	}
	if authzid == "" {
		return nil
	}
	principal, err := peer.Principal()
	if err != nil {
		return err
	}
	if authzid == "u:"+principal.String() {
		return nil
	}
	if user, err := peer.User(srv.realms...); err == nil && authzid == "u:"+user {
		return nil
	}
	return fmt.Errorf("the principal %q asks to act as %.100q; it may act as itself, and under its bare name if -realm names its realm", principal, authzid)
}

func (s *session) mechanisms() []string {
	policy := s.policy()
	var names []string
	for _, m := range policy.Mechanisms() {
		names = append(names, string(m))
	}
	return names
}
