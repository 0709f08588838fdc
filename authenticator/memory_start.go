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
	rule  StartRule
	stamp atomic.Int64 // Unix microseconds: earlier stamps are refused

	// read returns the system's clock in Unix microseconds, and the microseconds of
	// monotonic time since the cache was made. Nil for an injected clock, which has no
	// monotonic time: the only sign of a step is then a time before stamp.
	read func() (wall, elapsed int64)

	mu     sync.Mutex   // held while a step of the clock is noted
	origin atomic.Int64 // wall less elapsed: the time that the clock, as it is set now, would have shown when the cache was made
	asked  atomic.Int64 // elapsed at the last call, less a second at most
}

// begin sets the beginning to start, before the first call.
func (b *beginning) begin(rule StartRule, start int64, read func() (wall, elapsed int64)) {
	b.rule, b.read = rule, read
	b.stamp.Store(start)
	b.origin.Store(start)
}

// at returns the earliest stamp that is not from before the cache, where the acceptor's
// clock reads now.
func (b *beginning) at(now int64) int64 {
	switch {
	case b.rule == AcceptOlder:
		return math.MinInt64
	case b.read == nil:
		return b.lower(now)
	}
	wall, elapsed := b.read()
	if step := wall - elapsed - b.origin.Load(); step < -clockStep || step > clockStep {
		return b.follow()
	}
	if elapsed-b.asked.Load() > clockStep { // not at each call: it is shared memory
		b.asked.Store(elapsed)
	}
	return b.stamp.Load()
}

// follow notes that the system's clock was set.
func (b *beginning) follow() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	wall, elapsed := b.read() // anew: another call may have noted the step meanwhile
	origin := wall - elapsed
	switch step := origin - b.origin.Load(); {
	case step > clockStep:
		b.stamp.Store(max(b.stamp.Load(), origin))
	case step < -clockStep:
		b.lower(origin + b.asked.Load())
	}
	b.origin.Store(origin)
	b.asked.Store(elapsed)
	return b.stamp.Load()
}

// lower moves the beginning back to a stamp, if it is later and the rule allows it.
func (b *beginning) lower(to int64) int64 {
	for {
		stamp := b.stamp.Load()
		if stamp <= to || b.rule == RefuseWithinSkew {
			return stamp
		}
		if b.stamp.CompareAndSwap(stamp, to) {
			return to
		}
	}
}
