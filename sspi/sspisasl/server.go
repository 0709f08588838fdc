package sspisasl

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// backendTimeout bounds the wait for keys and for the replay cache in Next,
// which has no context.Context.
const backendTimeout = 5 * time.Second

// state is which response is due.
type state uint8

const (
	stateFirst  state = iota // the first one, if there is one
	stateTokens              // a token of the context
	stateAck                 // an empty one, for our last token
	stateLayer               // GSSAPI: the choice of a security layer
	stateDone                // none: the client is logged in
	stateFailed              // none: it is not
)

// Server is the server's side of one SASL exchange. It is emersion/go-sasl's
// Server in shape. It is from [Config.NewServer], and for one connection.
//
// It is safe for concurrent use: of two calls of Next at once the second is
// refused, and Close may come at any time.
type Server struct {
	cfg       Config // complete
	mechanism Mechanism

	next    sync.Mutex // held by the one Next that runs; guards what follows
	state   state
	offered Layer      // in stateLayer
	result  outcome    // grows until the exchange is done
	event   sspi.Event // the record of the token that the context judged last

	unfinished atomic.Pointer[sspi.Event] // the record of an exchange that ends between two responses; nil while Next runs

	context  atomic.Pointer[sspi.Context] // nil until begin
	closed   atomic.Bool
	attached atomic.Bool             // Conn was called
	outcome  atomic.Pointer[outcome] // set with stateDone
}

// outcome is what a finished exchange comes to.
type outcome struct {
	peer    *sspi.Peer
	authzid string
	layer   Layer
	limit   int // of a message to send, before it is wrapped
}

// begin makes the context.
func (s *Server) begin(p sspi.Package, cc sspi.ContextConfig) {
	cc.Package = p
	cc.WholeTokens = true // a challenge or a response is one
	cc.DeferReport = true // authorize and the choice of a layer decide too
	s.context.Store(s.cfg.Acceptor.NewContext(cc))
	if s.closed.Load() { // meanwhile
		s.context.Load().Close()
	}
}

// Next takes the client's next response and returns what to answer. A nil
// response to begin with says that the client sent none with the name of the
// mechanism. done: the client is logged in and authorized; a challenge that comes
// with it, which is so only under Config.SuccessData, goes along with the word
// of success.
//
// An error ends the exchange. It is or wraps a *status.Error, and is for the
// operator: what the client is told is the protocol's "authentication failed",
// with the challenge, where there is one and the protocol has a place for it, as
// LDAP has. A call after the end is an error (status.ReasonContextState), and
// changes nothing.
//
// Keys and the replay cache may take five seconds; [Server.NextContext] leaves
// that to the caller.
func (s *Server) Next(response []byte) (challenge []byte, done bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), backendTimeout)
	defer cancel()
	return s.NextContext(ctx, response)
}

// NextContext is Next, where ctx bounds the wait for keys and for the replay
// cache.
func (s *Server) NextContext(ctx context.Context, response []byte) (challenge []byte, done bool, err error) {
	if !s.next.TryLock() {
		return nil, false, misuse("another Next runs on this Server")
	}
	defer s.next.Unlock()
	switch {
	case s.cfg.Acceptor == nil:
		return nil, false, misuse("the Server is not from NewServer")
	case s.state == stateDone || s.state == stateFailed:
		return nil, false, misuse("the exchange is over")
	case s.closed.Load():
		return nil, false, &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the Server is closed"}
	}
	if s.unfinished.Swap(nil) == nil && s.state != stateFirst { // Close came in between and has reported
		return nil, false, &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the Server is closed"}
	}
	decided := false
	defer func() {
		if !decided { // Config.Authorize or a backend panicked
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

// fail ends the exchange with err, once.
func (s *Server) fail(ctx context.Context, err error) {
	s.state = stateFailed
	s.reportRefused(ctx, err)
	s.result, s.event = outcome{}, sspi.Event{}
	s.context.Load().Close() // a nil one too
}

// step takes the response that is due.
func (s *Server) step(ctx context.Context, response []byte) ([]byte, error) {
	switch s.state {
	case stateFirst:
		s.state = stateTokens
		// An empty SPNEGO token is one: it asks for our list of mechanisms. With
		// the others, protocols that cannot tell none from an empty one get the
		// benefit of the doubt.
		if len(response) == 0 && (response == nil || s.mechanism != GSSSPNEGO) {
			return []byte{}, nil
		}
		return s.token(ctx, response)
	case stateTokens:
		return s.token(ctx, response)
	case stateAck:
		if len(response) != 0 {
			return nil, malformed("an empty response is due")
		}
		return s.acknowledged()
	case stateLayer:
		return nil, s.chooseLayer(response)
	}
	return nil, misuse("the exchange is over") // unreachable
}

// token gives the context its next token.
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

// accepted goes on when the client is proven; reply is still to be sent.
func (s *Server) accepted(reply []byte, peer *sspi.Peer) ([]byte, error) {
	s.result.peer = peer
	var err error
	switch s.mechanism {
	case GSSAPI:
		// The layer is chosen, and the identity asked for, later.
		if s.offered, err = s.possibleLayers(); err != nil {
			return nil, err
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

// acknowledged goes on when the client has our last token.
func (s *Server) acknowledged() ([]byte, error) {
	if s.mechanism == GSSAPI {
		return s.offerLayers()
	}
	s.finish()
	return nil, nil
}

// finish is the only place where an exchange succeeds.
func (s *Server) finish() {
	s.state = stateDone
	result := s.result
	if result.authzid == "" {
		result.authzid = result.peer.Client.String()
	}
	s.outcome.Store(&result)
}

// Peer is the proven client; nil until the exchange is done. It stays readable
// after Close. With the GS2 mechanisms its Binding is about the channel, not
// about the first message, which is always bound.
func (s *Server) Peer() *sspi.Peer { return s.end().peer }

// AuthorizationID returns the identity that the client may act as, in UTF-8: the
// identity that it asked for, or its whole principal, with the realm, if it asked for
// none. It is empty until the exchange is done.
func (s *Server) AuthorizationID() string { return s.end().authzid }

// Layer is the security layer; 0 until the exchange is done. Unless it is
// NoLayer, what comes behind the exchange goes through [Server.Conn].
func (s *Server) Layer() Layer { return s.end().layer }

// Context is the security context; nil until the exchange is done. A message
// wrapped with it, if there is a layer, takes a number of the layer's sequence:
// leave that to [Server.Conn].
func (s *Server) Context() *sspi.Context {
	if s.outcome.Load() == nil {
		return nil
	}
	return s.context.Load()
}

// Delegated are the client's forwarded credentials, which are secret: nil unless
// Config.Context.AcceptDelegation was set, the client sent some, the exchange is
// done and the Server not closed.
func (s *Server) Delegated() *authenticator.Delegated { return s.Context().Delegated() }

// Close wipes the context's keys. Then a connection from Conn fails, and so does
// Next. If the exchange has begun and is not over, Close reports it to the acceptor's
// Logger and OnEvent, with status.ReasonAborted. Close is idempotent. A Server that is
// forgotten without it leaks nothing, but an unfinished exchange has no record then.
//
// Call it, and not Next, where the client aborts the exchange with the protocol's own
// response, such as "*" in IMAP, SMTP and POP3, or an LDAP bind with another mechanism.
func (s *Server) Close() {
	s.closed.Store(true)
	s.abandon()
	s.context.Load().Close() // a nil one too
}

// end is the outcome, empty until there is one.
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
