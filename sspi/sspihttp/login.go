package sspihttp

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// login records that a Middleware accepted the token of a request. The context of the
// request holds it, for an inner handler of the same Middleware.
type login struct {
	field   string // the Authorization field with the token
	peer    *sspi.Peer
	context *sspi.Context   // open until over
	over    atomic.Bool     // the handler behind Wrap has returned
	until   context.Context // the login ends with it; nil for Wrap
}

type (
	loginKey struct{ m *Middleware }
	fieldKey struct{} // the Authorization field that any Middleware accepted
)

// in returns ctx with l in it. A nil login leaves ctx unchanged.
func (l *login) in(ctx context.Context, m *Middleware) context.Context {
	if l == nil {
		return ctx
	}
	return context.WithValue(context.WithValue(ctx, loginKey{m}, l), fieldKey{}, l.field)
}

// ended reports whether the request of the login is over.
func (l *login) ended() bool {
	return l.over.Load() || l.until != nil && l.until.Err() != nil
}

// loginOf returns the login of r that m accepted, or nil if m accepted none. A request with
// a different Authorization field, or without that field, is not the accepted request, even
// if the program made it with the accepted request's context.
func (m *Middleware) loginOf(r *http.Request) *login {
	l, _ := r.Context().Value(loginKey{m}).(*login)
	if l == nil || l.ended() {
		return nil
	}
	if field, err := authorization(r); err != nil || field != l.field {
		return nil
	}
	return l
}

// provenElsewhere replaces the refusal of a replay that the program itself caused by
// passing one request to two Middlewares. The client cannot correct this.
func provenElsewhere(r *http.Request, field string, res Result) Result {
	if accepted, _ := r.Context().Value(fieldKey{}).(string); accepted == "" || accepted != field || status.ReasonOf(res.Err) != status.ReasonReplay {
		return res
	}
	return refused(nil, misconfigured("another Middleware has authenticated this request, and a token counts once; wrap it with one Middleware only"))
}
