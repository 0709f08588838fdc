package sspihttp

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/sspi"
)

// maxAttr bounds a part of a request in a record, in bytes.
const maxAttr = 256

// takeEvent takes the record of the token that c has just judged. The request reports it
// once, when it is decided what becomes of the request.
func (x *request) takeEvent(c *sspi.Context) {
	x.event = nil
	if e, ok := c.TakeEvent(); ok {
		x.event = &e
	}
}

// reportAccepted reports that the client p was accepted and authorized.
func (x *request) reportAccepted(p *sspi.Peer) {
	e := x.record()
	e.Peer = p
	x.report(e)
}

// reportRetry reports that the client was invited to try again, if it was.
func (x *request) reportRetry() {
	if x.event != nil {
		x.report(x.record(), statusCode(http.StatusUnauthorized))
	}
}

// reportRefusal reports that the request was refused with err. p is the client that it
// has proven, nil if there is none or the record of its token has it.
func (x *request) reportRefusal(p *sspi.Peer, err error, attrs ...slog.Attr) {
	e := x.record()
	if p != nil {
		e.Peer = p
	}
	e.Refuse(err)
	x.report(e, attrs...)
}

// reportUndecided reports a token whose request ended without a decision, because a
// function of Config panicked.
func (x *request) reportUndecided() {
	if x.event != nil {
		x.reportRefusal(nil, internal("a function of Config did not return", nil))
	}
}

// record returns the record of the request's token, or of a request without a judged
// token.
func (x *request) record() sspi.Event {
	if x.event == nil {
		return sspi.Event{Remote: remote(x.r)}
	}
	e := *x.event
	x.event = nil
	return e
}

func (x *request) report(e sspi.Event, attrs ...slog.Attr) {
	e.Attrs = append([]slog.Attr{
		slog.String("http.request.method", peerText(x.r.Method)),
		slog.String("url.path", peerText(x.r.URL.Path)), // without the query, which may hold secrets
		slog.String("network.protocol.name", "http"),
		slog.String("network.protocol.version", protocolVersion(x.r)),
	}, attrs...)
	x.m.cfg.Acceptor.Report(x.r.Context(), e)
}

// protocolVersion returns the version of HTTP, such as "1.1" and "2".
func protocolVersion(r *http.Request) string {
	if r.ProtoMajor == 1 {
		return "1." + strconv.Itoa(r.ProtoMinor)
	}
	return strconv.Itoa(r.ProtoMajor)
}

// statusCode returns the attribute of the response's status code.
func statusCode(code int) slog.Attr { return slog.Int("http.response.status_code", code) }

// peerText returns a text that the client chose as a record may hold it.
func peerText(s string) string {
	if len(s) > maxAttr {
		s = s[:maxAttr] + "..."
	}
	return quote.Value(s)
}

// remote returns the client's address, the zero AddrPort if net/http does not know it.
func remote(r *http.Request) netip.AddrPort {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.AddrPort{}
	}
	return addr
}
