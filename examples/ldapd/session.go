package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/gosspi/kerberos/examples/internal/serve"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
)

// session is one connection. The server answers requests one after the other, so an
// AbandonRequest never finds an unfinished request.
type session struct {
	srv  *server
	ctx  context.Context // ends when the server is told to end
	raw  *serve.Conn     // the accepted connection
	conn net.Conn        // for LDAP messages: raw, or TLS or a SASL layer over it

	until time.Time // the deadline of an anonymous client
	who   *identity // nil: the client is anonymous, as at the start of every session

	exchange  *sspisasl.Server // an unfinished SASL bind, or nil
	mechanism string           // the mechanism of exchange
	layer     *sspisasl.Server // the finished bind whose security layer protects conn, or nil
	secure    bool             // conn uses TLS
}

// identity names a client that has logged in, and how it logged in.
type identity struct {
	peer      *sspi.Peer
	mechanism string
	layer     string
}

// Reasons to end a session without an error.
var (
	errUnbind   = errors.New("the client sent an UnbindRequest")
	errShutdown = errors.New("the server is shutting down")
)

// handle serves one connection.
func (srv *server) handle(ctx context.Context, conn *serve.Conn) {
	s := &session{srv: srv, ctx: ctx, raw: conn, conn: conn, until: time.Now().Add(loginTime)}
	defer s.close()
	err := s.run()
	switch {
	case errors.Is(err, errPDU):
		if s.notify(result{protocolError, err.Error()}) == nil {
			s.linger()
		}
	case errors.Is(err, errShutdown):
		_ = s.notify(result{unavailable, err.Error()})
		return
	case errors.Is(err, errUnbind), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return
	}
	srv.log.Warn("session ended", "peer", conn.RemoteAddr().String(), "err", err)
}

// close ends an unfinished bind and the security layer. The caller closes the connection.
func (s *session) close() {
	s.abort()
	if s.layer != nil {
		s.layer.Close()
	}
}

// run reads and answers requests until the session ends.
func (s *session) run() error {
	for {
		limit := maxPDU
		if s.who == nil {
			limit = maxPDUBefore
		}
		if err := s.setReadDeadline(); err != nil {
			return err
		}
		pdu, err := readPDU(s.conn, limit)
		switch {
		case err != nil && s.ctx.Err() != nil:
			return errShutdown
		case err != nil:
			return err
		}
		m, err := parseMessage(pdu)
		if err != nil {
			return err
		}
		if err := s.serve(m); err != nil {
			return err
		}
	}
}

// setReadDeadline sets the deadline for the whole next PDU. It returns errShutdown when the
// server is told to end, because conn may have more requests in its buffer.
func (s *session) setReadDeadline() error {
	deadline := s.until
	if s.who != nil {
		deadline = time.Now().Add(idle)
	}
	if err := s.raw.SetReadDeadline(deadline); err != nil {
		return err
	}
	if s.ctx.Err() != nil {
		return errShutdown
	}
	return nil
}

// serve answers a request. An error ends the session.
func (s *session) serve(m message) error {
	switch op := m.op.Tag; {
	case op == opUnbindRequest:
		return errUnbind
	case op == opAbandonRequest:
		return nil
	case m.critical:
		return s.answer(m, result{unavailableCriticalExtension, "this server supports no controls"})
	case op == opBindRequest:
		return s.bind(m)
	case s.exchange != nil: // RFC 4511, Section 4.2.1: no other request before the end of the bind
		return s.answer(m, result{operationsError, "a SASL bind is in progress"})
	case op == opSearchRequest:
		return s.search(m)
	case op == opExtendedRequest:
		return s.extended(m)
	}
	return s.answer(m, result{unwillingToPerform, "this server supports only binds, searches and some extended operations"})
}

// answer sends the response to m.
func (s *session) answer(m message, r result, more ...*ber.Packet) error {
	return s.send(m.id, r.packet(responses[m.op.Tag], more...))
}

// send sends an LDAP message.
func (s *session) send(id int64, op *ber.Packet) error {
	if err := s.raw.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err := s.conn.Write(envelope(id, op))
	return err
}

// linger reads and discards requests before the connection is closed. If a connection is
// closed with unread bytes, TCP resets it, and the client may lose the last message.
func (s *session) linger() {
	const (
		lingerTime  = time.Second
		lingerBytes = 4 << 20
	)
	if c, ok := s.raw.Conn.(interface{ CloseWrite() error }); ok && c.CloseWrite() == nil && s.raw.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, s.raw, lingerBytes) // an error ends the lingering too
	}
}

const oidDisconnection = "1.3.6.1.4.1.1466.20036"

// notify sends the Notice of Disconnection (RFC 4511, Section 4.4.1).
func (s *session) notify(r result) error {
	return s.send(0, r.packet(opExtendedResponse, tagged(responseName, oidDisconnection)))
}

// Extended operations.
const (
	oidWhoAmI   = "1.3.6.1.4.1.4203.1.11.3"
	oidStartTLS = "1.3.6.1.4.1.1466.20037"
)

// extended answers an ExtendedRequest (RFC 4511, Section 4.12).
func (s *session) extended(m message) error {
	c := m.op.Children
	if len(c) < 1 || len(c) > 2 || !is(c[0], ber.ClassContext, ber.TypePrimitive, 0) ||
		len(c) == 2 && !is(c[1], ber.ClassContext, ber.TypePrimitive, 1) {
		return malformed("malformed ExtendedRequest")
	}
	switch oid := text(c[0]); {
	case oid == oidWhoAmI && len(c) == 1:
		return s.answer(m, result{}, tagged(responseValue, s.authzID()))
	case oid == oidStartTLS && len(c) == 1:
		return s.startTLS(m)
	case oid == oidWhoAmI, oid == oidStartTLS:
		return s.answer(m, result{protocolError, "the operation takes no value"})
	}
	return s.answer(m, result{protocolError, "this server does not support the extended operation"})
}

// authzID returns the client's identity in the form of RFC 4513, Section 5.2.1.8, or "" for
// an anonymous client (RFC 4532).
func (s *session) authzID() string {
	if s.who == nil {
		return ""
	}
	principal, err := s.who.peer.Principal()
	if err != nil {
		return "" // unreachable: sspisasl admits no client without a principal
	}
	return fmt.Sprintf("u:%s", principal)
}
