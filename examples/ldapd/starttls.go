package main

import "crypto/tls"

// canStartTLS: once, and not under a SASL layer.
func (s *session) canStartTLS() bool { return s.srv.tls != nil && !s.secure && s.layer == nil }

// startTLS answers the StartTLS operation (RFC 4511, Section 4.14). A client that logged
// in before it has to log in again: its login had no security layer, so that a host
// between client and server could have sent the StartTLS, to speak for the client
// inside TLS.
func (s *session) startTLS(m message) error {
	name := tagged(responseName, oidStartTLS)
	switch {
	case s.srv.tls == nil:
		return s.answer(m, result{protocolError, "no such extended operation"})
	case !s.canStartTLS():
		return s.answer(m, result{operationsError, "the session is protected already"}, name)
	}
	if err := s.answer(m, result{}, name); err != nil {
		return err
	}
	conn := tls.Server(s.raw, s.srv.tls) // nothing of raw was read ahead, so nothing said in clear counts as protected
	if err := conn.HandshakeContext(s.ctx); err != nil {
		return err
	}
	s.becomeNobody()
	s.conn, s.secure = conn, true
	return nil
}
