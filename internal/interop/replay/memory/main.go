// Command memory is an acceptor with a replay cache in its own memory. The harness must
// find that two such processes accept each token twice.
package main

import (
	"context"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/interop/replay/acceptor"
)

func main() {
	cache := authenticator.NewMemoryCache(0, authenticator.AcceptOlder)
	acceptor.Main(func(context.Context, []string) (authenticator.ReplayCache, error) { return cache, nil })
}
