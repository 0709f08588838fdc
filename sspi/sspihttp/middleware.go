package sspihttp

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// Wrap returns a handler that authenticates each request and calls next for the requests
// that pass. next gets the ResponseWriter unchanged, and the request with a context that
// [Peer] and [SecurityContext] read. Wrap does not read the request's body.
//
// A request may pass through the handlers of one Middleware more than once, one inside
// the other, for example if a handler rewrites the URL and dispatches the request again.
// The acceptor accepts a token only once, so the inner handler does not process the token
// again: it asks Authorize about the rewritten request and passes on the Peer and the
// security context. This applies while the outer handler runs, to requests with the same
// Authorization field.
func (m *Middleware) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &request{m: m, w: w, r: r}
		defer x.end()
		if k, ok := x.authenticate(); ok {
			x.serve(k, next)
		}
	})
}

// Authenticate authenticates r as [Middleware.Wrap] does, for routers whose middleware is
// not a func(http.Handler) http.Handler, such as those of gin, echo and gRPC-gateway. If
// the request passes, Authenticate returns a copy of r, whose context [Peer] and
// [SecurityContext] read, and true; the caller must continue with the copy. If not,
// Authenticate has written the whole response (a challenge, a refusal or the response of
// Config.Fallback) and returns nil and false; the caller must not run the handler:
//
//	func(c *gin.Context) {
//		r, ok := m.Authenticate(c.Writer, c.Request)
//		if !ok {
//			c.Abort()
//			return
//		}
//		c.Request = r
//		c.Next()
//	}
//
// Authenticate may add WWW-Authenticate, and Sessions.Save may add cookies, to the header
// of w for a request that passes, so the caller must not write to w before.
//
// The security context is closed when the context of r ends. net/http ends it when the
// handler has returned or the client has closed the connection. If the context of r
// cannot end, as in httptest.NewRequest, the security context is closed at once, and
// [SecurityContext] returns nil.
//
// net/http removes the temporary files of a multipart form only if r itself was parsed. A
// handler that parses the form of the copy must call its MultipartForm.RemoveAll.
func (m *Middleware) Authenticate(w http.ResponseWriter, r *http.Request) (*http.Request, bool) {
	x := &request{m: m, w: w, r: r}
	ended := false // the end of the request is arranged below
	defer func() {
		if !ended {
			x.end()
		}
	}()
	k, ok := x.authenticate()
	if !ok {
		return nil, false
	}
	switch {
	case x.login == nil:
	case r.Context().Done() == nil:
		ended = true
		x.security.Close()
		k.context, x.login.context = nil, nil
	default:
		ended = true
		x.login.until = r.Context()
		context.AfterFunc(r.Context(), x.end)
	}
	return r.WithContext(x.contextWith(k)), true
}

// request is one request that a Middleware processes.
type request struct {
	m        *Middleware
	w        http.ResponseWriter
	r        *http.Request
	security *sspi.Context // the exchange that end closes; nil if there is nothing to close
	login    *login        // the login by this request's own token; nil without one
	event    *sspi.Event   // the record of the token until it is reported, then nil
}

// end closes the security context and ends the login of the request. It runs when the
// handler has returned, and also if the handler panics.
func (x *request) end() {
	x.security.Close() // a nil Context may be closed
	if x.login != nil {
		x.login.over.Store(true)
	}
}

// authenticate decides about the request. If the request passes, it returns the values
// for the request's context and true. If not, it has written the response.
func (x *request) authenticate() (known, bool) {
	if l := x.m.loginOf(x.r); l != nil {
		return x.again(l)
	}
	connection := connectionOf(x.r)
	if x.m.cfg.PerConnectionWithoutProxy && connection == nil && x.r.ProtoMajor == 1 {
		return x.refuse(misconfigured("Config.PerConnectionWithoutProxy needs http.Server.ConnContext to be Middleware.ConnContext"))
	}
	defer x.reportUndecided()
	field, err := authorization(x.r)
	pending, earlier, shared := connection.take(x.m, x.r)
	x.security = pending
	var res Result
	if err != nil {
		res = refused(nil, err)
	} else {
		res = x.step(field)
	}
	switch res.Outcome {
	case Accepted:
		x.login = &login{field: field, peer: res.Peer, context: x.security}
		return x.accepted(connection, res)
	case Challenged:
		return x.withoutCredentials(connection, earlier, shared, res)
	case Continued:
		if connection == nil {
			return x.refuse(x.noConnection())
		}
		connection.put(x.m, x.security, nil)
		x.security = nil // the connection owns the exchange now
		return x.proceed(res)
	}
	return x.refuseToken(provenElsewhere(x.r, field, res))
}

// step passes the field to the pending exchange of the connection or to a new exchange,
// which replaces x.security. An initial token received while an exchange is pending
// starts a new exchange: a proxy may send requests of several clients over one
// connection, and an abandoned exchange of one client must not fail the login of the next.
func (x *request) step(field string) Result {
	if x.security != nil {
		res := step(x.r.Context(), x.security, field)
		x.takeEvent(x.security)
		if res.Outcome != Refused || !startsExchange(res.Err, field, x.security.MaxToken()) {
			return res
		}
		x.security.Close() // without a record: the new exchange judges the token
		x.security = nil
	}
	if field == "" {
		return step(x.r.Context(), nil, field)
	}
	x.security = x.m.cfg.Acceptor.NewContext(x.m.contextConfig(x.r))
	res := step(x.r.Context(), x.security, field)
	x.takeEvent(x.security)
	return res
}

// startsExchange reports whether the token in field, which the pending exchange refused
// with err, should start a new exchange. A token that the pending exchange was able to
// process, such as a retry after a clock-skew error, does not.
func startsExchange(err error, field string, limit int) bool {
	switch status.ReasonOf(err) {
	case status.ReasonMalformedToken, status.ReasonWrongMessageType, status.ReasonSPNEGO:
	default:
		return false
	}
	token, err := tokenOf(field, limit)
	return err == nil && len(token) > 0 && token[0] == krb5.FrameTag
}

// authorization returns the value of the Authorization field, of which a request may have
// one (RFC 9110, Sections 5.3 and 11.6.2). It returns an empty string without an error if
// the request has no such field.
func authorization(r *http.Request) (string, error) {
	switch fields := r.Header["Authorization"]; len(fields) {
	case 0:
		return "", nil
	case 1:
		return fields[0], nil
	}
	return "", malformed("the request has more than one Authorization field")
}

// noConnection returns the error for an exchange that cannot be continued. If the acceptor
// asked for another request because of an error, that error is the cause.
func (x *request) noConnection() error {
	detail := "the exchange needs more than one request, and ConnContext is not installed in http.Server"
	if x.r.ProtoMajor != 1 {
		detail = "the exchange needs more than one request, and HTTP/2 does not keep the requests of a connection in order; the client must use HTTP/1.1"
	}
	err := &status.Error{Reason: status.ReasonUnsupported, Detail: detail}
	if x.event != nil && x.event.Err != nil {
		err.Err = x.event.Err
	}
	return err
}

// withoutCredentials decides about a request without credentials. earlier is the Peer that
// logged in on the connection before, or nil. If shared, a proxy uses the connection, so
// that earlier proves nothing about this request; a session still does.
func (x *request) withoutCredentials(connection *connection, earlier *sspi.Peer, shared bool, res Result) (known, bool) {
	peer := earlier
	if peer == nil || shared {
		var err error
		if peer, err = x.session(); err != nil {
			return x.refuse(err)
		}
	}
	switch {
	case peer != nil:
		if peer == earlier {
			connection.put(x.m, nil, earlier)
		}
		return known{peer: peer}, x.authorized(peer)
	case earlier != nil:
		return x.refuse(errShared())
	case x.m.cfg.Optional:
		return known{}, true
	}
	return x.page(res, res.StatusCode())
}

// session returns the Peer of the request's session, or nil if the request has no session.
func (x *request) session() (*sspi.Peer, error) {
	if x.m.cfg.Sessions == nil {
		return nil, nil
	}
	peer, err := x.m.cfg.Sessions.Load(x.r)
	if err != nil {
		return nil, internal("Sessions.Load", err)
	}
	return peer, nil
}

// accepted decides about a request whose token the acceptor accepted.
func (x *request) accepted(connection *connection, res Result) (known, bool) {
	x.header(res)
	if !x.authorized(res.Peer) {
		return known{}, false
	}
	if sessions := x.m.cfg.Sessions; sessions != nil {
		if err := sessions.Save(x.w, x.r, res.Peer); err != nil {
			return x.refuse(internal("Sessions.Save", err))
		}
	}
	if x.m.cfg.PerConnectionWithoutProxy && connection != nil {
		connection.put(x.m, nil, res.Peer)
	}
	x.reportAccepted(res.Peer)
	return known{peer: res.Peer, context: x.security}, true
}

// again decides about a request that this Middleware has authenticated before, for an
// outer handler. The outer handler may have rewritten the URL.
func (x *request) again(l *login) (known, bool) {
	return known{peer: l.peer, context: l.context}, x.authorized(l.peer)
}

// authorized reports whether Authorize admits the request of p. If not, it writes the
// response.
func (x *request) authorized(p *sspi.Peer) bool {
	err := x.m.authorize(x.r, p)
	if err == nil {
		return true
	}
	if e, ok := errors.AsType[*status.Error](err); !ok || e == nil {
		err = &status.Error{Reason: status.ReasonNotAuthorized, Detail: "sspihttp: Config.Authorize", Err: err}
	}
	if fallback := x.m.cfg.Fallback; fallback != nil && errors.Is(err, ErrFallback) {
		x.reportRefusal(p, err, slog.String("kerberos.served_by", "fallback"))
		x.serve(known{refusal: err}, fallback)
		return false
	}
	x.reportRefusal(p, err, statusCode(http.StatusForbidden))
	x.page(Result{Err: err}, http.StatusForbidden)
	return false
}

func (m *Middleware) authorize(r *http.Request, p *sspi.Peer) error {
	switch {
	case m.cfg.Authorize != nil:
		return m.cfg.Authorize(r, p)
	case p.Anonymous:
		return &status.Error{Reason: status.ReasonNotAuthorized, Detail: "the client is anonymous, and Config.Authorize is nil"}
	}
	return nil
}

// proceed asks the client for the next token of the exchange.
func (x *request) proceed(res Result) (known, bool) {
	x.reportRetry()
	return x.page(res, res.StatusCode())
}

// refuse refuses the request with an error that no token to the client reports.
func (x *request) refuse(err error) (known, bool) { return x.refuseToken(refused(nil, err)) }

func (x *request) refuseToken(res Result) (known, bool) {
	x.reportRefusal(nil, res.Err, statusCode(res.StatusCode()))
	return x.page(res, res.StatusCode())
}

// page writes the response of a request that does not pass. Its results are those of
// authenticate.
func (x *request) page(res Result, code int) (known, bool) {
	x.header(res)
	x.serve(known{refusal: res.Err}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x.m.cfg.Page(w, r, code)
	}))
	return known{}, false
}

func (x *request) header(res Result) {
	if res.Header != "" {
		x.w.Header().Add("WWW-Authenticate", res.Header)
	}
}

// contextWith returns the context of the request with k and the request's login.
func (x *request) contextWith(k known) context.Context {
	return context.WithValue(x.login.in(x.r.Context(), x.m), knownKey{}, k)
}

// serve calls h with a copy of the request that has k in its context. If h parses a
// multipart form, serve hands it over to x.r: net/http removes the temporary files of the
// form of x.r, and does not know the copy.
func (x *request) serve(k known, h http.Handler) {
	r := x.r.WithContext(x.contextWith(k))
	defer func() {
		if x.r.MultipartForm == nil {
			x.r.MultipartForm = r.MultipartForm
		}
	}()
	h.ServeHTTP(x.w, r)
}

func internal(what string, err error) error {
	return &status.Error{Reason: status.ReasonInternal, Detail: "sspihttp: " + what, Err: err}
}
