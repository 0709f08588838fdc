package authenticator_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/replaytest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// keyStore is the interface of a store that several hosts share: one atomic step that sets
// a key if it does not exist. The store must not evict keys early. If it loses its keys,
// the hosts must accept no client for twice the skew. In Redis the step is SET key "" NX PX
// milliseconds, with maxmemory-policy noeviction.
type keyStore interface {
	SetIfAbsent(ctx context.Context, key string, ttl time.Duration) (set bool, err error)
}

// hostsCache is a ReplayCache for all hosts of a service.
type hostsCache struct{ store keyStore }

// Store adds a second to the TTL, because the clocks of the hosts and of the store differ.
func (c *hostsCache) Store(ctx context.Context, r authenticator.Record) (fresh bool, err error) {
	if r.TTL() <= 0 { // some stores delete such a key at once, others never
		return false, errors.New("the record has ended")
	}
	// Stores count in their own units, so round up. An error refuses the client.
	return c.store.SetIfAbsent(ctx, "krb5rc:"+string(r.Tag[:]), r.TTL()+time.Second)
}

// Two hosts with the same service name share a cache: each refuses an authenticator that
// the other has accepted.
func ExampleReplayCache() {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	cfg, err := realm.Config("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	cfg.Replay = &hostsCache{newMapStore()}
	client, err := realm.User("alice").Initiate("HTTP/www.example.com", sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	token, _, err := client.Next(nil)
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		host, err := sspi.NewAcceptor(cfg)
		if err != nil {
			log.Fatal(err)
		}
		_, _, err = host.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token)
		fmt.Println(status.ReasonOf(err))
	}
	// Output:
	// none
	// replay
}

// TestReplayCacheExample checks the cache of the example with replaytest, as every
// implementation should.
func TestReplayCacheExample(t *testing.T) {
	replaytest.Run(t, func(*testing.T) authenticator.ReplayCache { return &hostsCache{newMapStore()} })
}

// mapStore stands for the shared store. It deletes nothing.
type mapStore struct {
	mu   sync.Mutex
	keys map[string]bool
}

func newMapStore() *mapStore { return &mapStore{keys: make(map[string]bool)} }

func (s *mapStore) SetIfAbsent(ctx context.Context, key string, _ time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil || s.keys[key] {
		return false, err
	}
	s.keys[key] = true
	return true, nil
}
