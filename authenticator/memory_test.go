package authenticator_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/replaytest"
	"github.com/gosspi/kerberos/status"
)

const skew = 5 * time.Minute

// start is the time at the start of these tests. It is not a whole microsecond.
var start = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// use returns a new authenticator of a client without other records, whose clock is ahead
// of now.
func use(now time.Time, ahead time.Duration) authenticator.Record {
	stamp := now.Add(ahead).Truncate(time.Microsecond)
	r := authenticator.Record{Time: stamp, Now: now, Until: stamp.Add(skew + time.Second)}
	random(r.Tag[:])
	random(r.Client[:])
	return r
}

// random fills b, with no system call.
func random(b []byte) {
	for len(b) > 0 {
		b = b[copy(b, binary.LittleEndian.AppendUint64(nil, rand.Uint64())):]
	}
}

// later returns r, presented again when the acceptor's clock is at now.
func later(r authenticator.Record, now time.Time) authenticator.Record {
	r.Now = now
	return r
}

// expect stores r and compares the answer: ReasonNone means fresh, ReasonReplay means
// known, and any other Reason is that of the error.
func expect(t *testing.T, c *authenticator.MemoryCache, r authenticator.Record, want status.Reason) {
	t.Helper()
	if got := present(t, c, r); got != want {
		t.Fatalf("Store gave %v, want %v", got, want)
	}
}

func present(t testing.TB, c *authenticator.MemoryCache, r authenticator.Record) status.Reason {
	t.Helper()
	fresh, err := c.Store(t.Context(), r)
	switch {
	case err != nil && fresh:
		t.Fatalf("Store returned fresh and an error: %v", err)
	case err != nil:
		return status.ReasonOf(err)
	case !fresh:
		return status.ReasonReplay
	}
	return status.ReasonNone
}

func TestREPLAY_9_MemoryCacheConforms(t *testing.T) {
	for name, max := range map[string]int{"one shard": 5000, "default": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replaytest.Run(t, func(*testing.T) authenticator.ReplayCache {
				return authenticator.NewMemoryCache(max, authenticator.AcceptOlder)
			})
		})
	}
}

// TestREPLAY_2_OneOfManyPasses presents one authenticator in 64 concurrent calls, on one,
// two and eight processors.
func TestREPLAY_2_OneOfManyPasses(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	for _, procs := range []int{1, 2, 8} {
		func() {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			c := authenticator.NewMemoryCacheAt(0, authenticator.RefuseOlder, start)
			for range rounds {
				r := use(start, time.Second)
				var fresh atomic.Int32
				var group sync.WaitGroup
				for range 64 {
					group.Go(func() {
						if present(t, c, r) == status.ReasonNone {
							fresh.Add(1)
						}
					})
				}
				group.Wait()
				if n := fresh.Load(); n != 1 {
					t.Fatalf("%d processors: accepted %d times", procs, n)
				}
			}
		}()
	}
}

func TestREPLAY_3_LivesFromItsStamp(t *testing.T) {
	c := authenticator.NewMemoryCacheAt(0, authenticator.RefuseOlder, start)
	r := use(start, skew)
	expect(t, c, r, status.ReasonNone)
	for _, after := range []time.Duration{0, skew, 3 * skew / 2, 2 * skew, 2*skew + time.Second - time.Microsecond} {
		for range 100 { // so that the cache drops the record if it may
			expect(t, c, use(start.Add(after), 0), status.ReasonNone)
		}
		expect(t, c, later(r, start.Add(after)), status.ReasonReplay)
	}
	expect(t, c, later(r, r.Until), status.ReasonArgument)
}

// TestREPLAY_3_EndIsNotRoundedDown checks that the cache does not round the end of a record
// down.
func TestREPLAY_3_EndIsNotRoundedDown(t *testing.T) {
	c := authenticator.NewMemoryCacheAt(1, authenticator.RefuseOlder, start)
	r := use(start, time.Second)
	r.Until = r.Until.Add(999)
	expect(t, c, r, status.ReasonNone)
	expect(t, c, use(r.Until.Add(-1), 0), status.ReasonReplayCacheFull)
	expect(t, c, later(r, r.Until.Add(-1)), status.ReasonReplay)
}

func TestREPLAY_4_CoarseClocks(t *testing.T) {
	c := authenticator.NewMemoryCacheAt(0, authenticator.RefuseOlder, start)
	for range 1000 {
		expect(t, c, use(start, time.Second), status.ReasonNone)
	}
}

func TestREPLAY_5_FullRefuses(t *testing.T) {
	for _, max := range []int{1, 2, 1023, 1024, 2048, 70000} {
		c := authenticator.NewMemoryCacheAt(max, authenticator.RefuseOlder, start)
		var held []authenticator.Record
		for range max {
			r := use(start, time.Second)
			got := present(t, c, r)
			if got == status.ReasonReplayCacheFull && max > 2000 {
				break // the shards fill unevenly
			}
			if got != status.ReasonNone {
				t.Fatalf("max %d: %v after %d", max, got, len(held))
			}
			held = append(held, r)
		}
		// The tags are spread at random over at most 64 shards of 1024 or more records, and
		// the cache is full when the first shard is full. Fewer records than five standard
		// deviations below the mean are practically impossible.
		least := max
		if shards := min(64, max/1024); shards > 1 {
			least -= int(5 * math.Sqrt(float64(max*shards)))
		}
		if len(held) < least {
			t.Errorf("max %d: full at %d, want %d at least", max, len(held), least)
		}
		// The cache never holds more records, and drops none of them. After 1500 refusals
		// in a row it is practically impossible that a shard still has room.
		for refused := 0; refused < 1500; refused++ {
			if r := use(start.Add(skew), 0); present(t, c, r) == status.ReasonNone {
				held, refused = append(held, r), 0
			}
		}
		if len(held) > max {
			t.Errorf("max %d: holds %d", max, len(held))
		}
		for _, r := range held {
			expect(t, c, later(r, start.Add(skew)), status.ReasonReplay)
		}
		// When the records have expired, there is room at once.
		after := start.Add(3 * skew)
		for range min(max, 100) {
			expect(t, c, use(after, 0), status.ReasonNone)
		}
		// A record that the cache has dropped is not new if the clock is set back.
		for _, r := range held {
			if got := present(t, c, r); got != status.ReasonReplay && got != status.ReasonBeforeReplayCache {
				t.Fatalf("max %d: a dropped record: %v", max, got)
			}
		}
	}
}

// TestREPLAY_5_OneHasEnded checks that a full cache in which one record of a thousand has
// expired has room for one record.
func TestREPLAY_5_OneHasEnded(t *testing.T) {
	const max = 1000
	for range 20 {
		c := authenticator.NewMemoryCacheAt(max, authenticator.RefuseOlder, start)
		first := use(start, time.Second)
		expect(t, c, first, status.ReasonNone)
		now := start.Add(time.Minute)
		for range max - 1 {
			expect(t, c, use(now, 0), status.ReasonNone)
		}
		expect(t, c, use(first.Until.Add(-time.Microsecond), 0), status.ReasonReplayCacheFull)
		expect(t, c, use(first.Until, 0), status.ReasonNone)
		expect(t, c, use(first.Until, 0), status.ReasonReplayCacheFull)
	}
}

func TestREPLAY_7_Context(t *testing.T) {
	c := authenticator.NewMemoryCacheAt(0, authenticator.RefuseOlder, start)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := use(start, time.Second)
	fresh, err := c.Store(ctx, r)
	if fresh || status.ReasonOf(err) != status.ReasonCanceled || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v, %v", fresh, err)
	}
	expect(t, c, r, status.ReasonNone) // the failed call has stored nothing
}

func TestREPLAY_8_StartRules(t *testing.T) {
	const usec = time.Microsecond
	begin := start.Truncate(usec)
	for _, c := range []struct {
		name  string
		rule  authenticator.StartRule
		stamp time.Time
		now   time.Time
		want  status.Reason
	}{
		{"older", authenticator.RefuseOlder, begin.Add(-usec), start, status.ReasonBeforeReplayCache},
		{"older, at the edge of the skew", authenticator.RefuseOlder, begin.Add(-skew), start, status.ReasonBeforeReplayCache},
		{"same microsecond", authenticator.RefuseOlder, begin, start, status.ReasonNone},
		{"older, later", authenticator.RefuseOlder, begin.Add(-usec), start.Add(4 * time.Minute), status.ReasonBeforeReplayCache},
		{"of a fast clock", authenticator.RefuseOlder, begin.Add(skew), start, status.ReasonNone},
		{"within the skew", authenticator.RefuseWithinSkew, begin.Add(skew), begin.Add(skew), status.ReasonBeforeReplayCache},
		{"within the skew, older", authenticator.RefuseWithinSkew, begin.Add(-usec), start, status.ReasonBeforeReplayCache},
		{"within the lifetime", authenticator.RefuseWithinSkew, begin.Add(skew + time.Second), begin.Add(skew), status.ReasonBeforeReplayCache},
		{"beyond it", authenticator.RefuseWithinSkew, begin.Add(skew + time.Second + usec), begin.Add(skew + 2*time.Second), status.ReasonNone},
		{"lifted", authenticator.AcceptOlder, begin.Add(-skew), start, status.ReasonNone},
		{"lifted, long before", authenticator.AcceptOlder, begin.AddDate(-20, 0, 0), begin.AddDate(-20, 0, 0), status.ReasonNone},
	} {
		t.Run(c.name, func(t *testing.T) {
			cache := authenticator.NewMemoryCacheAt(0, c.rule, start)
			r := use(c.stamp, 0)
			r.Now = c.now
			expect(t, cache, r, c.want)
			if c.want == status.ReasonNone {
				expect(t, cache, r, status.ReasonReplay)
			}
		})
	}
}

// TestREPLAY_8_SystemClock checks that the cache accepts time stamps from after its
// creation and refuses earlier ones.
func TestREPLAY_8_SystemClock(t *testing.T) {
	before := use(time.Now(), -time.Microsecond)
	c := authenticator.NewMemoryCache(0, authenticator.RefuseOlder)
	expect(t, c, use(time.Now(), time.Microsecond), status.ReasonNone)
	expect(t, c, before, status.ReasonBeforeReplayCache)
}

func TestREPLAY_10_OneCachePerProcess(t *testing.T) {
	first := authenticator.SharedCache()
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if authenticator.SharedCache() != first {
				t.Error("SharedCache returned another cache")
			}
		})
	}
	group.Wait()
	r := use(time.Now(), time.Second)
	expect(t, first, r, status.ReasonNone)
	expect(t, authenticator.SharedCache(), r, status.ReasonReplay)
	expect(t, first, use(time.Now().Add(-time.Hour), 0), status.ReasonBeforeReplayCache)
}

// TestREPLAY_11_ClockSteps checks that the cache accepts nothing twice when the clock is
// set, and that a step forward and back refuses only authenticators that the cache may have
// dropped.
func TestREPLAY_11_ClockSteps(t *testing.T) {
	c := authenticator.NewMemoryCacheAt(0, authenticator.RefuseOlder, start)
	fill := func(now time.Time) {
		t.Helper()
		for range 5000 {
			expect(t, c, use(now, 0), status.ReasonNone)
		}
	}
	old := use(start, time.Second)
	fast := use(start, skew)
	expect(t, c, old, status.ReasonNone)
	expect(t, c, fast, status.ReasonNone)

	// The clock moves forward by an hour. Both records have expired, and the cache drops
	// them.
	fill(start.Add(time.Hour))
	for _, r := range []authenticator.Record{old, fast} {
		if got := present(t, c, r); got != status.ReasonReplay && got != status.ReasonBeforeReplayCache {
			t.Fatalf("after a step forward and back: %v", got)
		}
	}
	// The clock is set back. The cache accepts a client whose time stamp is later than
	// those of all dropped records, and keeps its record to the end, although the clock had
	// been later than that.
	now := start.Add(skew + time.Second)
	after := use(now, 0)
	expect(t, c, after, status.ReasonNone)
	fill(now.Add(time.Second))
	fill(now.Add(4 * time.Minute))
	expect(t, c, later(after, now.Add(4*time.Minute)), status.ReasonReplay)

	// The clock is set back by more than the skew.
	expect(t, c, later(after, now.Add(-2*skew)), status.ReasonReplay)
}

// TestSkewsMayDiffer_Shards checks that one record with a longer lifetime extends the
// lifetime of records in all shards of a large cache, so that the cache accepts clients of
// the acceptor with the greater skew.
func TestSkewsMayDiffer_Shards(t *testing.T) {
	c := authenticator.NewMemoryCacheAt(0, authenticator.AcceptOlder, start)
	until := func(r authenticator.Record, skew time.Duration) authenticator.Record {
		r.Until = r.Time.Add(skew)
		return r
	}
	expect(t, c, until(use(start, 0), 10*time.Minute), status.ReasonNone)
	for i := range 30000 { // five minutes of clients of the other acceptor
		now := start.Add(time.Duration(i) * 10 * time.Millisecond)
		expect(t, c, until(use(now, 0), time.Minute), status.ReasonNone)
	}
	for range 200 {
		expect(t, c, until(use(start.Add(5*time.Minute), -3*time.Minute), 10*time.Minute), status.ReasonNone)
	}
}

// TestSkewsMayDiffer checks that acceptors with different skews can share the cache without
// accepting an authenticator twice.
func TestSkewsMayDiffer(t *testing.T) {
	c := authenticator.NewMemoryCacheAt(0, authenticator.RefuseOlder, start)
	short := use(start, time.Second)
	short.Until = short.Time.Add(time.Minute)
	expect(t, c, short, status.ReasonNone)
	now := start.Add(2 * time.Minute)
	for range 5000 {
		r := use(now, 0)
		r.Until = r.Time.Add(time.Minute)
		expect(t, c, r, status.ReasonNone)
	}
	again := later(short, now)
	again.Until = again.Time.Add(skew)
	if got := present(t, c, again); got != status.ReasonReplay && got != status.ReasonBeforeReplayCache {
		t.Errorf("at the acceptor with the greater skew: %v", got)
	}

	// After the first record with the longer lifetime, the cache keeps all records that
	// long. Records of the acceptor with the smaller skew then make it drop none of the
	// other's records.
	c = authenticator.NewMemoryCacheAt(2000, authenticator.RefuseOlder, start)
	long := use(start, time.Second)
	expect(t, c, long, status.ReasonNone)
	for range 1000 {
		r := use(now, 0)
		r.Until = r.Time.Add(time.Minute)
		expect(t, c, r, status.ReasonNone)
	}
	expect(t, c, later(long, now), status.ReasonReplay)
	expect(t, c, use(now, 0), status.ReasonNone)
	slow := use(now, -now.Sub(start)+time.Second)
	expect(t, c, slow, status.ReasonNone)
}

func TestStoreRefusesMisuse(t *testing.T) {
	c := authenticator.NewMemoryCacheAt(0, authenticator.RefuseOlder, start)
	r := use(start, time.Second)
	expect(t, c, later(r, r.Until), status.ReasonArgument)
	expect(t, c, authenticator.Record{}, status.ReasonArgument)
	expect(t, &authenticator.MemoryCache{}, r, status.ReasonReplayCacheFailed)
	expect(t, nil, r, status.ReasonReplayCacheFailed)
}

func TestRecordTTL(t *testing.T) {
	for name, row := range map[string]struct {
		stamp, until time.Duration
		want         time.Duration
	}{
		"as a rule":          {-20 * time.Second, 40 * time.Second, 100 * time.Second},
		"ahead of time":      {30 * time.Second, 90 * time.Second, 150 * time.Second},
		"stamped at its end": {90 * time.Second, 90 * time.Second, 90 * time.Second},
		"stamped behind it":  {91 * time.Second, 90 * time.Second, 90 * time.Second},
		"ends now":           {-60 * time.Second, 0, 0},
		"has ended":          {-60 * time.Second, -1, -1},
	} {
		r := authenticator.Record{Time: start.Add(row.stamp), Now: start, Until: start.Add(row.until)}
		if got := r.TTL(); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
	if got := (authenticator.Record{Now: start, Until: start.Add(1)}).TTL(); got != math.MaxInt64 {
		t.Errorf("no stamp: %v", got)
	}
}

// TestStoreDoesNotAllocate checks that Store does not allocate while the cache drops as
// many records as it stores, or for a replay.
func TestStoreDoesNotAllocate(t *testing.T) {
	c := authenticator.NewMemoryCacheAt(0, authenticator.AcceptOlder, start)
	var cache authenticator.ReplayCache = c
	now, ctx := start, t.Context()
	store := func() {
		now = now.Add(skew / 10000)
		r := authenticator.Record{Time: now, Now: now, Until: now.Add(skew)}
		binary.LittleEndian.PutUint64(r.Tag[:], uint64(now.UnixMicro()))
		for _, want := range []bool{true, false} {
			if fresh, err := cache.Store(ctx, r); fresh != want || err != nil {
				t.Fatal(fresh, err)
			}
		}
	}
	for range 50000 {
		store()
	}
	if n := testing.AllocsPerRun(50000, store); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMemoryCache(b *testing.B) {
	for name, perSecond := range map[string]int{"100 a second": 100, "3000 a second": 3000} {
		b.Run(name, func(b *testing.B) {
			c := authenticator.NewMemoryCacheAt(0, authenticator.AcceptOlder, start)
			ctx, now, tag := context.Background(), start, [24]byte{}
			store := func() {
				for i := range tag { // a fast generator that never repeats
					if tag[i]++; tag[i] != 0 {
						break
					}
				}
				now = now.Add(time.Second / time.Duration(perSecond))
				r := authenticator.Record{Tag: tag, Time: now, Now: now, Until: now.Add(skew), Client: authenticator.ClientDigest{tag[0], tag[1]}}
				if fresh, err := c.Store(ctx, r); !fresh {
					b.Fatal(err)
				}
			}
			for range 2 * perSecond * int(skew/time.Second) {
				store()
			}
			b.ReportAllocs()
			for b.Loop() {
				store()
			}
		})
	}
}
