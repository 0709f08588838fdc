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
// exchange or one Peer. The connection's context holds it, and frees it with the
// connection.
type connection struct {
	mu      sync.Mutex
	owner   *Middleware   // stored pending or peer
	pending *sspi.Context // an exchange that needs the client's next token
	peer    *sspi.Peer    // of Config.PerConnectionWithoutProxy
	shared  bool          // a request of the connection had a field of a proxy
}

type connectionKey struct{}

// ConnContext returns the context of a new connection; set http.Server.ConnContext to it.
// That context stores the exchange of a client that needs more than one request, the Peer
// for Config.PerConnectionWithoutProxy, and the certificate that sspitls.Record sees. The
// ConnContext of one Middleware serves all Middlewares of a server. They do not share an
// exchange or a Peer: a request to a second Middleware ends the exchange and the login
// that the first Middleware stored.
func (m *Middleware) ConnContext(ctx context.Context, _ net.Conn) context.Context {
	if _, ok := ctx.Value(connectionKey{}).(*connection); !ok {
		ctx = context.WithValue(ctx, connectionKey{}, new(connection))
	}
	return sspitls.WithRecord(ctx)
}

// connectionOf returns the state of the request's connection. It returns nil without
// ConnContext, and for HTTP/2, which does not keep the requests of a connection in order.
func connectionOf(r *http.Request) *connection {
	if r.ProtoMajor != 1 {
		return nil
	}
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}

// take removes the pending exchange and the Peer from the connection and returns them, if m
// stored them; r continues or ends them. It also reports whether a proxy uses the
// connection.
func (c *connection) take(m *Middleware, r *http.Request) (pending *sspi.Context, peer *sspi.Peer, shared bool) {
	if c == nil {
		return nil, nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	pending, peer = c.pending, c.peer
	if c.owner != m {
		pending.Close() // a nil Context may be closed
		pending, peer = nil, nil
	}
	c.owner, c.pending, c.peer = nil, nil, nil
	c.shared = c.shared || isForwarded(r.Header)
	return pending, peer, c.shared
}

// put stores an exchange or a Peer for the next request.
func (c *connection) put(m *Middleware, pending *sspi.Context, peer *sspi.Peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owner, c.pending, c.peer = m, pending, peer
}

// isForwarded reports whether a request has a field that proxies add: Via (RFC 9110,
// Section 7.6.3), Forwarded (RFC 7239) or a customary X- field. A request without such a
// field may still have passed a proxy.
func isForwarded(h http.Header) bool {
	for name := range h {
		switch {
		case name == "Via", name == "Forwarded", name == "X-Real-Ip", strings.HasPrefix(name, "X-Forwarded-"):
			return true
		}
	}
	return false
}

// errShared returns the error for a request without credentials on a connection that a
// proxy shares among clients.
func errShared() error {
	return &status.Error{Reason: status.ReasonSharedConnection, Detail: "a request on this connection has a field Via, Forwarded, X-Forwarded-* or X-Real-IP; unset Config.PerConnectionWithoutProxy"}
}
