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

// record is the record of one attempt. It exists from the first token to the decision about
// the attempt.
type record struct {
	event sspi.Event
	user  string // the user as which the client requests to log in; "" if still unknown
}

// begin starts the record of an attempt. The caller holds mu.
func (s *gssapiServer) begin() {
	if s.record == nil {
		s.record = &record{user: s.user()}
		s.locate(s.record)
	}
}

// takeEvent takes the acceptor's record of the token that the attempt's context has just
// processed. It reports a refusal after which the client may retry at once. The caller holds
// mu.
func (s *gssapiServer) takeEvent() {
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

// refuse reports that err ended the attempt, ends the attempt, and returns err. The caller
// holds mu.
func (s *gssapiServer) refuse(err error) error {
	r := s.record
	s.record = nil
	s.end()
	if r != nil {
		s.reportRefused(r, err)
	}
	return err
}

// reportRefused reports r as refused with err.
func (s *gssapiServer) reportRefused(r *record, err error) {
	if r.event.Err == nil { // otherwise r has the context's error already
		r.event.Refuse(err)
	}
	s.report(r)
}

// report sends r to the acceptor.
func (s *gssapiServer) report(r *record) {
	e := r.event
	e.Attrs = []slog.Attr{slog.String("network.protocol.name", "ssh")}
	if r.user != "" {
		e.Attrs = append(e.Attrs, slog.String("user.name", quote.Value(r.user)))
	}
	s.cfg.Acceptor.Report(context.Background(), e)
}

// connected stores the connection for the records. x/crypto calls it before the first attempt.
func (s *gssapiServer) connected(conn ssh.ConnMetadata) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
}

// user returns the user as which the client requests to log in, or "" if the connection is
// unknown. The caller holds mu.
func (s *gssapiServer) user() string {
	if s.conn == nil {
		return ""
	}
	return s.conn.User()
}

// locate sets the client's address in r, if r has no address: to the address in Config.Context
// or, if Config.Context has no address, to the address of the connection. The caller holds mu.
func (s *gssapiServer) locate(r *record) {
	cc, e := &s.cfg.Context, &r.event
	switch {
	case e.Remote.Addr().IsValid():
	case cc.Remote.Addr().IsValid():
		e.Remote = cc.Remote
	case cc.PeerAddr.IsValid():
		e.Remote = netip.AddrPortFrom(cc.PeerAddr, 0)
	case s.conn != nil && s.conn.RemoteAddr() != nil:
		// Remote is the zero AddrPort if the connection is not a TCP connection.
		e.Remote, _ = netip.ParseAddrPort(s.conn.RemoteAddr().String())
	}
}

// aborted returns the error of a login that the client did not finish. accepted reports whether
// the acceptor had accepted the last token.
func aborted(accepted bool) error {
	detail := "the client left while the server waited for the next token; the client's own error names the cause"
	if accepted {
		detail = "the client left after the server's last token and sent no MIC, which would have bound its ticket to this connection and to a user: the client does not trust the server's reply, or the connection was lost; the client's own error names the cause"
	}
	return &status.Error{Reason: status.ReasonAborted, Detail: "sspissh: " + detail}
}

// decided reports the decision about the login. err is nil or the error of Config.Authorize.
func (s *gssapiServer) decided(r *record, err error) {
	if partial, ok := errors.AsType[*ssh.PartialSuccessError](err); ok && partial != nil {
		err = notAuthorized("Config.Authorize returned ssh.PartialSuccessError: a further method decides about the login, and its decision has no record")
	}
	if err == nil {
		s.report(r)
		return
	}
	if e, ok := errors.AsType[*status.Error](err); !ok || e == nil {
		err = &status.Error{Reason: status.ReasonNotAuthorized, Detail: "sspissh: Config.Authorize does not let the client log in as the requested user", Err: err}
	}
	s.reportRefused(r, err)
}

// sourceAddress returns an error if the critical option source-address of perms does not admit
// the client's address. x/crypto checks the same option after AllowLogin; without this check,
// the record would report a client as accepted that x/crypto then refuses. A list that does not
// parse admits no client.
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
