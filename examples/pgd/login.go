package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gosspi/kerberos/examples/internal/serve"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

const maxToken = 1 << 16 // bytes of a token; the security package accepts no longer ones

// client is a connection whose client has not logged in yet.
type client struct {
	server *server
	base   *serve.Conn // the connection itself, for its deadlines
	conn   net.Conn    // base, or the encryption over it

	askedGSS, encrypted bool
	user, database      string // the database user and the database that the client requests
	backend             *pgproto3.Backend
	context             *sspi.Context
	peer                *sspi.Peer       // the authenticated client
	principal           keytab.Principal // that identifies the peer
	event               sspi.Event       // the record of the login, until it is reported
	reported            bool
}

// login authenticates and authorizes the client.
func (c *client) login(ctx context.Context) error {
	if err := c.start(ctx); err != nil {
		return err
	}
	c.backend = pgproto3.NewBackend(c.conn, c.conn)
	if !c.encrypted { // otherwise the context of the encryption has authenticated the client
		if err := c.authenticate(ctx); err != nil {
			return err
		}
	}
	if err := c.authorise(); err != nil {
		return err
	}
	c.report(c.event)
	c.reported = true
	return c.admit()
}

// authenticate exchanges tokens in messages of the protocol. It requires no context flag,
// because the client decides whether the server must authenticate itself.
func (c *client) authenticate(ctx context.Context) error {
	c.backend.SetMaxBodyLen(maxToken)
	if err := c.backend.SetAuthType(pgproto3.AuthTypeGSS); err != nil {
		return err
	}
	if err := send(c.conn, &pgproto3.AuthenticationGSS{}); err != nil {
		return err
	}
	receive := func() ([]byte, error) {
		msg, err := c.backend.Receive()
		if err != nil {
			return nil, unreadable(err)
		}
		response, ok := msg.(*pgproto3.GSSResponse)
		if !ok {
			return nil, protocolError("expected a GSSAPI response")
		}
		return response.Data, nil
	}
	reply := func(token []byte) error { return send(c.conn, &pgproto3.AuthenticationGSSContinue{Data: token}) }
	return c.exchange(ctx, sspi.ContextConfig{Package: sspi.Negotiate}, receive, reply) // libpq sends Kerberos's tokens as they are, pgjdbc with useSpnego in SPNEGO
}

// exchange calls Accept for each token until the context is established. receive and send
// transport the tokens, in messages of the protocol or in packets of GSSENC.
func (c *client) exchange(ctx context.Context, cfg sspi.ContextConfig, receive func() ([]byte, error), send func([]byte) error) error {
	cfg.WholeTokens = true // each message of the protocol holds one
	cfg.DeferReport = true // authorise decides too
	cfg.Remote = c.remote()
	c.context = c.server.acceptor.NewContext(cfg)
	for {
		token, err := receive()
		if err != nil {
			return err
		}
		if len(token) == 0 { // Negotiate would answer with its list of mechanisms, which no client asks for here
			return c.failed(&status.Error{Reason: status.ReasonMalformedToken, Detail: "the token is empty"})
		}
		reply, peer, err := c.context.Accept(ctx, token)
		switch e, ok := c.context.TakeEvent(); {
		case ok && e.Retry: // the client may correct its clock
			c.report(e)
		case ok:
			c.event = e
		}
		if len(reply) > 0 { // also beside an error: it tells the client why
			if err := send(reply); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
			c.peer = peer
			return nil
		case err != sspi.ErrContinue:
			return c.failed(err)
		}
	}
}

// authorise decides whether the client may use the database user that it requests. Without
// realms the database user is the whole principal, since "alice" of one realm is not
// "alice" of another. With realms it is the bare name of an ordinary user of one of
// them. In Active Directory both are the name of the client's account, and not the name that
// the client typed. A server with a table of users checks the table here.
func (c *client) authorise() error {
	principal, err := c.peer.Principal()
	name := principal.String()
	if err == nil && len(c.server.realms) > 0 {
		name, err = c.peer.User(c.server.realms...)
	}
	if err != nil {
		return c.failed(err)
	}
	c.principal = principal
	if err := serve.Admit(c.server.rule, c.peer); err != nil {
		return c.failed(err)
	}
	if name != c.user {
		return c.failed(notAuthorized("the principal %q is the database user %q, and asks to be %.100q", principal, name, c.user))
	}
	return nil
}

func notAuthorized(format string, args ...any) error {
	return &status.Error{Reason: status.ReasonNotAuthorized, Detail: fmt.Sprintf(format, args...)}
}

// failed returns the refusal of a client. The client does not receive err.
func (c *client) failed(err error) error {
	text := "GSSAPI authentication failed"
	if c.user != "" {
		text += fmt.Sprintf(" for user %.100q", c.user)
	}
	return &fatal{"28000", text, err}
}

// admit makes the connection a session.
func (c *client) admit() error {
	if !c.base.Admit() {
		return &fatal{"53300", "sorry, too many clients already", nil}
	}
	return nil
}

// refuse sends the client an error without the reason. The acceptor's Logger gets the
// reason. refuse itself logs a connection that ends before the first token or after the
// login.
func (c *client) refuse(err error) {
	if f, ok := errors.AsType[*fatal](err); ok {
		_ = send(c.conn, f.response()) // fails if the client has closed the connection
	}
	switch {
	case err == errNothing, err == errCancel:
	case c.context == nil, c.reported:
		c.server.log.Warn("connection refused", "peer", c.base.RemoteAddr().String(), "user", c.user, "encrypted", c.encrypted, "err", err)
	default:
		c.reportRefused(err)
	}
}

// fatal is an error that ends a connection with an ErrorResponse. The client receives code
// and text, and the log receives err.
type fatal struct {
	code, text string
	err        error
}

func (f *fatal) Error() string {
	if f.err != nil {
		return f.text + ": " + f.err.Error()
	}
	return f.text
}

func (f *fatal) Unwrap() error { return f.err }

func (f *fatal) response() *pgproto3.ErrorResponse {
	return &pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: f.code, Message: f.text}
}

func protocolError(text string) error { return &fatal{"08P01", text, nil} }

// unreadable turns an error of a malformed message into a fatal, and returns an error of the
// connection unchanged.
func unreadable(err error) error {
	var network net.Error
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) {
		return err
	}
	return &fatal{"08P01", "invalid message", err}
}

// send writes messages with one call of Write.
func send(w io.Writer, messages ...pgproto3.BackendMessage) error {
	var b []byte
	for _, m := range messages {
		var err error
		if b, err = m.Encode(b); err != nil {
			return err
		}
	}
	_, err := w.Write(b)
	return err
}
