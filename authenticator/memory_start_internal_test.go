package authenticator

import (
	"encoding/binary"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosspi/kerberos/status"
)

// steered is a clock that a test sets. Its wall clock is ahead of the true time by a
// variable difference; its monotonic clock is not.
type steered struct {
	mu      sync.Mutex
	elapsed time.Duration
	ahead   time.Duration
}

// trueStart is the true time at which these tests create their caches.
var trueStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func (s *steered) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return trueStart.Add(s.elapsed + s.ahead)
}

func (s *steered) read() (wall, elapsed int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return trueStart.Add(s.elapsed + s.ahead).UnixMicro(), s.elapsed.Microseconds()
}

func (s *steered) wait(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.elapsed += d
}

func (s *steered) set(ahead time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead = ahead
}

// stamped presents a new authenticator of a client whose clock differs from the acceptor's
// by off.
func (s *steered) stamped(t *testing.T, c *MemoryCache, off time.Duration) (Record, status.Reason) {
	t.Helper()
	now := s.now()
	stamp := now.Add(off)
	r := Record{Time: stamp, Now: now, Until: stamp.Add(5*time.Minute + time.Second)}
	binary.LittleEndian.PutUint64(r.Tag[:], uint64(len(c.shards[0].seen))+1000*uint64(stamp.UnixMicro()))
	binary.LittleEndian.PutUint64(r.Client[:], uint64(stamp.UnixMicro()))
	fresh, err := c.Store(t.Context(), r)
	if fresh != (err == nil) {
		t.Fatalf("Store = %v, %v", fresh, err)
	}
	return r, status.ReasonOf(err)
}

func (s *steered) wants(t *testing.T, c *MemoryCache, what string, off time.Duration, want status.Reason) {
	t.Helper()
	if _, got := s.stamped(t, c, off); got != want {
		t.Errorf("%s: a client %v off: %v, want %v", what, off, got, want)
	}
}

// cacheOf returns a cache that uses s in place of the system's clock.
func (s *steered) cacheOf(rule StartRule) *MemoryCache {
	return newMemoryCache(1000, rule, s.now(), s.read)
}

const before, accepted = status.ReasonBeforeReplayCache, status.ReasonNone

// TestREPLAY_14_ClockCorrected checks that a cache whose clock was an hour ahead at its
// creation refuses no client after the clock is corrected, soon or late.
func TestREPLAY_14_ClockCorrected(t *testing.T) {
	for _, later := range []time.Duration{0, time.Second, 10 * time.Minute, 59 * time.Minute, 3 * time.Hour} {
		s := &steered{ahead: time.Hour}
		c := s.cacheOf(RefuseOlder)
		s.wait(later)
		s.set(0)
		s.wants(t, c, later.String(), 0, accepted)
		// The cache accepts clients whose clocks are behind if their authenticators are
		// from after the true start, and refuses them otherwise.
		behind := min(later, 4*time.Minute)
		s.wants(t, c, later.String(), -behind, accepted)
		if later < 4*time.Minute {
			s.wants(t, c, later.String(), -behind-time.Millisecond, before)
		}
	}
}

// TestREPLAY_14_StepBack checks that a cache that was used before its clock was set back
// refuses time stamps from before its last call, because an earlier process may have
// accepted them.
func TestREPLAY_14_StepBack(t *testing.T) {
	s := &steered{}
	c := s.cacheOf(RefuseOlder)
	s.wait(10 * time.Minute)
	s.wants(t, c, "in use", 0, accepted)
	s.wait(time.Minute)
	s.set(-30 * time.Minute) // now 19 minutes before the start
	s.wants(t, c, "set back", 0, accepted)
	s.wants(t, c, "set back", -50*time.Second, accepted)            // stamped after the last call
	s.wants(t, c, "set back", -62*time.Second, before)              // stamped before the last call
	s.wants(t, c, "set back", -4*time.Minute, before)               // stamped between the creation of the cache and the last call
	s.set(-60 * time.Minute)                                        // set back a second time
	s.wants(t, c, "set back again", 0, accepted)                    //
	s.wants(t, c, "set back again", -2*time.Second, before)         //
	s.set(0)                                                        // corrected
	s.wants(t, c, "corrected", 0, accepted)                         //
	s.wants(t, c, "corrected", -5*time.Minute, accepted)            // 6 minutes after the start
	s.wait(time.Minute)                                             //
	s.wants(t, c, "later", -4*time.Minute-30*time.Second, accepted) //
}

// TestREPLAY_14_SmallStepBack checks that a small correction of the clock has no effect on
// a cache that has run for a long time.
func TestREPLAY_14_SmallStepBack(t *testing.T) {
	s := &steered{}
	c := s.cacheOf(RefuseOlder)
	s.wait(24 * time.Hour)
	s.wants(t, c, "before", 0, accepted)
	s.set(-2 * time.Second)
	s.wants(t, c, "after", -4*time.Minute, accepted)
}

// TestREPLAY_14_StepForward checks a clock that is behind at the start, as on a machine
// without a battery, and is corrected later: the cache refuses time stamps from before the
// true start.
func TestREPLAY_14_StepForward(t *testing.T) {
	for _, rule := range []StartRule{RefuseOlder, RefuseWithinSkew} {
		s := &steered{ahead: -50 * 365 * 24 * time.Hour}
		c := s.cacheOf(rule)
		s.wait(10 * time.Second)
		s.set(0)
		s.wants(t, c, "corrected", -11*time.Second, before)
		s.wants(t, c, "corrected", -4*time.Minute, before)
		s.wait(6 * time.Minute)
		s.wants(t, c, "later", 0, accepted)
	}
}

// TestREPLAY_14_RecordsStay checks that the cache keeps its records when the clock is set,
// and refuses authenticators whose records it has dropped.
func TestREPLAY_14_RecordsStay(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, -6 * time.Minute, -time.Second, time.Hour} {
		s := &steered{ahead: time.Hour}
		c := s.cacheOf(RefuseOlder)
		var used []Record
		for range 20 {
			s.wait(time.Minute)
			r, got := s.stamped(t, c, 0)
			if got != accepted {
				t.Fatal(got)
			}
			used = append(used, r)
		}
		s.set(time.Hour + by)
		for range 70 { // for more than an hour, in which the old time stamps become recent
			for _, r := range used {
				r.Now = s.now()
				if fresh, _ := c.Store(t.Context(), r); fresh {
					t.Fatalf("%v: accepted the authenticator of %v a second time", by, r.Time)
				}
			}
			s.wait(time.Minute)
		}
	}
}

// TestREPLAY_14_StrictRule checks that RefuseWithinSkew never accepts earlier time stamps
// after the clock was set back, so that the cache accepts nothing that an earlier process
// accepted under the wrong clock.
func TestREPLAY_14_StrictRule(t *testing.T) {
	s := &steered{ahead: time.Hour}
	c := s.cacheOf(RefuseWithinSkew)
	s.set(0)
	for range 60 {
		s.wants(t, c, "corrected", 0, before)
		s.wait(time.Minute)
	}
	s.wait(6 * time.Minute)
	s.wants(t, c, "past the start", 0, accepted)
	// An injected clock is followed no more than the system's.
	s = &steered{ahead: time.Hour}
	c = NewMemoryCacheAt(1000, RefuseWithinSkew, s.now())
	for _, ahead := range []time.Duration{0, time.Hour} {
		s.set(ahead)
		s.wants(t, c, "injected, ahead "+ahead.String(), 0, before)
	}
	s.wait(6 * time.Minute)
	s.wants(t, c, "injected, past the start", 0, accepted)
}

// TestREPLAY_14_InjectedClock checks a cache with an injected clock, which knows only the
// time of each record. A record from before the start means that the clock was set back.
func TestREPLAY_14_InjectedClock(t *testing.T) {
	s := &steered{ahead: time.Hour}
	c := NewMemoryCacheAt(1000, RefuseOlder, s.now())
	s.wants(t, c, "at the start", -time.Millisecond, before)
	s.set(0)
	s.wants(t, c, "corrected", -time.Millisecond, before)
	s.wants(t, c, "corrected", 0, accepted)
	s.wait(time.Minute)
	s.wants(t, c, "a minute later", -time.Minute, accepted)
	s.wants(t, c, "a minute later", -time.Minute-time.Millisecond, before)
}

// TestREPLAY_14_OneStep checks that no call that runs while the clock is set sees a
// beginning that is later than the true start. A call that noted the step before it moved
// the beginning would show the old beginning to the other calls, but for some nanoseconds
// only. Therefore the test sets many clocks, each under two calls that begin together.
func TestREPLAY_14_OneStep(t *testing.T) {
	const rounds = 20_000
	corrected := func() (wall, elapsed int64) { return trueStart.UnixMicro(), 0 }
	caches := make([]beginning, rounds)
	for i := range caches {
		caches[i].begin(RefuseOlder, trueStart.Add(time.Hour).UnixMicro(), corrected)
	}
	var arrived [rounds]atomic.Int32
	var late atomic.Int32
	var group sync.WaitGroup
	for second := range 2 {
		group.Go(func() {
			for i := range caches {
				for arrived[i].Add(1); arrived[i].Load() < 2; {
					runtime.Gosched()
				}
				for range second * i % 128 { // the second call begins later, by up to some hundred nanoseconds
					arrived[i].Load()
				}
				if caches[i].at(0) != trueStart.UnixMicro() {
					late.Add(1)
				}
			}
		})
	}
	group.Wait()
	if n := late.Load(); n > 0 {
		t.Errorf("%d of %d calls saw the beginning of the clock that was an hour ahead", n, 2*rounds)
	}
}

// TestREPLAY_14_StaleReading checks a call that reads the clock and continues after the
// clock was set again and another call has noted this: the delayed call must not move the
// beginning.
func TestREPLAY_14_StaleReading(t *testing.T) {
	s := &steered{ahead: time.Hour}
	var c *MemoryCache
	delayed := true
	c = newMemoryCache(1000, RefuseOlder, s.now(), func() (wall, elapsed int64) {
		wall, elapsed = s.read()
		if delayed {
			delayed = false
			s.set(0)
			c.begin.at(0) // the other call notes the step
		}
		return wall, elapsed
	})
	s.set(2 * time.Hour)
	if got := c.begin.at(0); got != trueStart.UnixMicro() {
		t.Errorf("the beginning is %v, want %v", time.UnixMicro(got), trueStart)
	}
}

// TestREPLAY_8_SaysWhen checks that the error contains both times and the action to take.
func TestREPLAY_8_SaysWhen(t *testing.T) {
	s := &steered{}
	c := s.cacheOf(RefuseOlder)
	now := s.now()
	_, err := c.Store(t.Context(), Record{Time: now.Add(-300 * time.Millisecond), Now: now, Until: now.Add(time.Minute)})
	for _, want := range []string{"2026-03-01T11:59:59.700000Z", "2026-03-01T12:00:00.000000Z", "AcceptOlder"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %s in it", err, want)
		}
	}
}
