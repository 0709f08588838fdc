// Package sspihttp is HTTP's Negotiate authentication (RFC 4559), as middleware for
// net/http, [New] and [Middleware.Wrap], and as the function of one header that it
// is made of, [Step], for other servers.
//
//	m, err := sspihttp.New(sspihttp.Config{Acceptor: acceptor})
//	server := &http.Server{
//		Handler:     m.Wrap(handler),
//		ConnContext: m.ConnContext,
//		TLSConfig:   sspitls.Record(config), // over TLS
//	}
//
// The handler finds the client with [Peer]. Who is not authenticated does not get
// there, unless Config.Optional is set.
//
// # Requests and connections
//
// Each request is authenticated by itself. A connection says nothing about who
// sends the next request on it: a proxy in front may use it for several clients. Only
// an exchange that needs more than one request is tied to its connection while it
// lasts; its place is the value that [Middleware.ConnContext] puts into the
// connection's context. Most exchanges need one request, and those work without it.
// Those that need more do not work over HTTP/2, where requests of one connection
// are not in order, and are refused there.
//
// A login costs one Kerberos exchange. Where that is too much for every request,
// begin a session of your own at the first: Config.Sessions. For servers that no proxy
// is in front of there is also Config.PerConnectionWithoutProxy.
//
// A token counts once. A request that passes one Middleware twice is authenticated the
// first time, and asked about by Authorize each time; see [Middleware.Wrap]. A second
// Middleware refuses it.
//
// A connection holds at most one unfinished exchange or one Peer, and a new request
// replaces it, so that the memory of a client grows only with its connections.
//
// An unfinished exchange lives no longer than its connection, so that the timeouts
// of http.Server bound it: set ReadTimeout, WriteTimeout and IdleTimeout. Without the
// first, net/http waits for ever for the rest of a body, also of a request that is
// refused.
//
// # Channel bindings
//
// Over TLS, a client may bind itself to the server's certificate, which stops those
// who relay its token. sspitls.Record makes the certificate known. A client that binds
// itself to another one is refused, and so is one that says that it knows of bindings
// and sends none, as Windows does where nobody bound it. One that says nothing of
// them, as many do, is accepted, unless Config.Context.BindingPolicy is
// sspi.BindingRequired. What came of it is in Peer.Binding.
//
// A client that binds itself to a TLS connection whose certificate this package does
// not know is refused with ReasonBindingUnknown and 500: ConnContext or sspitls.Record
// is missing, or the certificate was added behind Record, as by the file names of
// ServeTLS. The error says which.
//
// Where a proxy ends TLS, the certificate that clients see is the proxy's: give
// sspitls.EndPoint of it as Config.Context.ChannelBindings. A server that sees no TLS
// itself may also leave bindings out: then they are not checked.
//
// # Refusals
//
// A client that could do better is answered with 401 and a challenge; with it goes
// the error token, where there is one. A failure of this server, as one without keys
// has, is answered with 500 or 503 and no challenge. No client is told the reason.
//
// Each login and each refusal is one record in OnEvent and Logger of the acceptor's
// sspi.Config, whoever decided it: the acceptor, this package about a field that holds
// no token, or Authorize. A record has the client's address and the attributes
// http.request.method, url.path, network.protocol.name and network.protocol.version; a
// refusal also has http.response.status_code, or kerberos.served_by "fallback". Requests
// without credentials for Negotiate have no record if they are challenged, since all
// logins begin with one, if they pass because of Config.Optional, and if they belong to
// a session and Authorize does not turn them away. Behind a proxy, the address is the
// proxy's.
package sspihttp
