// Command acceptor is an acceptor with a replay cache in Redis or Valkey, for the tests of
// internal/interop/replay. Its arguments are the number of replicas that must have a record,
// the name of the Sentinel service or "", and addresses.
package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/redisreplay"
	"github.com/gosspi/kerberos/internal/interop/replay/acceptor"
)

func main() {
	acceptor.Main(func(ctx context.Context, args []string) (authenticator.ReplayCache, error) {
		if len(args) < 3 {
			return nil, fmt.Errorf("%d arguments, want replicas, the name of the service and addresses", len(args))
		}
		replicas, err := strconv.Atoi(args[0])
		if err != nil {
			return nil, err
		}
		return redisreplay.New(ctx, redisreplay.Config{
			Options:  &redis.UniversalOptions{MasterName: args[1], Addrs: args[2:]},
			Replicas: replicas,
		})
	})
}
