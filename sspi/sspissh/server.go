package sspissh

import (
	"context"
	"fmt"
	"io"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// gssapiServer is the server's side of gssapi-with-mic on one connection: a ssh.GSSAPIServer and
// its allowLogin. A client may make several attempts to log in, one after the other.
//
// For each attempt, x/crypto calls AcceptSecContext until the acceptor expects no further token,
// then VerifyMIC, then allowLogin, and in every case DeleteSecContext. gssapiServer refuses
// calls in a different order and calls of a second connection. It is safe for concurrent use:
// it refuses concurrent attempts.
type gssapiServer struct {
	cfg Config

	mu      sync.Mutex
	attempt *sspi.Context    // nil if no attempt is in progress
	login   *login           // the login of the attempt, nil before its MIC is verified
	session string           // the connection's session identifier; "" before the first MIC
	shared  bool             // two connections use this value
	record  *record          // nil if no attempt is in progress, or if it was reported
	conn    ssh.ConnMetadata // for records; nil if still unknown
}

var _ ssh.GSSAPIServer = (*gssapiServer)(nil)

// AcceptSecContext processes the client's next token (RFC 4462, Section 3.4). outputToken is the
// reply to the client. If needContinue, the acceptor expects a further token. Otherwise srcName
// is the client's principal; VerifyMIC binds it to this connection.
func (s *gssapiServer) AcceptSecContext(token []byte) (outputToken []byte, srcName string, needContinue bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin()
	if err := s.ready(); err != nil {
		return nil, "", false, s.refuse(err)
	}
	if s.attempt == nil {
		s.attempt = s.cfg.Acceptor.NewContext(s.contextConfig())
	}
	if s.attempt.Peer() != nil {
		// The attempt of this connection needs no further token.
		return nil, "", false, s.refuseShared()
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.BackendTimeout)
	defer cancel()
	outputToken, peer, err := s.attempt.Accept(ctx, token)
	s.takeEvent()
	switch {
	case err == sspi.ErrContinue:
		return outputToken, "", true, nil
	case err != nil:
		return nil, "", false, s.refuse(err)
	}
	return outputToken, peer.Client.String(), false, nil
}

// VerifyMIC verifies the client's MIC of micField (RFC 4462, Section 3.5), which binds the client
// that AcceptSecContext accepted to the connection and to a user's name.
func (s *gssapiServer) VerifyMIC(micField, micToken []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return s.refuse(err)
	}
	f, err := parseField(micField)
	if err != nil {
		return s.refuse(err)
	}
	if s.record != nil {
		s.record.user = f.User
	}
	if s.session == "" {
		s.session = f.SessionID
	}
	if s.session != f.SessionID || s.login != nil {
		return s.refuseShared()
	}
	if s.attempt == nil || s.attempt.Peer() == nil {
		return s.refuse(&status.Error{Reason: status.ReasonContextState, Detail: "sspissh: VerifyMIC was called before the acceptor accepted the client"})
	}
	if err := s.attempt.VerifyMIC(micField, micToken); err != nil {
		return s.refuse(err)
	}
	s.login = &login{session: f.SessionID, user: f.User, peer: s.attempt.Peer(), delegated: s.attempt.Delegated()}
	return nil
}

// allowLogin implements AllowLogin of ssh.GSSAPIWithMICConfig. It calls Config.Authorize with the
// peer whose MIC VerifyMIC has just verified for conn. It only compares srcName, and does not
// decide by it.
//
// The permissions are a copy of the permissions that Authorize returned, with the login for
// [Peer] and [Delegated] in ExtraData.
func (s *gssapiServer) allowLogin(conn ssh.ConnMetadata, srcName string) (*ssh.Permissions, error) {
	l, r, err := s.take(conn, srcName)
	if err != nil {
		return nil, err
	}
	decision := error(&status.Error{Reason: status.ReasonInternal, Detail: "sspissh: Config.Authorize did not return"})
	defer func() { s.decided(r, decision) }()
	perms, err := s.cfg.Authorize(conn, l.peer)
	if err == nil {
		err = sourceAddress(conn, perms)
	}
	decision = err
	if err != nil {
		return nil, err // unchanged, because x/crypto checks its type
	}
	return l.attach(perms), nil
}

// take returns and removes the login that was verified for conn, and its record.
func (s *gssapiServer) take(conn ssh.ConnMetadata, srcName string) (*login, *record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return nil, nil, s.refuse(err)
	}
	l, r := s.login, s.record
	switch {
	case l == nil || r == nil:
		return nil, nil, s.refuse(&status.Error{Reason: status.ReasonContextState, Detail: "sspissh: AllowLogin was called before a MIC was verified"})
	case !l.of(conn), srcName != l.peer.Client.String():
		return nil, nil, s.refuseShared()
	}
	s.conn, r.user = conn, conn.User()
	s.locate(r)
	s.record = nil
	s.end()
	return l, r, nil
}

// DeleteSecContext ends an attempt and wipes its keys; the next attempt may begin. It reports an
// attempt without a decision with status.ReasonAborted.
func (s *gssapiServer) DeleteSecContext() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.record != nil {
		_ = s.refuse(aborted(s.attempt.Peer() != nil)) // the record contains the error
	}
	s.end()
	return nil
}

// Format prints a fixed text for every verb, so that the keys are not printed.
func (s *gssapiServer) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "sspissh.gssapiServer{...}")
}

// contextConfig returns Config.Context with the settings that SSH needs.
func (s *gssapiServer) contextConfig() sspi.ContextConfig {
	cc := s.cfg.Context
	cc.Package = sspi.Kerberos
	cc.WholeTokens = true                 // each SSH string is one token
	cc.DeferReport = true                 // the MIC and Authorize also decide
	cc.Require |= flags.ASC_RET_INTEGRITY // RFC 4462, Section 3.4: the MIC needs it
	// x/crypto does not send the error token of a refusal. It would send the token that
	// offers a client with a wrong clock a retry, but OpenSSH then continues with its next
	// method, and x/crypto, which waits for a token, ends the connection.
	cc.NoErrorTokens = true
	return cc
}

// ready returns the error of a gssapiServer that two connections share. The caller holds mu.
func (s *gssapiServer) ready() error {
	if s.shared {
		return errShared()
	}
	return nil
}

// end closes the attempt's context and removes the attempt. The caller holds mu.
func (s *gssapiServer) end() {
	if s.attempt != nil {
		s.attempt.Close()
	}
	s.attempt, s.login = nil, nil
}

// refuseShared ends s, because two connections use it. s cannot distinguish their calls, so it
// serves neither of them. The caller holds mu.
func (s *gssapiServer) refuseShared() error {
	s.shared = true
	return s.refuse(errShared())
}

func errShared() error {
	return &status.Error{
		Reason: status.ReasonContextState,
		Detail: "sspissh: two connections used one result of Method.ServerConfig, which refuses all clients from now on: call ServerConfig for each connection",
	}
}
