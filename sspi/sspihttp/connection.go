package sspihttp

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitls"
	"github.com/gosspi/kerberos/status"
)

// connection is the state of an HTTP/1 connection between its requests: at most one
// exchange or one Peer. It lives in the connection's context and goes with it.
type connection struct {
	mu     sync.Mutex
	owner  *Middleware   // made open or peer
	open   *sspi.Context // an exchange that needs another token
	peer   *sspi.Peer    // of Config.PerConnectionWithoutProxy
	shared bool          // a request of the connection came through a proxy
}

type connectionKey struct{}

// ConnContext is for http.Server.ConnContext. It makes the place for an exchange
// that needs more than one request, for Config.PerConnectionWithoutProxy, and for what
// sspitls.Record sees. One of them serves any number of Middlewares, which do not
// share what they put there: it is one place, and a request to another Middleware
// ends what the one before put there.
func (m *Middleware) ConnContext(ctx context.Context, _ net.Conn) context.Context {
	if _, ok := ctx.Value(connectionKey{}).(*connection); !ok {
		ctx = context.WithValue(ctx, connectionKey{}, new(connection))
	}
	return sspitls.WithRecord(ctx)
}

// connectionOf is the request's connection; nil without ConnContext, and where
// requests are not in order.
func connectionOf(r *http.Request) *connection {
	if r.ProtoMajor != 1 {
		return nil
	}
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}

// take empties the connection for m and r: r either continues what it returns, or ends
// it. It reports with the peer whether a proxy uses the connection.
func (c *connection) take(m *Middleware, r *http.Request) (open *sspi.Context, peer *sspi.Peer, shared bool) {
	if c == nil {
		return nil, nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	open, peer = c.open, c.peer
	if c.owner != m {
		open.Close() // no Close of a nil Context does anything
		open, peer = nil, nil
	}
	c.owner, c.open, c.peer = nil, nil, nil
	c.shared = c.shared || isForwarded(r.Header)
	return open, peer, c.shared
}

// put keeps one or the other for the next request.
func (c *connection) put(m *Middleware, open *sspi.Context, peer *sspi.Peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owner, c.open, c.peer = m, open, peer
}

// isForwarded reports whether a request has a field that proxies add (RFC 9110,
// Section 7.6.3; RFC 7239; the X- fields by custom). Its absence proves nothing.
func isForwarded(h http.Header) bool {
	for name := range h {
		switch {
		case name == "Via", name == "Forwarded", name == "X-Real-Ip", strings.HasPrefix(name, "X-Forwarded-"):
			return true
		}
	}
	return false
}

// errShared refuses a request that would be served as the Peer of an earlier one.
func errShared() error {
	return &status.Error{Reason: status.ReasonSharedConnection, Detail: "a request on this connection has a field Via, Forwarded, X-Forwarded-* or X-Real-IP; unset Config.PerConnectionWithoutProxy"}
}
