package sspisasl

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// backendTimeout limits the time that Next, which has no context.Context, waits for keys and
// for the replay cache.
const backendTimeout = 5 * time.Second

// state names the response that the Server expects.
type state uint8

const (
	stateFirst  state = iota // the initial response, which may be absent
	stateTokens              // a token of the context
	stateAck                 // the empty response to the server's last token
	stateLayer               // GSSAPI: the choice of a security layer
	stateDone                // no response: the exchange succeeded
	stateFailed              // no response: the exchange failed
)

// Server is the server's side of one SASL exchange on one connection. [New] creates it. It
// implements the Server interface of emersion/go-sasl.
//
// It is safe for concurrent use. If Next is called while a call of Next runs, the second call
// returns an error. Close may be called at any time.
type Server struct {
	cfg       Config // complete
	mechanism Mechanism

	next    sync.Mutex // held by Next; guards the fields up to event
	state   state
	offered Layer      // in stateLayer
	result  outcome    // grows until the exchange is done
	event   sspi.Event // the acceptor's record of the last token

	unfinished atomic.Pointer[sspi.Event] // the record for Close between two responses; nil while Next runs

	context  atomic.Pointer[sspi.Context] // nil before begin
	closed   atomic.Bool
	attached atomic.Bool             // Conn was called
	outcome  atomic.Pointer[outcome] // set with stateDone
}

// outcome is the result of an exchange.
type outcome struct {
	peer    *sspi.Peer
	authzid string
	layer   Layer
	limit   int // maximum length of an unwrapped message to send
}

// begin creates the security context.
func (s *Server) begin(p sspi.Package, cc sspi.ContextConfig) {
	cc.Package = p
	cc.WholeTokens = true // each challenge and each response is one token
	cc.DeferReport = true // authorize and the choice of a layer also decide
	s.context.Store(s.cfg.Acceptor.NewContext(cc))
	if s.closed.Load() { // Close ran before the context was stored
		s.context.Load().Close()
	}
}

// Next processes the client's response and returns the next challenge. The first response is
// nil if the client sent no initial response with the name of the mechanism. If done, the
// client is authenticated and authorized; a challenge returned with done, which happens only
// with Config.SuccessData, is the additional data of the protocol's success message.
//
// An error ends the exchange. It is, or wraps, a *status.Error, and is for the operator. Send
// the protocol's "authentication failed" to the client, with the challenge if it is not empty
// and the protocol can send it, as LDAP can. A call after the end returns an error with
// status.ReasonContextState and changes nothing.
//
// Next waits at most five seconds for keys and for the replay cache. With
// [Server.NextContext], the caller decides.
func (s *Server) Next(response []byte) (challenge []byte, done bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), backendTimeout)
	defer cancel()
	return s.NextContext(ctx, response)
}

// NextContext does the same as Next. ctx limits the wait for keys and for the replay cache.
func (s *Server) NextContext(ctx context.Context, response []byte) (challenge []byte, done bool, err error) {
	if !s.next.TryLock() {
		return nil, false, misuse("Next was called while a call of Next was running")
	}
	defer s.next.Unlock()
	switch {
	case s.cfg.Acceptor == nil:
		return nil, false, misuse("New did not create this Server")
	case s.state == stateDone || s.state == stateFailed:
		return nil, false, misuse("the exchange is over")
	case s.closed.Load():
		return nil, false, &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the Server is closed"}
	}
	if s.unfinished.Swap(nil) == nil && s.state != stateFirst { // Close ran after the last Next and has reported the exchange
		return nil, false, &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the Server is closed"}
	}
	decided := false
	defer func() {
		if !decided { // Config.Authorize, the key source or the replay cache panicked
			s.fail(ctx, &status.Error{Reason: status.ReasonInternal, Detail: "a function of Config did not return"})
		}
	}()
	challenge, err = s.step(ctx, response)
	decided = true
	switch {
	case err != nil:
		s.fail(ctx, err)
		return challenge, false, err
	case s.state == stateDone:
		s.reportAccepted(ctx)
		return challenge, true, nil
	}
	s.suspend()
	return challenge, false, nil
}

// fail ends the exchange with err and reports it.
func (s *Server) fail(ctx context.Context, err error) {
	s.state = stateFailed
	s.reportRefused(ctx, err)
	s.result, s.event = outcome{}, sspi.Event{}
	s.context.Load().Close() // a nil Context may be closed
}

// step processes the response that the state expects.
func (s *Server) step(ctx context.Context, response []byte) ([]byte, error) {
	switch s.state {
	case stateFirst:
		s.state = stateTokens
		// An empty SPNEGO token requests the server's list of mechanisms. For the other
		// mechanisms, an empty response counts as no response, because some protocols cannot
		// distinguish them.
		if len(response) == 0 && (response == nil || s.mechanism != GSSSPNEGO) {
			return []byte{}, nil
		}
		return s.token(ctx, response)
	case stateTokens:
		return s.token(ctx, response)
	case stateAck:
		if len(response) != 0 {
			return nil, malformed("the response to the server's last token must be empty")
		}
		return s.acknowledged()
	case stateLayer:
		return nil, s.chooseLayer(response)
	}
	return nil, misuse("the exchange is over") // unreachable
}

// token passes the next token to the context.
func (s *Server) token(ctx context.Context, token []byte) ([]byte, error) {
	if s.context.Load() == nil {
		var err error
		if token, err = s.beginGS2(token); err != nil {
			return nil, err
		}
	}
	reply, peer, err := s.context.Load().Accept(ctx, token)
	s.takeEvent(ctx)
	switch {
	case err == sspi.ErrContinue:
		return reply, nil
	case err != nil:
		return reply, err
	}
	return s.accepted(reply, peer)
}

// accepted continues after the acceptor has authenticated the client. It returns reply, if the
// server still has to send it.
func (s *Server) accepted(reply []byte, peer *sspi.Peer) ([]byte, error) {
	s.result.peer = peer
	var err error
	switch s.mechanism {
	case GSSAPI:
		// A later response contains the layer and the identity.
		if s.offered, err = s.possibleLayers(); err != nil {
			return nil, err // unreachable: Require has the flags
		}
		if len(reply) == 0 {
			return s.offerLayers()
		}
		s.state = stateAck
		return reply, nil
	case GSSSPNEGO:
		err = s.impliedLayer()
	default:
		s.result.layer = NoLayer
		s.result.peer = s.channelOf(peer)
		s.event.Peer, s.event.Binding = s.result.peer, s.result.peer.Binding
	}
	if err == nil {
		err = s.authorize()
	}
	if err != nil {
		return nil, err
	}
	if len(reply) > 0 && !s.cfg.SuccessData {
		s.state = stateAck
		return reply, nil
	}
	s.finish()
	return reply, nil
}

// acknowledged continues after the client has acknowledged the server's last token.
func (s *Server) acknowledged() ([]byte, error) {
	if s.mechanism == GSSAPI {
		return s.offerLayers()
	}
	s.finish()
	return nil, nil
}

// finish ends the exchange successfully. No other function does.
func (s *Server) finish() {
	s.state = stateDone
	result := s.result
	if result.authzid == "" {
		result.authzid = itself(result.peer)
	}
	s.outcome.Store(&result)
}

// Peer returns the authenticated client, or nil before the exchange is done. It also returns
// the client after Close. With the GS2 mechanisms, Peer.Binding describes the channel; the
// token is always bound to the first message.
func (s *Server) Peer() *sspi.Peer { return s.end().peer }

// AuthorizationID returns the identity as which the client may act, in UTF-8: the identity
// that it requested or, if it requested no identity, its whole principal with the realm. It
// returns an empty string before the exchange is done.
func (s *Server) AuthorizationID() string { return s.end().authzid }

// Layer returns the security layer, or 0 before the exchange is done. Unless it is NoLayer,
// the program must continue with [Server.Conn].
func (s *Server) Layer() Layer { return s.end().layer }

// Context returns the security context, for example to call Delegated, or nil before the
// exchange is done. If the exchange has a security layer, do not wrap messages with the
// context: they would take sequence numbers of the layer.
func (s *Server) Context() *sspi.Context {
	if s.outcome.Load() == nil {
		return nil
	}
	return s.context.Load()
}

// Close wipes the context's keys. After Close, Next and the connection of Conn return errors.
// If the exchange has begun and is not done, Close reports it to the acceptor's Logger and
// OnEvent with status.ReasonAborted. Close is idempotent. A Server that the program never
// closes leaks nothing, but its unfinished exchange has no record.
//
// If the client aborts the exchange with the protocol's own response, call Close and not Next:
// for "*" in IMAP, SMTP and POP3, and for an LDAP bind with a different mechanism.
func (s *Server) Close() {
	s.closed.Store(true)
	s.abandon()
	s.context.Load().Close() // a nil Context may be closed
}

// end returns the outcome, or the zero outcome before the exchange is done.
func (s *Server) end() outcome {
	if o := s.outcome.Load(); o != nil {
		return *o
	}
	return outcome{}
}

// granted reports whether the context has the attributes.
func (s *Server) granted(a flags.ASC_RET) bool { return s.result.peer.Flags&a == a }

func misuse(detail string) error {
	return &status.Error{Reason: status.ReasonContextState, Detail: detail}
}
