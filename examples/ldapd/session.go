package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
)

// session is one connection. Its requests are answered one after the other, so
// there is never anything to abandon.
type session struct {
	srv  *server
	ctx  context.Context // ends when the server does
	raw  net.Conn        // what was accepted
	conn net.Conn        // what messages go through: raw, TLS over it, or a SASL layer over either

	until time.Time // when a client that is nobody has to go
	who   *identity // nil: nobody, which is where every session starts

	exchange  *sspisasl.Server // a SASL bind that is not over; nil: none
	mechanism string           // its mechanism
	layer     *sspisasl.Server // whose security layer protects conn; nil: none
	secure    bool             // TLS has begun
}

// identity is who has logged in, and how.
type identity struct {
	peer      *sspi.Peer
	mechanism string
	layer     string
}

// Reasons to end a session without an error.
var (
	errUnbind   = errors.New("the client is done")
	errShutdown = errors.New("the server ends")
)

// handle is a whole connection.
func (srv *server) handle(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	s := &session{srv: srv, ctx: ctx, raw: conn, conn: conn, until: time.Now().Add(toLogIn)}
	defer s.close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) }) // a closed one needs none
	defer stop()
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

// close ends what the session holds. The connection itself is its caller's.
func (s *session) close() {
	s.abort()
	if s.layer != nil {
		s.layer.Close()
	}
}

// run reads requests until the client leaves or must.
func (s *session) run() error {
	for {
		limit := maxPDU
		if s.who == nil {
			limit = maxPDUBefore
		}
		if err := s.patience(); err != nil {
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

// patience sets how long the next PDU may take, however slowly its bytes drip in.
func (s *session) patience() error {
	deadline := s.until
	if s.who != nil {
		deadline = time.Now().Add(idle)
	}
	if err := s.raw.SetReadDeadline(deadline); err != nil {
		return err
	}
	if s.ctx.Err() != nil { // whose own deadline may have come before this one
		return errShutdown
	}
	return nil
}

// serve does what a request asks for. Its error ends the session.
func (s *session) serve(m message) error {
	switch op := m.op.Tag; {
	case op == opUnbindRequest:
		return errUnbind
	case op == opAbandonRequest:
		return nil
	case m.critical:
		return s.answer(m, result{unavailableCriticalExtension, "no control is known here"})
	case op == opBindRequest:
		return s.bind(m)
	case s.exchange != nil: // RFC 4511, Section 4.2.1: nothing else until it is over
		return s.answer(m, result{operationsError, "a SASL bind is in progress"})
	case op == opSearchRequest:
		return s.search(m)
	case op == opExtendedRequest:
		return s.extended(m)
	}
	return s.answer(m, result{unwillingToPerform, "this directory can be searched, and no more"})
}

// answer sends the response that a request is due.
func (s *session) answer(m message, r result, more ...*ber.Packet) error {
	return s.send(m.id, r.packet(responses[m.op.Tag], more...))
}

func (s *session) send(id int64, op *ber.Packet) error {
	if err := s.raw.SetWriteDeadline(time.Now().Add(toWrite)); err != nil {
		return err
	}
	_, err := s.conn.Write(envelope(id, op))
	return err
}

// linger lets the client read why the session ends: closed with bytes unread, TCP
// would throw away what is on its way to it.
func (s *session) linger() {
	const (
		long = time.Second
		much = 4 << 20 // bytes
	)
	if c, ok := s.raw.(interface{ CloseWrite() error }); ok && c.CloseWrite() == nil && s.raw.SetReadDeadline(time.Now().Add(long)) == nil {
		_, _ = io.CopyN(io.Discard, s.raw, much) // however it ends
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
		return malformed("a bad extended operation")
	}
	switch oid := text(c[0]); {
	case oid == oidWhoAmI && len(c) == 1:
		return s.answer(m, result{}, tagged(responseValue, s.authzID()))
	case oid == oidStartTLS && len(c) == 1:
		return s.startTLS(m)
	case oid == oidWhoAmI, oid == oidStartTLS:
		return s.answer(m, result{protocolError, "the operation takes no value"})
	}
	return s.answer(m, result{protocolError, "no such extended operation"})
}

// authzID is the client as RFC 4513, Section 5.2.1.8 writes it; empty for nobody
// (RFC 4532).
func (s *session) authzID() string {
	if s.who == nil {
		return ""
	}
	return fmt.Sprintf("u:%s", s.who.peer.Client)
}
