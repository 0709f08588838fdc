package authenticator

import (
	"math"
	"sync"
	"sync/atomic"
)

// clockStep is the difference, in microseconds, from which the wall clock counts as set
// rather than as slow in being read.
const clockStep = 1_000_000

// beginning decides which stamps are from before a MemoryCache was made. Stamps are in
// the time of the clock as it reads now. So if the clock is set, the beginning moves with
// it: a clock that was ahead when the service started, and is then corrected, must not
// refuse every client until it reads that time again.
//
// The beginning moves back no further than safety allows. When the clock is set back, it
// moves to the time of the last call before that, as the corrected clock would have read
// it, and not to the making of the cache. RefuseWithinSkew never moves back. Records and
// the horizon of dropped records (shard.horizon) are never moved, so this cache accepts
// nothing twice whatever the clock does. A StartRule is about earlier processes only.
type beginning struct {
	rule StartRule

	// read returns the system's clock in Unix microseconds, and the microseconds of
	// monotonic time since the cache was made. Nil for an injected clock, which has no
	// monotonic time: the only sign of a step is then a time before the earliest stamp.
	read func() (wall, elapsed int64)

	clock atomic.Pointer[clock] // replaced under mu when a step of the clock is noted
	mu    sync.Mutex
	asked atomic.Int64 // elapsed at the last call, less a second at most
}

// clock has the two values of a beginning that a step of the clock changes. They change
// together: a call that reads an origin also reads the stamp that belongs to it.
type clock struct {
	stamp  int64 // Unix microseconds: earlier stamps are refused
	origin int64 // wall less elapsed: the time that the clock would have shown when the cache was made
}

// begin sets the beginning to start, before the first call.
func (b *beginning) begin(rule StartRule, start int64, read func() (wall, elapsed int64)) {
	b.rule, b.read = rule, read
	b.clock.Store(&clock{start, start})
}

// at returns the earliest stamp that is not from before the cache, where the acceptor's
// clock reads now.
func (b *beginning) at(now int64) int64 {
	known := b.clock.Load()
	switch {
	case b.rule == AcceptOlder:
		return math.MinInt64
	case b.read == nil && now < known.stamp && b.rule != RefuseWithinSkew:
		return b.lower(now)
	case b.read == nil:
		return known.stamp
	}
	wall, elapsed := b.read()
	if step := wall - elapsed - known.origin; step < -clockStep || step > clockStep {
		return b.follow()
	}
	if elapsed-b.asked.Load() > clockStep { // not at each call: it is shared memory
		b.asked.Store(elapsed)
	}
	return known.stamp
}

// lower moves the beginning of an injected clock back to a stamp, if it is later.
func (b *beginning) lower(to int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := *b.clock.Load()
	known.stamp = min(known.stamp, to)
	b.clock.Store(&known)
	return known.stamp
}

// follow notes that the system's clock was set. The beginning moves only if the rule
// allows it.
func (b *beginning) follow() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	wall, elapsed := b.read() // anew: another call may have noted the step meanwhile
	origin := wall - elapsed
	stamp := b.clock.Load().stamp
	switch step := origin - b.clock.Load().origin; {
	case step > clockStep:
		stamp = max(stamp, origin)
	case step < -clockStep && b.rule != RefuseWithinSkew:
		stamp = min(stamp, origin+b.asked.Load())
	}
	b.clock.Store(&clock{stamp, origin})
	b.asked.Store(elapsed)
	return stamp
}
