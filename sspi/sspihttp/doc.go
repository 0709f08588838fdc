// Package sspihttp implements HTTP's Negotiate authentication (RFC 4559). It has a
// middleware for net/http, [New] and [Middleware.Wrap]; the same middleware for routers
// whose middleware has a different form, [Middleware.Authenticate]; and [Step], which
// processes one header field, for servers that are not built on net/http.
//
//	m, err := sspihttp.New(sspihttp.Config{Acceptor: acceptor})
//	server := &http.Server{
//		Handler:     m.Wrap(handler),
//		ConnContext: m.ConnContext,
//		TLSConfig:   sspitls.Record(config), // over TLS
//	}
//
// The handler gets the client from [Peer]. A request whose client is not authenticated does
// not reach the handler, unless Config.Optional is set.
//
// # Requests and connections
//
// The middleware authenticates each request by its own token. A connection does not identify
// the client of its next request, because a proxy may send requests of several clients over
// it. Only an exchange that needs more than one request is tied to its connection until it
// ends; the value that [Middleware.ConnContext] puts into the connection's context stores it.
// Most exchanges need one request and work without ConnContext. The middleware refuses
// exchanges of several requests over HTTP/2, which does not keep the requests of a connection
// in order.
//
// A login costs one Kerberos exchange. To avoid that cost for every request, store a session
// at the first request: Config.Sessions. A server without a proxy in front of it can use
// Config.PerConnectionWithoutProxy instead.
//
// The acceptor accepts a token only once. A request that passes one Middleware twice is
// authenticated the first time, and Authorize is called each time; see [Middleware.Wrap]. A
// second Middleware refuses the request.
//
// A connection holds at most one unfinished exchange or one Peer, and a new request replaces
// it, so the memory that a client occupies grows only with the number of its connections.
//
// An unfinished exchange ends with its connection, so the timeouts of http.Server limit it:
// set ReadTimeout, WriteTimeout and IdleTimeout. Without ReadTimeout, net/http waits for the
// rest of a request's body without limit, even if the request is refused.
//
// # Channel bindings
//
// Over TLS, a client may bind its token to the server's certificate, which stops an attacker
// who relays the token. sspitls.Record records the certificate. The acceptor refuses a
// client that is bound to a different certificate, and a client that declares support for
// channel bindings but sends none, as Windows does if the application passes no bindings.
// The acceptor accepts a client that neither declares nor sends bindings, as many clients
// do, unless Config.Context.BindingPolicy is sspi.BindingRequired. Peer.Binding reports the
// result.
//
// If the middleware does not know the certificate of a TLS connection, the acceptor refuses
// a client that is bound to that connection, with ReasonBindingUnknown and 500. The cause is
// a missing ConnContext, a missing sspitls.Record, or a certificate that the program added
// after Record, for example by the file names of ServeTLS. The error says which.
//
// If a proxy ends TLS, clients see the certificate of the proxy: set
// Config.Context.ChannelBindings to sspitls.EndPoint of that certificate. A server that
// receives plain HTTP may also set no bindings; then the acceptor does not check them.
//
// # Refusals
//
// A client that can send a better token gets 401 and a challenge, with the acceptor's error
// token if the acceptor returned it. The middleware answers an error of this server, such as
// a missing key, with 500 or 503 and without a challenge. It never sends the reason to the
// client.
//
// Each login and each refusal is one record in OnEvent and Logger of the acceptor's
// sspi.Config, for decisions of the acceptor, of this package and of Authorize alike. A
// record has the client's address and the attributes http.request.method, url.path,
// network.protocol.name and network.protocol.version; a refusal also has
// http.response.status_code, or kerberos.served_by "fallback". Behind a proxy, the address
// is the address of the proxy.
//
// A request without credentials for Negotiate has no record if it is challenged, since every
// login starts with such a request; if it passes because of Config.Optional; or if it
// belongs to a session and Authorize admits it.
//
// # Errors
//
// Every error is or wraps a *status.Error: use errors.As or status.ReasonOf.
package sspihttp
