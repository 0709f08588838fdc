package sspisasl

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// maxAuthzid is the maximum length of an authorization identity in bytes. The longest
// identities in use are distinguished names.
const maxAuthzid = 4096

// checkAuthzid returns an error unless b is UTF-8 without NUL (RFC 4422, Section 3.4.1).
func checkAuthzid(b []byte) (string, error) {
	switch {
	case len(b) > maxAuthzid:
		return "", malformed("the authorization identity is too long")
	case !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0:
		return "", malformed("the authorization identity is not UTF-8 without NUL")
	}
	return string(b), nil
}

// authorize returns an error if the client may not act as the identity that it requests.
func (s *Server) authorize() error {
	decide := s.cfg.Authorize
	if decide == nil {
		decide = s.cfg.asItself
	}
	err := decide(s.result.peer, s.result.authzid)
	if err == nil && s.result.authzid == "" && !s.result.peer.Anonymous {
		_, err = s.result.peer.Principal() // as which the client acts
	}
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*status.Error](err); ok && e != nil {
		return err
	}
	return &status.Error{Reason: status.ReasonNotAuthorized, Detail: "the client may not act as the identity that it requests", Err: err}
}

// itself returns the identity of a client that requests none: its principal.
func itself(peer *sspi.Peer) string {
	if principal, err := peer.Principal(); err == nil {
		return principal.String()
	}
	return peer.Client.String() // anonymous: authorize refuses all others
}

// asItself implements the rule for a nil Config.Authorize. Its errors name the principal and
// the requested identity.
func (c *Config) asItself(peer *sspi.Peer, authzid string) error {
	switch {
	case peer.Anonymous:
		return errors.New("the client is anonymous")
	case authzid == "":
		return nil
	}
	name, err := peer.Principal()
	if err != nil {
		return err
	}
	if authzid == name.String() {
		return nil
	}
	user, err := peer.User(c.Realms...)
	if err == nil && user == authzid {
		return nil
	}
	why := "the principal " + quote.Text(name.String()) + " requests to act as " + quote.Text(authzid)
	if e, ok := errors.AsType[*status.Error](err); ok && authzid == name.Name() {
		return errors.New(why + ", its bare name, which Config.Realms does not permit: " + e.Detail)
	}
	return errors.New(why + ", and may act as itself only")
}
