// Package replaytest is what an [authenticator.ReplayCache] must pass. The
// author of one calls [Run] from a test:
//
//	func TestConformance(t *testing.T) {
//		replaytest.Run(t, func(t *testing.T) authenticator.ReplayCache {
//			return mycache.New(server(t))
//		})
//	}
package replaytest

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
)

// skew is what the tests' records are made with.
const skew = 5 * time.Minute

// goroutines is how many present one authenticator at the same time.
const goroutines = 64

// Run tests the caches that open returns. open is called once for each part of
// the test, for a cache of its own; its t is that part's, for cleaning up. Tags
// are random, so records of others in a shared storage do no harm. A cache has
// room for 5,000 records at least, and it takes records stamped before it was
// opened: a rule about the start must be lifted. Most records are of a client each; one
// part stores 97 records of one client. Run does not ask for a share per client, see
// [Shares].
//
// Records are stamped around the system's time. With -short the concurrent part
// is a twentieth, and the part that waits two seconds is left out.
//
// Run cannot see whether hosts that share a backend agree: test that with two
// caches on one backend, and a record presented to each.
func Run(t *testing.T, open func(t *testing.T) authenticator.ReplayCache) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if c.slow && testing.Short() {
				t.Skip("it waits")
			}
			c.run(t, open(t))
		})
	}
}

// checks are the parts, each for one way in which a cache can be wrong.
var checks = []struct {
	name string
	slow bool
	run  func(t testing.TB, cache authenticator.ReplayCache)
}{
	{"once", false, once},
	{"tags", false, tags},
	{"atomic", false, atomic},
	{"parallel", false, parallel},
	{"until", false, until},
	{"expired", false, expired},
	{"subsecond", true, subsecond},
	{"longer", false, longer},
	{"clock", false, clock},
	{"context", false, contexts},
}

// record makes a record that nobody else has, of a client that has no other record, and
// whose clock is ahead of the acceptor's by the given time.
func record(now time.Time, ahead time.Duration) authenticator.Record {
	stamp := now.Add(ahead).Truncate(time.Microsecond)
	r := authenticator.Record{Time: stamp, Now: now, Until: stamp.Add(skew + time.Second)}
	rand.Read(r.Tag[:]) // never fails
	rand.Read(r.Client[:])
	return r
}

// at is r presented when the acceptor's clock reads now.
func at(r authenticator.Record, now time.Time) authenticator.Record {
	r.Now = now
	return r
}

// first presents r, which must be taken for new.
func first(t testing.TB, cache authenticator.ReplayCache, r authenticator.Record) {
	t.Helper()
	if fresh, err := cache.Store(t.Context(), r); !fresh || err != nil {
		t.Fatalf("a new authenticator: Store = %v, %v; want true, nil", fresh, err)
	}
}

// replay presents r, which was presented before and still counts: it is known.
func replay(t testing.TB, cache authenticator.ReplayCache, r authenticator.Record, when string) {
	t.Helper()
	if fresh, err := cache.Store(t.Context(), r); fresh || err != nil {
		t.Fatalf("a replay %s: Store = %v, %v; want false, nil", when, fresh, err)
	}
}

// refused presents r, for which any answer will do but that it is new.
func refused(t testing.TB, cache authenticator.ReplayCache, r authenticator.Record, when string) {
	t.Helper()
	if fresh, err := cache.Store(t.Context(), r); fresh {
		t.Fatalf("%s: Store = true, %v; want false or an error", when, err)
	}
}

// traffic presents n records of other clients, so that a cache that tidies up
// as it goes does so.
func traffic(t testing.TB, cache authenticator.ReplayCache, now time.Time, n int) {
	t.Helper()
	for range n {
		first(t, cache, record(now, 0))
	}
}

func once(t testing.TB, cache authenticator.ReplayCache) {
	now := time.Now()
	for _, ahead := range []time.Duration{0, -skew, skew, time.Microsecond} {
		r := record(now, ahead)
		first(t, cache, r)
		replay(t, cache, r, "at once")
		replay(t, cache, at(r, now.Add(time.Second/2)), "half a second later")
		replay(t, cache, r, "for the third time")
	}
}

// tags: authenticators that differ in any bit of the first 12 bytes are
// different ones, though client and time are the same.
func tags(t testing.TB, cache authenticator.ReplayCache) {
	r := record(time.Now(), 0)
	first(t, cache, r)
	for bit := range 8 * 12 {
		other := r
		other.Tag[bit/8] ^= 1 << (bit % 8)
		first(t, cache, other)
	}
	replay(t, cache, r, "after its neighbours")
}

// atomic: however many present one authenticator at once, one gets in.
func atomic(t testing.TB, cache authenticator.ReplayCache) {
	rounds := 1000
	if testing.Short() {
		rounds = 50
	}
	ctx := t.Context()
	for round := range rounds {
		r := record(time.Now(), 0)
		start := make(chan struct{})
		fresh := make([]bool, goroutines)
		errs := make([]error, goroutines)
		var group sync.WaitGroup
		for i := range goroutines {
			group.Go(func() {
				<-start
				fresh[i], errs[i] = cache.Store(ctx, r)
			})
		}
		close(start)
		group.Wait()
		count := 0
		for i := range goroutines {
			if errs[i] != nil {
				t.Fatalf("round %d: %v", round, errs[i])
			}
			if fresh[i] {
				count++
			}
		}
		if count != 1 {
			t.Fatalf("round %d: one authenticator was new %d times", round, count)
		}
	}
}

// parallel: different authenticators at the same time do not hinder each other,
// and none is lost.
func parallel(t testing.TB, cache authenticator.ReplayCache) {
	const each = 50
	ctx, now := t.Context(), time.Now()
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			var records [each]authenticator.Record
			for i := range records {
				records[i] = record(now, 0)
				if fresh, err := cache.Store(ctx, records[i]); !fresh || err != nil {
					t.Errorf("a new authenticator: Store = %v, %v", fresh, err)
				}
			}
			for _, r := range records {
				if fresh, err := cache.Store(ctx, r); fresh || err != nil {
					t.Errorf("a replay: Store = %v, %v", fresh, err)
				}
			}
		})
	}
	group.Wait()
}

// until: a record counts from its stamp, not from when it was presented, so one
// of a fast clock lives for nearly twice the skew.
func until(t testing.TB, cache authenticator.ReplayCache) {
	now := time.Now()
	r := record(now, skew)
	first(t, cache, r)
	for _, later := range []time.Time{now.Add(skew), now.Add(3 * skew / 2), r.Until.Add(-time.Millisecond)} {
		traffic(t, cache, later, 500)
		replay(t, cache, at(r, later), "while the record must be kept")
	}
}

// expired: what could not be remembered is not new.
func expired(t testing.TB, cache authenticator.ReplayCache) {
	r := record(time.Now(), 0)
	refused(t, cache, at(r, r.Until), "a record that ends now")
	refused(t, cache, at(r, r.Until.Add(time.Minute)), "a record that ended")
}

// subsecond: a cache with a clock of its own rounds the time it keeps a record
// up.
func subsecond(t testing.TB, cache authenticator.ReplayCache) {
	now := time.Now()
	r := record(now, 0)
	r.Until = now.Add(1900 * time.Millisecond)
	first(t, cache, r)
	time.Sleep(1600 * time.Millisecond)
	replay(t, cache, at(r, now.Add(1600*time.Millisecond)), "in the last part of a second")
}

// longer: a replay at an acceptor with a greater skew, and what is stored
// after it, do not shorten what is remembered.
func longer(t testing.TB, cache authenticator.ReplayCache) {
	now := time.Now()
	r := record(now, 0)
	first(t, cache, r)
	short := r
	short.Until = r.Time.Add(time.Minute)
	replay(t, cache, short, "to an acceptor with a smaller skew")
	later := now.Add(4 * time.Minute)
	traffic(t, cache, later, 500)
	replay(t, cache, at(r, later), "after one to an acceptor with a smaller skew")
}

// clock: steps of the acceptor's clock, as far as records tell of them, let
// nothing in twice. A cache may refuse what it no longer knows.
func clock(t testing.TB, cache authenticator.ReplayCache) {
	now := time.Now()
	r := record(now, 0)
	first(t, cache, r)
	refused(t, cache, at(r, now.Add(-2*skew)), "a replay after a step back")

	ahead := now.Add(time.Hour)
	traffic(t, cache, ahead, 2000)
	refused(t, cache, r, "a replay after a step forward and back")

	after := record(now.Add(time.Second), 0)
	first(t, cache, after)
	traffic(t, cache, now.Add(2*time.Second), 500)
	replay(t, cache, after, "of what came after the steps")
}

// contexts: a context that has ended refuses, soon.
func contexts(t testing.TB, cache authenticator.ReplayCache) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	started := time.Now()
	fresh, err := cache.Store(ctx, record(started, 0))
	if fresh || err == nil {
		t.Fatalf("with a canceled context: Store = %v, %v; want false and an error", fresh, err)
	}
	past, cancel := context.WithDeadline(t.Context(), started.Add(-time.Second))
	defer cancel()
	fresh, err = cache.Store(past, record(started, 0))
	if fresh || err == nil {
		t.Fatalf("after the deadline: Store = %v, %v; want false and an error", fresh, err)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("two calls without a live context took %v", took)
	}
	first(t, cache, record(started, 0))
}
