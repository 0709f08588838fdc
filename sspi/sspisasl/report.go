package sspisasl

import (
	"context"
	"log/slog"
	"net/netip"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// takeEvent takes the acceptor's record of the token that the context has just processed. It
// reports a refusal after which the client may retry at once, and stores every other record
// until the end of the exchange.
func (s *Server) takeEvent(ctx context.Context) {
	e, ok := s.context.Load().TakeEvent()
	switch {
	case !ok:
	case e.Retry:
		s.report(ctx, e)
	default:
		s.event = e
	}
}

// reportAccepted reports that the client is authenticated and authorized.
func (s *Server) reportAccepted(ctx context.Context) {
	s.report(ctx, s.event, slog.String("kerberos.sasl.layer", s.result.layer.String()))
}

// reportRefused reports that err ended the exchange.
func (s *Server) reportRefused(ctx context.Context, err error) {
	e := s.event
	if e.Err == nil { // otherwise e has the context's error already
		e.Refuse(err)
	}
	s.report(ctx, e)
}

// report sends e to the acceptor with the attributes of SASL.
func (s *Server) report(ctx context.Context, e sspi.Event, more ...slog.Attr) {
	if !e.Remote.Addr().IsValid() {
		e.Remote = s.cfg.remote()
	}
	e.Attrs = append(s.attrs(), more...)
	s.cfg.Acceptor.Report(ctx, e)
}

// attrs returns the attributes of SASL. user.name is the identity that the client requested,
// even if the client may not act as that identity.
func (s *Server) attrs() []slog.Attr {
	list := []slog.Attr{slog.String("kerberos.sasl.mechanism", string(s.mechanism))}
	if s.result.authzid != "" {
		list = append(list, slog.String("user.name", quote.Value(s.result.authzid)))
	}
	return list
}

// remote returns the client's address for records that the context did not create.
func (c *Config) remote() netip.AddrPort {
	if c.Context.Remote.Addr().IsValid() {
		return c.Context.Remote
	}
	return netip.AddrPortFrom(c.Context.PeerAddr, 0)
}

// reportUnserved reports that a client chose a mechanism that the server does not offer.
func (c *Config) reportUnserved(m Mechanism, err error) {
	const longest = 32 // IANA's names have at most 20 characters, and a client can send any string
	name := quote.Value(m[:min(longest, len(m))])
	e := sspi.Event{Remote: c.remote(), Attrs: []slog.Attr{slog.String("kerberos.sasl.mechanism", name)}}
	e.Refuse(err)
	c.Acceptor.Report(context.Background(), e)
}

// suspend stores the record that Close reports if the client sends no further response. It
// completes the record, because Close may run concurrently with Next.
func (s *Server) suspend() {
	e := s.event
	e.Refuse(aborted(s.state, s.offered))
	e.Attrs = s.attrs()
	if !e.Remote.Addr().IsValid() {
		e.Remote = s.cfg.remote()
	}
	s.unfinished.Store(&e)
	if s.closed.Load() { // Close ran before the record was stored
		s.abandon()
	}
}

// abandon reports an exchange that the client did not finish, once.
func (s *Server) abandon() {
	if e := s.unfinished.Swap(nil); e != nil {
		s.cfg.Acceptor.Report(context.Background(), *e)
	}
}

// aborted returns the error of an exchange that the client did not finish. at is the state in
// which the client left, offered the set of layers that the server offered.
func aborted(at state, offered Layer) *status.Error {
	detail := "while the server waited for a token: most often the client cannot get a ticket for the name that it uses for this server; the client's own error names the cause"
	switch at {
	case stateTokens:
	case stateAck:
		detail = "after the server's last token: the client does not trust this server, most often because its ticket is for a different host name or because the reply was changed on the way; the client's own error names the cause"
	case stateLayer:
		detail = "when it had to choose one of the security layers " + offered.list() + ": if it permits none of them, change Config.Layers, or the client's minssf and maxssf"
	}
	return &status.Error{Reason: status.ReasonAborted, Detail: "the client aborted the exchange or left " + detail}
}

// list returns the names of the layers in l.
func (l Layer) list() string {
	var names string
	for _, one := range []Layer{NoLayer, Integrity, Confidentiality} {
		if l&one == 0 {
			continue
		}
		if names != "" {
			names += ", "
		}
		names += one.String()
	}
	return names
}
