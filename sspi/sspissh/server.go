package sspissh

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// Server is the server's side of gssapi-with-mic on one connection: a
// ssh.GSSAPIServer and its AllowLogin. It is from [Config.NewServer]; the zero
// Server refuses everybody. A client may try to log in several times, one after
// the other.
//
// x/crypto calls, for each attempt, AcceptSecContext until no more tokens are
// due, VerifyMIC, AllowLogin, and DeleteSecContext however the attempt ended. What
// does not fit this order, or is of another connection than what came before, is
// refused. A Server is safe for concurrent use, in that it then refuses.
type Server struct {
	cfg Config

	mu      sync.Mutex
	attempt *sspi.Context    // nil: none under way
	login   *login           // of the attempt, once its MIC is verified
	session string           // identifies the connection; "" until a MIC came
	shared  bool             // by two connections
	record  *record          // of the attempt; nil: none under way, or it was reported
	conn    ssh.ConnMetadata // for records; nil: not known yet
}

var _ ssh.GSSAPIServer = (*Server)(nil)

// AcceptSecContext takes the client's next token (RFC 4462, Section 3.4).
// outputToken is for the client. needContinue: another token is due. srcName is the
// client's principal once there is one, which is not yet bound to this connection:
// VerifyMIC does that.
func (s *Server) AcceptSecContext(token []byte) (outputToken []byte, srcName string, needContinue bool, err error) {
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
		// This connection's attempt has had its last token.
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

// VerifyMIC checks the client's MIC over micField (RFC 4462, Section 3.5), which
// binds what AcceptSecContext accepted to the connection and to a user's name.
func (s *Server) VerifyMIC(micField, micToken []byte) error {
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
		return s.refuse(&status.Error{Reason: status.ReasonContextState, Detail: "sspissh: a MIC before the last token was accepted"})
	}
	if err := s.attempt.VerifyMIC(micField, micToken); err != nil {
		return s.refuse(err)
	}
	s.login = &login{session: f.SessionID, user: f.User, peer: s.attempt.Peer(), delegated: s.attempt.Delegated()}
	return nil
}

// AllowLogin is for ssh.GSSAPIWithMICConfig. It asks Config.Authorize about the
// peer whose MIC VerifyMIC has just verified for conn. It does not decide by
// srcName: that is text.
//
// The permissions are a copy of those that Authorize returned, and have in
// ExtraData what [Peer] and [Delegated] read.
func (s *Server) AllowLogin(conn ssh.ConnMetadata, srcName string) (*ssh.Permissions, error) {
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
		return nil, err // as it is: x/crypto looks at its type
	}
	return l.attach(perms), nil
}

// take returns the login that was verified for conn, and its record, once.
func (s *Server) take(conn ssh.ConnMetadata, srcName string) (*login, *record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return nil, nil, s.refuse(err)
	}
	l, r := s.login, s.record
	switch {
	case l == nil || r == nil:
		return nil, nil, s.refuse(&status.Error{Reason: status.ReasonContextState, Detail: "sspissh: AllowLogin before a MIC was verified"})
	case !l.of(conn), srcName != l.peer.Client.String():
		return nil, nil, s.refuseShared()
	}
	s.conn, r.user = conn, conn.User()
	s.locate(r)
	s.record = nil
	s.end()
	return l, r, nil
}

// DeleteSecContext ends an attempt and wipes its keys. The next may begin. An attempt
// about which nothing was decided is recorded with status.ReasonAborted.
func (s *Server) DeleteSecContext() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.record != nil {
		_ = s.refuse(aborted(s.attempt.Peer() != nil)) // it is in the record
	}
	s.end()
	return nil
}

// Format keeps a printed Server from showing its keys, whatever the verb.
func (s *Server) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "sspissh.Server{...}") }

// contextConfig is what is wanted of a login, with what SSH needs.
func (s *Server) contextConfig() sspi.ContextConfig {
	cc := s.cfg.Context
	cc.Package = sspi.Kerberos
	cc.WholeTokens = true                 // an SSH string is one
	cc.DeferReport = true                 // the MIC and Authorize decide too
	cc.Require |= flags.ASC_RET_INTEGRITY // RFC 4462, Section 3.4: else there is no MIC
	// x/crypto carries no token of a refusal. The one that offers a client whose
	// clock is wrong another try it would: OpenSSH goes on to its next method then,
	// and x/crypto, which waits for a token, ends the connection.
	cc.NoErrorTokens = true
	return cc
}

// ready is the error of a Server that lets nobody in. The caller holds mu.
func (s *Server) ready() error {
	bad := func(detail string) error { return &status.Error{Reason: status.ReasonArgument, Detail: detail} }
	switch p := s.cfg.Context.Package; {
	case s.shared:
		return errShared()
	case s.cfg.Acceptor == nil:
		return bad("sspissh: Config.Acceptor is nil")
	case s.cfg.Authorize == nil:
		return bad("sspissh: Config.Authorize is nil: say who may log in as whom, for instance with SameUser")
	case p != "" && !strings.EqualFold(string(p), string(sspi.Kerberos)):
		return bad("sspissh: Config.Context.Package is not Kerberos, and SSH knows nothing else")
	case s.cfg.BackendTimeout < 0:
		return bad("sspissh: Config.BackendTimeout is negative")
	}
	return nil
}

// end forgets the attempt. The caller holds mu.
func (s *Server) end() {
	if s.attempt != nil {
		s.attempt.Close()
	}
	s.attempt, s.login = nil, nil
}

// refuseShared ends this Server: two connections use it. Which of them a call is
// of cannot be told, so none of them is served. The caller holds mu.
func (s *Server) refuseShared() error {
	s.shared = true
	return s.refuse(errShared())
}

func errShared() error {
	return &status.Error{
		Reason: status.ReasonContextState,
		Detail: "sspissh: one Server was used by two connections, and refuses everybody from now on: call Config.ServerConfig for each connection",
	}
}
