package sspihttp

import (
	"context"

	"github.com/gosspi/kerberos/sspi"
)

// known is what a request's context says about it.
type known struct {
	peer    *sspi.Peer
	context *sspi.Context
	refusal error
}

type knownKey struct{}

func of(ctx context.Context) known {
	k, _ := ctx.Value(knownKey{}).(known)
	return k
}

// Peer is the client that sent the request of ctx. It is always there in a handler
// behind [Middleware.Wrap], unless Config.Optional is set.
func Peer(ctx context.Context) (*sspi.Peer, bool) {
	p := of(ctx).peer
	return p, p != nil
}

// SecurityContext is the security context of the request's own login, for instance
// for its Delegated. It is open while the handler runs and closed afterwards. It is
// nil if the request is of a session, or of its connection's login.
func SecurityContext(ctx context.Context) *sspi.Context { return of(ctx).context }

// Refusal is for Config.Page and Config.Fallback: why the request did not pass. It is
// nil if the request had no credentials, or is one of several that a login needs. Do
// not show it to the client: it is for the operator.
func Refusal(ctx context.Context) error { return of(ctx).refusal }
