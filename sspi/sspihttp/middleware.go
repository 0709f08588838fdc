package sspihttp

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// Wrap returns a handler that authenticates each request and lets next have those
// that pass. next gets the ResponseWriter as it is, and the request with a context
// that [Peer] and [SecurityContext] read; its body has not been touched.
//
// A request may pass through the handlers of one Middleware more than once, one inside
// of the other, as where a handler rewrites the URL and dispatches the request again.
// Its token counts once, so that the inner handler does not read it again: it asks
// Authorize about the rewritten request and passes on the Peer and the security context.
// That holds while the outer handler runs, and for the same Authorization field.
func (m *Middleware) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &request{m: m, w: w, r: r, next: next}
		x.serve()
	})
}

// request is one request on its way through a Middleware.
type request struct {
	m     *Middleware
	w     http.ResponseWriter
	r     *http.Request
	next  http.Handler
	login *login      // that the request itself has proven; else nil
	event *sspi.Event // the record of its token, until it is reported; else nil
}

func (x *request) serve() {
	if l := x.m.loginOf(x.r); l != nil {
		x.again(l)
		return
	}
	connection := connectionOf(x.r)
	if x.m.cfg.PerConnectionWithoutProxy && connection == nil && x.r.ProtoMajor == 1 {
		x.refuse(misconfigured("Config.PerConnectionWithoutProxy needs http.Server.ConnContext to be Middleware.ConnContext"))
		return
	}
	defer x.reportUndecided()
	field, err := authorization(x.r)
	c, before, shared := connection.take(x.m, x.r)
	var res Result
	if err != nil {
		res = refused(nil, err)
	} else {
		c, res = x.step(c, field)
	}
	if res.Outcome == Continued && connection != nil {
		connection.put(x.m, c, nil)
		x.proceed(res)
		return
	}
	defer c.Close()
	switch res.Outcome {
	case Accepted:
		x.login = &login{field: field, peer: res.Peer, context: c}
		defer x.login.over.Store(true)
		x.accepted(connection, res)
	case Challenged:
		x.anonymous(connection, before, shared, res)
	case Continued:
		x.refuse(x.noConnection())
	default:
		x.refuseToken(provenElsewhere(x.r, field, res))
	}
}

// step gives the field to the exchange that is open, or to a new one, and returns
// which. An initial token received while an exchange is open starts a new exchange: a
// proxy may send requests of several clients over one connection, and an abandoned
// exchange of one client must not fail the login of the next.
func (x *request) step(open *sspi.Context, field string) (*sspi.Context, Result) {
	if open != nil {
		res := step(x.r.Context(), open, field)
		x.takeEvent(open)
		if res.Outcome != Refused || !isAnothers(res.Err, field, open.MaxToken()) {
			return open, res
		}
		open.Close() // without a record: the token is judged below
	}
	if field == "" {
		return nil, step(x.r.Context(), nil, field)
	}
	c := x.m.cfg.Acceptor.NewContext(x.m.contextConfig(x.r))
	res := step(x.r.Context(), c, field)
	x.takeEvent(c)
	return c, res
}

// isAnothers reports whether field, which an open exchange refused with err, may be
// the beginning of another. One that it would have taken there, as after a clock was
// wrong, is none.
func isAnothers(err error, field string, limit int) bool {
	switch status.ReasonOf(err) {
	case status.ReasonMalformedToken, status.ReasonWrongMessageType, status.ReasonSPNEGO:
	default:
		return false
	}
	const frame = 0x60 // RFC 2743, Section 3.1
	token, err := tokenOf(field, limit)
	return err == nil && len(token) > 0 && token[0] == frame
}

// authorization is the value of the one Authorization field that a request may have
// (RFC 9110, Sections 5.3 and 11.6.2).
func authorization(r *http.Request) (string, error) {
	switch fields := r.Header["Authorization"]; len(fields) {
	case 0:
		return "", nil
	case 1:
		return fields[0], nil
	}
	return "", malformed("the request has more than one Authorization field")
}

// noConnection returns the refusal of an exchange that cannot be continued. Its cause is
// why the exchange needs another request, if that is a refusal.
func (x *request) noConnection() error {
	detail := "the exchange needs more than one request, and ConnContext is not installed in http.Server"
	if x.r.ProtoMajor != 1 {
		detail = "the exchange needs more than one request, and over HTTP/2 they are in no order; the client must use HTTP/1.1"
	}
	err := &status.Error{Reason: status.ReasonUnsupported, Detail: detail}
	if x.event != nil && x.event.Err != nil {
		err.Err = x.event.Err
	}
	return err
}

// anonymous serves a request without credentials. before is the Peer of its connection,
// nil if there is none; shared says that a proxy uses the connection, so that before
// proves nothing about this request, though a session does.
func (x *request) anonymous(connection *connection, before *sspi.Peer, shared bool, res Result) {
	peer := before
	if peer == nil || shared {
		var err error
		if peer, err = x.session(); err != nil {
			x.refuse(err)
			return
		}
	}
	switch {
	case peer != nil:
		if peer == before {
			connection.put(x.m, nil, before)
		}
		if x.authorized(peer) {
			x.pass(known{peer: peer})
		}
	case before != nil:
		x.refuse(errShared())
	case x.m.cfg.Optional:
		x.pass(known{})
	default:
		x.page(res, res.StatusCode())
	}
}

// session returns the Peer of the request's session, nil if there is none.
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

// accepted serves a request that has proven its client.
func (x *request) accepted(connection *connection, res Result) {
	x.header(res)
	if !x.authorized(res.Peer) {
		return
	}
	if sessions := x.m.cfg.Sessions; sessions != nil {
		if err := sessions.Save(x.w, x.r, res.Peer); err != nil {
			x.refuse(internal("Sessions.Save", err))
			return
		}
	}
	if x.m.cfg.PerConnectionWithoutProxy && connection != nil {
		connection.put(x.m, nil, res.Peer)
	}
	x.reportAccepted(res.Peer)
	x.pass(known{peer: res.Peer, context: x.login.context})
}

// again serves a request that this Middleware has authenticated before, in a handler
// outside of this one. Its URL may have been rewritten since then.
func (x *request) again(l *login) {
	if x.authorized(l.peer) {
		x.pass(known{peer: l.peer, context: l.context})
	}
}

// authorized asks Authorize, and answers whom it turns away.
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
		x.with(known{refusal: err}, func(r *http.Request) { fallback.ServeHTTP(x.w, r) })
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

// proceed answers a request whose exchange needs another one.
func (x *request) proceed(res Result) {
	x.reportRetry()
	x.page(res, res.StatusCode())
}

// refuse answers a request that does not pass, for a reason that no token answers.
func (x *request) refuse(err error) { x.refuseToken(refused(nil, err)) }

func (x *request) refuseToken(res Result) {
	x.reportRefusal(nil, res.Err, statusCode(res.StatusCode()))
	x.page(res, res.StatusCode())
}

func (x *request) page(res Result, code int) {
	x.header(res)
	x.with(known{refusal: res.Err}, func(r *http.Request) { x.m.cfg.Page(x.w, r, code) })
}

func (x *request) header(res Result) {
	if res.Header != "" {
		x.w.Header().Add("WWW-Authenticate", res.Header)
	}
}

func (x *request) pass(k known) { x.with(k, func(r *http.Request) { x.next.ServeHTTP(x.w, r) }) }

// with serves the request with what is known of it in its context. What a form of it
// put on the disk, net/http removes with the request that it knows, which is x.r.
func (x *request) with(k known, serve func(*http.Request)) {
	r := x.r.WithContext(context.WithValue(x.login.in(x.r.Context(), x.m), knownKey{}, k))
	defer func() {
		if x.r.MultipartForm == nil {
			x.r.MultipartForm = r.MultipartForm
		}
	}()
	serve(r)
}

func internal(what string, err error) error {
	return &status.Error{Reason: status.ReasonInternal, Detail: "sspihttp: " + what, Err: err}
}
