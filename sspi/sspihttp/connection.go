package sspihttp

import (
	"context"
	"net"
	"net/http"
	"sync"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitls"
)

// connection is what is known of an HTTP/1 connection between its requests. It lives
// in the connection's context and goes with it.
type connection struct {
	mu    sync.Mutex
	owner *Middleware   // whose the rest is
	open  *sspi.Context // an exchange that needs another leg
	peer  *sspi.Peer    // of Config.PerConnection
}

type connectionKey struct{}

// ConnContext is for http.Server.ConnContext. It makes the place for an exchange
// that needs more than one request, for Config.PerConnection, and for what
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

// take empties the connection: the next request either goes on with what there was,
// or ends it.
func (c *connection) take(m *Middleware) (open *sspi.Context, peer *sspi.Peer) {
	if c == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	open, peer = c.open, c.peer
	if c.owner != m {
		open.Close() // no Close of a nil Context does anything
		open, peer = nil, nil
	}
	c.owner, c.open, c.peer = nil, nil, nil
	return open, peer
}

// put keeps one or the other for the next request.
func (c *connection) put(m *Middleware, open *sspi.Context, peer *sspi.Peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owner, c.open, c.peer = m, open, peer
}
