package main

import "crypto/tls"

// canStartTLS reports whether the session may begin TLS: it may once, and not under a SASL
// security layer.
func (s *session) canStartTLS() bool { return s.srv.tls != nil && !s.secure && s.layer == nil }

// startTLS answers the StartTLS operation (RFC 4511, Section 4.14). A client that has
// logged in must log in again: its login has no security layer, so an attacker in the
// network could have sent the StartTLS in order to act as the client inside TLS.
func (s *session) startTLS(m message) error {
	name := tagged(responseName, oidStartTLS)
	switch {
	case s.srv.tls == nil:
		return s.answer(m, result{protocolError, "this server does not support the extended operation"})
	case !s.canStartTLS():
		return s.answer(m, result{operationsError, "the session uses TLS or a security layer already"}, name)
	}
	if err := s.answer(m, result{}, name); err != nil {
		return err
	}
	conn := tls.Server(s.raw, s.srv.tls) // readPDU reads no byte ahead, so no unprotected byte is taken for TLS data
	if err := conn.HandshakeContext(s.ctx); err != nil {
		return err
	}
	s.becomeAnonymous()
	s.conn, s.secure = conn, true
	return nil
}
