package sspihttp

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/sspi"
)

// maxAttr is the maximum length of a part of a request in a record, in bytes.
const maxAttr = 256

// takeEvent takes the acceptor's record of the token that c has just processed. The request
// reports that record once, after its own decision.
func (x *request) takeEvent(c *sspi.Context) {
	x.event = nil
	if e, ok := c.TakeEvent(); ok {
		x.event = &e
	}
}

// reportAccepted reports that the acceptor accepted the client p and Authorize admitted it.
func (x *request) reportAccepted(p *sspi.Peer) {
	e := x.record()
	e.Peer = p
	x.report(e)
}

// reportRetry reports the acceptor's invitation to try again, if there is such an
// invitation: after a clock-skew error, for example.
func (x *request) reportRetry() {
	if x.event != nil {
		x.report(x.record(), statusCode(http.StatusUnauthorized))
	}
}

// reportRefusal reports that the request was refused with err. p is the authenticated
// client of the request; it may be nil if no client was authenticated, or if the record of
// the token names the client already.
func (x *request) reportRefusal(p *sspi.Peer, err error, attrs ...slog.Attr) {
	e := x.record()
	if p != nil {
		e.Peer = p
	}
	e.Refuse(err)
	x.report(e, attrs...)
}

// reportUndecided reports the token of a request that ended without a decision, because a
// function of Config panicked.
func (x *request) reportUndecided() {
	if x.event != nil {
		x.reportRefusal(nil, internal("a function of Config did not return", nil))
	}
}

// record returns the acceptor's record of the request's token, or a new record if the
// acceptor has processed no token of the request.
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
		slog.String("url.path", peerText(x.r.URL.Path)), // without the query, which may contain secrets
		slog.String("network.protocol.name", "http"),
		slog.String("network.protocol.version", protocolVersion(x.r)),
	}, attrs...)
	x.m.cfg.Acceptor.Report(x.r.Context(), e)
}

// protocolVersion returns the version of HTTP, such as "1.1" or "2".
func protocolVersion(r *http.Request) string {
	if r.ProtoMajor == 1 {
		return "1." + strconv.Itoa(r.ProtoMinor)
	}
	return strconv.Itoa(r.ProtoMajor)
}

// statusCode returns the attribute of the response's status code.
func statusCode(code int) slog.Attr { return slog.Int("http.response.status_code", code) }

// peerText shortens and quotes a text of the client for a record.
func peerText(s string) string {
	if len(s) > maxAttr {
		s = s[:maxAttr] + "..."
	}
	return quote.Value(s)
}

// remote returns the client's address, or the zero AddrPort if net/http does not know it.
func remote(r *http.Request) netip.AddrPort {
	addr, _ := netip.ParseAddrPort(r.RemoteAddr)
	return addr
}
