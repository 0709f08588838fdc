package replaytest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
)

// Hosts tests two caches that share one backend, as the caches of two hosts do. open
// returns two caches with the same, new backend. Hosts calls it once for each part. The
// clocks of the hosts differ by one skew in one part. The requirements of [Run] for room
// and for the start rule apply.
func Hosts(t *testing.T, open func(t *testing.T) (first, second authenticator.ReplayCache)) {
	for _, c := range hostChecks {
		t.Run(c.name, func(t *testing.T) {
			one, other := open(t)
			c.run(t, one, other)
		})
	}
}

var hostChecks = []struct {
	name string
	run  func(t testing.TB, one, other authenticator.ReplayCache)
}{
	{"agree", agree},
	{"race", race},
	{"clocks apart", clocksApart},
}

// agree tests that each cache knows the records of the other.
func agree(t testing.TB, one, other authenticator.ReplayCache) {
	now := time.Now()
	for _, ahead := range []time.Duration{0, -skew, skew} {
		for _, pair := range [][2]authenticator.ReplayCache{{one, other}, {other, one}} {
			r := record(now, ahead)
			first(t, pair[0], r)
			replay(t, pair[1], r, "at the other host")
			replay(t, pair[0], r, "at the same host")
		}
	}
}

// race tests that one of two concurrent calls at two hosts reports an authenticator as new.
func race(t testing.TB, one, other authenticator.ReplayCache) {
	rounds := 1000
	if testing.Short() {
		rounds = 50
	}
	ctx := t.Context()
	for round := range rounds {
		r := record(time.Now(), 0)
		start := make(chan struct{})
		var fresh [2]bool
		var errs [2]error
		var group sync.WaitGroup
		for i, cache := range []authenticator.ReplayCache{one, other} {
			group.Go(func() {
				<-start
				fresh[i], errs[i] = cache.Store(ctx, r)
			})
		}
		close(start)
		group.Wait()
		if errs[0] != nil || errs[1] != nil || fresh[0] == fresh[1] {
			t.Fatalf("round %d: Store at two hosts at once = %v, %v and %v, %v; want true once", round, fresh[0], errs[0], fresh[1], errs[1])
		}
	}
}

// clocksApart tests that a record lives one skew longer than at the host that stored it: a
// host whose clock is behind accepts the authenticator that much longer.
func clocksApart(t testing.TB, one, other authenticator.ReplayCache) {
	now := time.Now()
	r := record(now, 0)
	first(t, one, at(r, now.Add(skew)))
	for _, later := range []time.Duration{0, skew / 2, skew - time.Second} {
		traffic(t, one, now.Add(skew+later), 500)
		replay(t, other, at(r, now.Add(later)), "at a host whose clock is one skew behind")
	}
}

// Late tests that a cache refuses if its backend does not answer in time. pause makes the
// backend stop, for instance by a signal or by a lock that the test holds, until resume is
// called. Late gives the cache half a second, and requires that Store returns an error
// within ten seconds.
func Late(t *testing.T, cache authenticator.ReplayCache, pause func(t *testing.T) (resume func())) {
	late(t, cache, func() func() { return pause(t) })
}

func late(t testing.TB, cache authenticator.ReplayCache, pause func() (resume func())) {
	known := record(time.Now(), 0)
	first(t, cache, known)
	resume := sync.OnceFunc(pause())
	defer resume()
	var group sync.WaitGroup
	var asked [4]authenticator.Record
	for i := range asked {
		asked[i] = record(time.Now(), 0)
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
			defer cancel()
			started := time.Now()
			if fresh, err := cache.Store(ctx, asked[i]); fresh || err == nil {
				t.Errorf("without a backend: Store = %v, %v; want false and an error", fresh, err)
			}
			if took := time.Since(started); took > 10*time.Second {
				t.Errorf("without a backend: Store took %v with a deadline of half a second", took)
			}
		})
	}
	group.Wait()
	resume()
	afterLate(t, cache, known, asked[:])
}

// afterLate tests a cache after its backend was away: it knows the old record, and reports
// an authenticator of a call that failed as new once at most.
func afterLate(t testing.TB, cache authenticator.ReplayCache, known authenticator.Record, asked []authenticator.Record) {
	deadline := time.Now().Add(30 * time.Second)
	for {
		fresh, err := cache.Store(t.Context(), known)
		if fresh {
			t.Fatalf("a replay after the backend came back: Store = %v, %v; want false", fresh, err)
		}
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cache does not recover when its backend is back: %v", err)
		}
	}
	for _, r := range asked {
		if _, err := cache.Store(t.Context(), r); err != nil {
			t.Fatalf("after the backend came back: %v", err)
		}
		replay(t, cache, r, "of an authenticator that was presented when the backend was away")
	}
	first(t, cache, record(time.Now(), 0))
}
