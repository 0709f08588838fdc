package sspihttp

import (
	"errors"
	"net/http"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// Config is a middleware: who may pass, and what is answered to the others. What it
// points to must not be modified afterwards, and its functions must be safe for
// concurrent use.
type Config struct {
	// Acceptor has the service's keys. Required.
	Acceptor *sspi.Acceptor

	// Context is how each exchange is begun. WholeTokens is always set. Of BindingPolicy, the zero value means
	// sspi.BindingAllowMissing here, because most HTTP clients send no channel
	// bindings.
	Context sspi.ContextConfig

	// Bindings returns the channel bindings of a request, besides those of Context. If
	// nil, they are those of the certificate that sspitls.Record recorded on the
	// request's connection.
	//
	// If a request came over TLS and neither Bindings nor Context has any, a client that
	// sends channel bindings is refused with ReasonBindingUnknown, whose error says which
	// wiring is missing: the server cannot tell it from a client whose token is relayed.
	// Where that is no mistake, because a proxy in front has another certificate, set
	// Context.ChannelBindings to sspitls.EndPoint of the proxy's certificate, or
	// Context.BindingPolicy to sspi.BindingProxied or sspi.BindingProxiedAllowMissing.
	Bindings func(r *http.Request) []sspi.ChannelBindings

	// Authorize says whether a client that is authenticated may send this request:
	// its realm, a list of names. It is asked for each request that has a Peer. An
	// error answers 403 and is recorded, with ReasonNotAuthorized if it has no Reason of
	// its own; an error that is or wraps ErrFallback leads to Fallback. If nil,
	// every client that the KDC vouches for may, those of trusted realms too, but no
	// anonymous client.
	Authorize func(r *http.Request, p *sspi.Peer) error

	// Fallback answers the requests that Authorize sends there: with a login of
	// another kind, for instance. They have no Peer, and never reach the wrapped handler.
	// If nil, they get 403.
	Fallback http.Handler

	// Page writes the page of a request that does not pass. It must call
	// WriteHeader with the code, 401, 403, 500 or 503; WWW-Authenticate is in the
	// header already. Browsers show the page of a 401 where they cannot or may not
	// log in, so that it is the place for help, and for a login form. [Refusal] of the
	// request's context says why. If nil, the page says no more than the code.
	Page func(w http.ResponseWriter, r *http.Request, code int)

	// Optional lets requests pass that have no credentials for Negotiate. They have
	// no Peer. Credentials that are wrong are refused. Each client chooses whether it
	// sends credentials, so the wrapped handler must not do for a request without a Peer
	// what only some clients may ask for; if the handler accepts a login of another kind,
	// the site is as safe as the weaker login. Authorize is not asked for such requests.
	Optional bool

	// PerConnectionWithoutProxy serves a request without credentials as the Peer that
	// logged in earlier on the same HTTP/1 connection. Set it only if no proxy or load
	// balancer is between the clients and this server, on either side: a proxy sends
	// requests of several clients over one connection, and then serves them as each
	// other. Nothing in a request proves that there is no proxy.
	//
	// If a request of a connection has a field Via, Forwarded, X-Forwarded-* or X-Real-IP,
	// which proxies add, its login is not reused on that connection any more: requests
	// without credentials are refused with 401 and ReasonSharedConnection.
	//
	// The login lasts as long as the connection, if no request on it goes to another
	// Middleware, and past Peer.EndTime: Authorize, which is asked for each request,
	// can end it. Without ConnContext every HTTP/1 request is refused with 500.
	PerConnectionWithoutProxy bool

	// Sessions keeps clients logged in. If nil, each request is authenticated.
	Sessions Sessions
}

// Sessions is a program's own session store: the way to log in once and not with
// each request. It must be safe for concurrent use.
//
// Keep the Peer on the server's side, under a random identifier in a cookie (Secure,
// HttpOnly, SameSite), and for no longer than Peer.EndTime. Authorize is asked for
// the requests of a session as for any other.
type Sessions interface {
	// Load is the peer of the session that r belongs to; nil if there is none. It is
	// not asked for requests with credentials for Negotiate, which are authenticated
	// by those. An error answers 500.
	Load(r *http.Request) (*sspi.Peer, error)

	// Save begins a new session for p, who has been authenticated and authorized
	// with r. It may set cookies in the header of w, and writes nothing else. An error
	// answers 500.
	Save(w http.ResponseWriter, r *http.Request, p *sspi.Peer) error
}

// ErrFallback is for Config.Authorize: the client is to be served by Config.Fallback.
var ErrFallback = errors.New("sspihttp: fall back")

// Middleware authenticates requests. It is safe for concurrent use.
type Middleware struct{ cfg Config }

// New checks cfg and makes a Middleware.
func New(cfg Config) (*Middleware, error) {
	if cfg.Acceptor == nil {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "sspihttp: Config.Acceptor is nil"}
	}
	if p := cfg.Context.Package; p != "" && sspi.QuerySecurityPackageInfo(p, new(*sspi.SecPkgInfo)) != status.SEC_E_OK {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "sspihttp: Config.Context.Package names a package that is not here"}
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
