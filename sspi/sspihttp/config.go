package sspihttp

import (
	"errors"
	"net/http"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// Config configures a [Middleware]: the clients that may pass, and the responses to all
// other requests. The program must not modify the values that a Config points to after
// [New]. Its functions must be safe for concurrent use.
type Config struct {
	// Acceptor holds the service's keys. Required.
	Acceptor *sspi.Acceptor

	// Context configures the security context of each exchange. WholeTokens is always
	// set. The zero value of BindingPolicy means sspi.BindingAllowMissing here, because
	// most HTTP clients send no channel bindings.
	Context sspi.ContextConfig

	// Bindings returns the channel bindings of a request; the bindings in Context count
	// too. If Bindings is nil, the middleware uses the certificate that sspitls.Record
	// recorded on the request's connection.
	//
	// If a request arrives over TLS, and neither Bindings nor Context has channel bindings,
	// a client that sends channel bindings is refused with ReasonBindingUnknown: the server
	// cannot distinguish that client from an attacker who relays its token. The error says
	// which wiring is missing. If a proxy in front of the server has its own certificate,
	// set Context.ChannelBindings to sspitls.EndPoint of the proxy's certificate, or
	// Context.BindingPolicy to sspi.BindingProxied or sspi.BindingProxiedAllowMissing.
	Bindings func(r *http.Request) []sspi.ChannelBindings

	// Authorize decides whether an authenticated client may send this request, for example
	// by the client's groups (p.AccessToken) or by a list of names (p.Principal). The middleware calls it for each request
	// that has a Peer. If Authorize returns an error, the response is 403 and the error is
	// recorded, with ReasonNotAuthorized if it has no Reason of its own. If
	// errors.Is(err, ErrFallback), Fallback writes the response.
	//
	// If Authorize is nil, every client with a valid ticket may send requests, including
	// clients of realms that the service's realm trusts; only anonymous clients get 403.
	Authorize func(r *http.Request, p *sspi.Peer) error

	// Fallback handles the requests for which Authorize returns ErrFallback, for example
	// by offering a different kind of login. Such a request has no Peer and never reaches
	// the wrapped handler. If Fallback is nil, it gets 403.
	Fallback http.Handler

	// Page writes the response of a request that does not pass. It must call WriteHeader
	// with code, which is 401, 403, 500 or 503. The header already contains
	// WWW-Authenticate. A browser shows the page of a 401 if it cannot or may not log in,
	// so the page should contain help or a login form. [Refusal] of the request's context
	// returns the reason. If Page is nil, the page contains only the text of the code.
	Page func(w http.ResponseWriter, r *http.Request, code int)

	// Optional lets requests pass that have no credentials for Negotiate. Such a request
	// has no Peer, and Authorize is not called for it. Wrong credentials are still refused.
	// Each client chooses whether it sends credentials, so the handler must serve a request
	// without a Peer only with content that every client may have. If the handler accepts a
	// different kind of login, the site is as safe as the weaker login.
	Optional bool

	// PerConnectionWithoutProxy serves a request without credentials as the Peer that
	// logged in earlier on the same HTTP/1 connection. Set it only if there is no proxy
	// and no load balancer between the clients and this server, on either side: a proxy
	// sends requests of several clients over one connection, and this server would serve
	// one client's requests as another client. Nothing in a request proves that there is
	// no proxy.
	//
	// If a request has a field Via, Forwarded, X-Forwarded-* or X-Real-IP, which proxies
	// add, the middleware no longer reuses logins on that connection: it refuses requests
	// without credentials with 401 and ReasonSharedConnection.
	//
	// The login ends with the connection, or when a request on the connection goes to a
	// second Middleware. It does not end at Peer.EndTime; Authorize, which is called for
	// each request, can end it. Without ConnContext every HTTP/1 request is refused with
	// 500.
	PerConnectionWithoutProxy bool

	// Sessions keeps clients logged in. If it is nil, each request is authenticated.
	Sessions Sessions
}

// Sessions is the interface of a program's session store, with which a client logs in
// once instead of with each request. It must be safe for concurrent use.
//
// A session store keeps the Peer on the server under a random identifier, sends the
// identifier in a cookie (Secure, HttpOnly, SameSite), and forgets the Peer at
// Peer.EndTime. Authorize is called for each request of a session too.
type Sessions interface {
	// Load returns the peer of the session that r belongs to, or nil if r has no session.
	// It is not called for requests with credentials for Negotiate: the middleware
	// authenticates those by their credentials. If it returns an error, the response is
	// 500.
	Load(r *http.Request) (*sspi.Peer, error)

	// Save starts a new session for p, the client that r authenticated and Authorize
	// admitted. It may set cookies in the header of w, and must not write a response. If it
	// returns an error, the response is 500.
	Save(w http.ResponseWriter, r *http.Request, p *sspi.Peer) error
}

// ErrFallback, returned or wrapped by Config.Authorize, passes the request to
// Config.Fallback. The middleware compares with errors.Is.
var ErrFallback = errors.New("sspihttp: fall back")

// Middleware authenticates requests. It is safe for concurrent use.
type Middleware struct{ cfg Config }

// New checks cfg and returns a Middleware. Its errors are, or wrap, a *status.Error with
// ReasonArgument.
func New(cfg Config) (*Middleware, error) {
	if cfg.Acceptor == nil {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "sspihttp: Config.Acceptor is nil"}
	}
	if p := cfg.Context.Package; p != "" && sspi.QuerySecurityPackageInfo(p, new(*sspi.SecPkgInfo)) != status.SEC_E_OK {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "sspihttp: Config.Context.Package names an unknown security package"}
	}
	if cfg.Context.BindingPolicy == sspi.BindingDefault {
		cfg.Context.BindingPolicy = sspi.BindingAllowMissing
	}
	if cfg.Page == nil {
		cfg.Page = plainPage
	}
	return &Middleware{cfg}, nil
}

func plainPage(w http.ResponseWriter, _ *http.Request, code int) {
	http.Error(w, http.StatusText(code), code)
}
