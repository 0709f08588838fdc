package sspisasl

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// maxAuthzid bounds an authorization identity, in bytes. The longest that are in
// use are distinguished names.
const maxAuthzid = 4096

// checkAuthzid is RFC 4422, Section 3.4.1: UTF-8 without NUL.
func checkAuthzid(b []byte) (string, error) {
	switch {
	case len(b) > maxAuthzid:
		return "", malformed("the authorization identity is too long")
	case !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0:
		return "", malformed("the authorization identity is not UTF-8 without NUL")
	}
	return string(b), nil
}

// authorize asks whether the client may act as what it wants to.
func (s *Server) authorize() error {
	decide := s.cfg.Authorize
	if decide == nil {
		decide = asItself
	}
	err := decide(s.result.peer, s.result.authzid)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*status.Error](err); ok && e != nil {
		return err
	}
	return &status.Error{Reason: status.ReasonNotAuthorized, Detail: "the client may not act as what it asks for", Err: err}
}

// Why asItself refuses.
var (
	errAnonymous = errors.New("it is anonymous")
	errOther     = errors.New("it asks to be somebody else")
)

// asItself is Config.Authorize if there is none.
func asItself(peer *sspi.Peer, authzid string) error {
	switch {
	case peer.Anonymous:
		return errAnonymous
	case authzid == "" || authzid == peer.Client.String():
		return nil
	}
	if user, err := peer.Client.User(peer.Service.Realm()); err == nil && user == authzid {
		return nil
	}
	return errOther
}
