package sspisasl

import (
	"context"
	"log/slog"
	"net/netip"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// takeEvent takes the record of the token that the context has just judged. A refusal
// after which the client may try once more is reported at once; any other record waits
// for the end of the exchange.
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

// reportAccepted reports the client, which is proven and authorized.
func (s *Server) reportAccepted(ctx context.Context) {
	s.report(ctx, s.event, slog.String("kerberos.sasl.layer", s.result.layer.String()))
}

// reportRefused reports that err ended the exchange.
func (s *Server) reportRefused(ctx context.Context, err error) {
	e := s.event
	if e.Err == nil { // otherwise err is the context's verdict, which e has
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

// attrs returns the attributes of SASL. user.name is the identity that the client asked
// for, also where it may not act as that.
func (s *Server) attrs() []slog.Attr {
	list := []slog.Attr{slog.String("kerberos.sasl.mechanism", string(s.mechanism))}
	if s.result.authzid != "" {
		list = append(list, slog.String("user.name", quote.Value(s.result.authzid)))
	}
	return list
}

// remote returns the client's address for records that no context made.
func (c *Config) remote() netip.AddrPort {
	if c.Context.Remote.Addr().IsValid() {
		return c.Context.Remote
	}
	return netip.AddrPortFrom(c.Context.PeerAddr, 0)
}

// reportUnserved reports a client that chose a mechanism which the server does not have.
func (c *Config) reportUnserved(m Mechanism, err error) {
	const longest = 32 // IANA's names have at most 20 characters, and a client can send any string
	name := quote.Value(m[:min(longest, len(m))])
	e := sspi.Event{Remote: c.remote(), Attrs: []slog.Attr{slog.String("kerberos.sasl.mechanism", name)}}
	e.Refuse(err)
	c.Acceptor.Report(context.Background(), e)
}

// suspend makes the record that Close reports if the client sends no further response. It
// is complete here, because Close may run beside Next.
func (s *Server) suspend() {
	e := s.event
	e.Refuse(aborted(s.state, s.offered))
	e.Attrs = s.attrs()
	if !e.Remote.Addr().IsValid() {
		e.Remote = s.cfg.remote()
	}
	s.unfinished.Store(&e)
	if s.closed.Load() { // meanwhile: Close found no record
		s.abandon()
	}
}

// abandon reports an exchange that the client did not finish, once.
func (s *Server) abandon() {
	if e := s.unfinished.Swap(nil); e != nil {
		s.cfg.Acceptor.Report(context.Background(), *e)
	}
}

// aborted returns the error of an exchange that ended in a state other than the last.
func aborted(at state, offered Layer) *status.Error {
	detail := "while the server waited for a token: most often the client gets no ticket for the name that it uses for this server; its own error names the cause"
	switch at {
	case stateTokens:
	case stateAck:
		detail = "after the server's last token: the client does not trust this server, most often because it reached a host of another name than its ticket is for, or because the reply was changed on the way; its own error names the cause"
	case stateLayer:
		detail = "when it was to choose one of the security layers " + offered.list() + ": if it permits none of them, change Config.Layers, or the client's minssf and maxssf"
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
