package sspihttp

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// login is a client that a request has proven to a Middleware. It is in the request's
// context, for a handler of the same Middleware inside of the one that made it.
type login struct {
	field   string // the Authorization field that proved it
	peer    *sspi.Peer
	context *sspi.Context // open until over
	over    atomic.Bool   // the handler that made it has returned
}

type (
	loginKey struct{ m *Middleware }
	fieldKey struct{} // of the field that a Middleware, whichever it was, accepted
)

// in returns ctx with l in it. A nil login leaves ctx alone.
func (l *login) in(ctx context.Context, m *Middleware) context.Context {
	if l == nil {
		return ctx
	}
	return context.WithValue(context.WithValue(ctx, loginKey{m}, l), fieldKey{}, l.field)
}

// loginOf returns the login of r that m has accepted, nil if there is none. A request
// that has another Authorization field, or none, is not the one that was proven, even if
// it was made with its context.
func (m *Middleware) loginOf(r *http.Request) *login {
	l, _ := r.Context().Value(loginKey{m}).(*login)
	if l == nil || l.over.Load() {
		return nil
	}
	if field, err := authorization(r); err != nil || field != l.field {
		return nil
	}
	return l
}

// provenElsewhere replaces the refusal of a replay that the program itself caused: two
// Middlewares were given one request. The client cannot help it.
func provenElsewhere(r *http.Request, field string, res Result) Result {
	if accepted, _ := r.Context().Value(fieldKey{}).(string); accepted == "" || accepted != field || status.ReasonOf(res.Err) != status.ReasonReplay {
		return res
	}
	return refused(nil, misconfigured("another Middleware has authenticated this request, and a token counts once; wrap it with one Middleware only"))
}
