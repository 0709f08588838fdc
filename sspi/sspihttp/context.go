package sspihttp

import (
	"context"

	"github.com/gosspi/kerberos/sspi"
)

// known holds the values that [Peer], [SecurityContext] and [Refusal] read from a request's
// context.
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

// Peer returns the client that sent the request whose context is ctx. In a handler behind
// [Middleware.Wrap] or [Middleware.Authenticate] there always is a client, unless
// Config.Optional is set.
func Peer(ctx context.Context) (*sspi.Peer, bool) {
	p := of(ctx).peer
	return p, p != nil
}

// SecurityContext returns the security context of a request that was authenticated by its
// own token, for example to call Delegated. The security context is open while the handler
// runs and closed afterwards. SecurityContext returns nil if the client was authenticated
// by a session or by an earlier request of the connection.
func SecurityContext(ctx context.Context) *sspi.Context { return of(ctx).context }

// Refusal returns the error for which a request did not pass; Config.Page and
// Config.Fallback may call it. It returns nil if the request had no credentials, or if the
// login needs further requests. The error is for the operator: do not send it to the
// client.
func Refusal(ctx context.Context) error { return of(ctx).refusal }
