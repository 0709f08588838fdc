package sspissh

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// record is the record of one attempt, from its first token to the decision about it.
type record struct {
	event sspi.Event
	user  string // that the client wants to log in as; "" until it is known
}

// begin starts the record of an attempt. The caller holds mu.
func (s *Server) begin() {
	if s.record == nil {
		s.record = &record{user: s.user()}
		s.locate(s.record)
	}
}

// takeEvent takes the record of the token that the attempt's context has just judged. A
// refusal after which the client may try again is reported at once. The caller holds mu.
func (s *Server) takeEvent() {
	e, ok := s.attempt.TakeEvent()
	switch {
	case !ok:
	case e.Retry:
		again := &record{event: e, user: s.record.user}
		s.locate(again)
		s.report(again)
	default:
		s.record.event = e
		s.locate(s.record)
	}
}

// refuse reports that err ended the attempt, and forgets the attempt. The caller holds mu.
func (s *Server) refuse(err error) error {
	r := s.record
	s.record = nil
	s.end()
	if r != nil {
		s.reportRefused(r, err)
	}
	return err
}

// reportRefused reports r as refused with err.
func (s *Server) reportRefused(r *record, err error) {
	if r.event.Err == nil { // otherwise err is the context's verdict, which r has
		r.event.Refuse(err)
	}
	s.report(r)
}

// report sends r to the acceptor. It does nothing without an acceptor.
func (s *Server) report(r *record) {
	e := r.event
	e.Attrs = []slog.Attr{slog.String("network.protocol.name", "ssh")}
	if r.user != "" {
		e.Attrs = append(e.Attrs, slog.String("user.name", quote.Value(r.user)))
	}
	s.cfg.Acceptor.Report(context.Background(), e)
}

// connected notes the connection before the first attempt, for the records.
func (s *Server) connected(conn ssh.ConnMetadata) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
}

// user returns the user that the client asks for, "" if it is unknown. The caller holds mu.
func (s *Server) user() string {
	if s.conn == nil {
		return ""
	}
	return s.conn.User()
}

// locate completes the client's address in r: as the program gave it, or as x/crypto
// reported it. The caller holds mu.
func (s *Server) locate(r *record) {
	cc, e := &s.cfg.Context, &r.event
	switch {
	case e.Remote.Addr().IsValid():
	case cc.Remote.Addr().IsValid():
		e.Remote = cc.Remote
	case cc.PeerAddr.IsValid():
		e.Remote = netip.AddrPortFrom(cc.PeerAddr, 0)
	case s.conn != nil && s.conn.RemoteAddr() != nil:
		// The zero AddrPort for a connection that is not of TCP.
		e.Remote, _ = netip.ParseAddrPort(s.conn.RemoteAddr().String())
	}
}

// aborted returns the error of a login that the client broke off.
func aborted(accepted bool) error {
	detail := "the client left while the server waited for its next token; its own error names the cause"
	if accepted {
		detail = "the client left after the server's last token and sent no MIC, which would have bound its ticket to this connection and to a user: it does not trust the server's reply, or its connection was lost; its own error names the cause"
	}
	return &status.Error{Reason: status.ReasonAborted, Detail: "sspissh: " + detail}
}

// decided reports the decision about the login: nil, or the error of Config.Authorize.
func (s *Server) decided(r *record, err error) {
	if partial, ok := errors.AsType[*ssh.PartialSuccessError](err); ok && partial != nil {
		err = notAuthorized("Config.Authorize returned ssh.PartialSuccessError: another method decides about the login, and no record tells how")
	}
	if err == nil {
		s.report(r)
		return
	}
	if e, ok := errors.AsType[*status.Error](err); !ok || e == nil {
		err = &status.Error{Reason: status.ReasonNotAuthorized, Detail: "sspissh: Config.Authorize does not let the client log in as the user that it asks for", Err: err}
	}
	s.reportRefused(r, err)
}

// sourceAddress applies the critical option source-address of perms, as x/crypto does
// after AllowLogin: otherwise the record would say that a client was accepted which
// x/crypto then refuses. A list that does not parse admits nobody.
func sourceAddress(conn ssh.ConnMetadata, perms *ssh.Permissions) error {
	if perms == nil {
		return nil
	}
	list, ok := perms.CriticalOptions["source-address"]
	if !ok {
		return nil
	}
	addr, _ := conn.RemoteAddr().(*net.TCPAddr)
	for _, allowed := range strings.Split(list, ",") {
		if addr == nil {
			break
		}
		if ip := net.ParseIP(allowed); ip != nil {
			if ip.Equal(addr.IP) {
				return nil
			}
			continue
		}
		_, network, err := net.ParseCIDR(allowed)
		if err != nil {
			break
		}
		if network.Contains(addr.IP) {
			return nil
		}
	}
	return notAuthorized("the option source-address of the permissions that Config.Authorize returned does not admit the client's address")
}
