// Package replaytest tests implementations of [authenticator.ReplayCache]. The author of
// an implementation calls [Run] from a test:
//
//	func TestConformance(t *testing.T) {
//		replaytest.Run(t, func(t *testing.T) authenticator.ReplayCache {
//			return mycache.New(server(t))
//		})
//	}
//
// Run is for every cache. [Hosts], [Processes] and [Late] are for caches with a backend,
// and [Shares] is for caches that give each client a share of their room.
package replaytest

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
)

// skew is the skew of the records in the tests.
const skew = 5 * time.Minute

// goroutines is the number of concurrent calls with one authenticator.
const goroutines = 64

// Run tests the caches that open returns. Run calls open once for each part of the test,
// with the testing.T of the part, and each call must return a new cache. Tags are random,
// so records of other tests in a shared store do no harm. A cache must have room for
// 5,000 records, and must accept records stamped before it was opened: disable a rule
// about the start. One part stores 97 records of one client; all other records have
// different clients. Run does not require a share per client, see [Shares].
//
// The time stamps of the records are close to the system's time. With -short the
// concurrent part runs a twentieth of its rounds, and Run omits the part that waits two
// seconds.
//
// Run cannot test whether caches that share a backend agree: see [Hosts] and [Processes].
// [Late] tests a cache whose backend does not answer.
func Run(t *testing.T, open func(t *testing.T) authenticator.ReplayCache) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if c.slow && testing.Short() {
				t.Skip("-short: this part waits two seconds")
			}
			c.run(t, open(t))
		})
	}
}

// checks lists the parts of Run. Each part tests one possible fault of a cache.
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

// record makes a record of a new client with a random Tag. The client's clock is ahead of
// the acceptor's clock by the given time.
func record(now time.Time, ahead time.Duration) authenticator.Record {
	stamp := now.Add(ahead).Truncate(time.Microsecond)
	r := authenticator.Record{Time: stamp, Now: now, Until: stamp.Add(skew + time.Second)}
	random(r.Tag[:])
	random(r.Client[:])
	return r
}

// random fills b. The generator of package math/rand/v2 makes no system call, and the tests
// make some 100,000 records.
func random(b []byte) {
	for len(b) > 0 {
		b = b[copy(b, binary.LittleEndian.AppendUint64(nil, rand.Uint64())):]
	}
}

// at returns r with the acceptor's clock at now.
func at(r authenticator.Record, now time.Time) authenticator.Record {
	r.Now = now
	return r
}

// first stores r, which the cache must report as new.
func first(t testing.TB, cache authenticator.ReplayCache, r authenticator.Record) {
	t.Helper()
	if fresh, err := cache.Store(t.Context(), r); !fresh || err != nil {
		t.Fatalf("a new authenticator: Store = %v, %v; want true, nil", fresh, err)
	}
}

// replay stores r, which was stored before and has not expired; the cache must report it
// as known.
func replay(t testing.TB, cache authenticator.ReplayCache, r authenticator.Record, when string) {
	t.Helper()
	if fresh, err := cache.Store(t.Context(), r); fresh || err != nil {
		t.Fatalf("a replay %s: Store = %v, %v; want false, nil", when, fresh, err)
	}
}

// refused stores r, which the cache must not report as new.
func refused(t testing.TB, cache authenticator.ReplayCache, r authenticator.Record, when string) {
	t.Helper()
	if fresh, err := cache.Store(t.Context(), r); fresh {
		t.Fatalf("%s: Store = true, %v; want false or an error", when, err)
	}
}

// traffic stores n records of other clients, so that a cache that drops expired records
// during calls does so.
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

// tags tests that authenticators that differ in any bit of the first 12 bytes of the Tag
// are different authenticators, even with equal client and time.
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

// atomic tests that one of many concurrent calls with one authenticator reports it as
// new.
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

// parallel tests that concurrent calls with different authenticators all succeed, and
// that the cache loses no record.
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

// until tests that the lifetime of a record depends on its time stamp and not on the time
// of the call: the record of a client whose clock is ahead lives for nearly twice the
// skew.
func until(t testing.TB, cache authenticator.ReplayCache) {
	now := time.Now()
	r := record(now, skew)
	first(t, cache, r)
	for _, later := range []time.Time{now.Add(skew), now.Add(3 * skew / 2), r.Until.Add(-time.Millisecond)} {
		traffic(t, cache, later, 500)
		replay(t, cache, at(r, later), "while the record must be kept")
	}
}

// expired tests that the cache does not report a record as new whose Until has passed.
func expired(t testing.TB, cache authenticator.ReplayCache) {
	r := record(time.Now(), 0)
	refused(t, cache, at(r, r.Until), "a record that ends now")
	refused(t, cache, at(r, r.Until.Add(time.Minute)), "a record that ended")
}

// subsecond tests that a cache with a clock of its own rounds the lifetime of a record
// up.
func subsecond(t testing.TB, cache authenticator.ReplayCache) {
	now := time.Now()
	r := record(now, 0)
	r.Until = now.Add(1900 * time.Millisecond)
	first(t, cache, r)
	time.Sleep(1600 * time.Millisecond)
	replay(t, cache, at(r, now.Add(1600*time.Millisecond)), "in the last part of a second")
}

// longer tests that a call with a smaller Until, and later records, do not shorten the
// lifetime of a record.
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

// clock tests that steps of the acceptor's clock do not let the cache report a record as
// new twice. A cache may refuse records that it no longer knows.
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
	replay(t, cache, after, "of a record stored after the steps")
}

// contexts tests that Store refuses soon if its context has ended.
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
