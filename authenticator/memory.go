package authenticator

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosspi/kerberos/status"
)

const (
	// defaultRecords is enough, with the usual skew, for 13,000 accepts a second
	// of clients whose clocks are right, and half of that if all are fast.
	defaultRecords = 4 << 20

	maxShards       = 64
	minShardRecords = 1024 // below this a second shard gains nothing

	// Each call looks at a few records and drops those that have expired. Few
	// must be over one, or the map would grow without end; at eight, an eighth
	// of the live records at most is waiting to be dropped.
	sweepFew = 8

	// If there is no room, a call looks at many, some times over: each time
	// begins at another place, and one that was swept just before has nothing
	// to give. A shard of this size it sees whole.
	sweepMany  = minShardRecords
	sweepTries = 4
)

// MemoryCache is a [ReplayCache] in the memory of the process. It is bounded:
// when it is full of records that still count it refuses with
// ReasonReplayCacheFull. It accepts no authenticator twice, whatever the clock
// does: what is stamped no later than a record that it has dropped, it might
// have known, and refuses with ReasonBeforeReplayCache. It starts no goroutine.
//
// It keeps every record for the longest time that any record wanted so far, so that
// acceptors with different skews can share it. Until the first record of the greater
// skew, those that it wants to accept later than the lesser are refused.
type MemoryCache struct {
	seed   maphash.Seed
	rule   StartRule
	start  int64        // Unix microseconds
	life   atomic.Int64 // how long after its stamp a record counts, in microseconds
	shards []*shard     // a power of two; pointers, which package fmt does not follow here
}

// shard is a part of the cache. A tag belongs to one shard, for good.
type shard struct {
	mu sync.Mutex

	// seen has the time stamp of each tag, in Unix microseconds. It holds no
	// pointers, so that the garbage collector need not look into it.
	seen map[[24]byte]int64
	max  int
	peak int // the longest that seen has been since it was last made

	// horizon is the latest stamp that was forgotten. At or before it nothing
	// can be called new: that is what makes steps of the clock harmless.
	horizon int64

	_ [24]byte // a cache line for each shard
}

// NewMemoryCache makes a cache for max records of about 50 bytes each; 0 means
// 4 Mi. It takes the memory as it grows, and gives it back when it empties. The
// cache starts now, by the system's clock: rule refuses what is stamped before.
// So it is made when the service starts, and not when the first token comes.
func NewMemoryCache(max int, rule StartRule) *MemoryCache {
	return NewMemoryCacheAt(max, rule, time.Now())
}

// NewMemoryCacheAt is NewMemoryCache for an acceptor with a clock of its own,
// which reads start now. Such clocks are for tests.
func NewMemoryCacheAt(max int, rule StartRule, start time.Time) *MemoryCache {
	if max <= 0 {
		max = defaultRecords
	}
	n := 1
	for n < maxShards && max/(2*n) >= minShardRecords {
		n *= 2
	}
	c := &MemoryCache{seed: maphash.MakeSeed(), rule: rule, start: start.UnixMicro(), shards: make([]*shard, n)}
	for i := range c.shards {
		s := new(shard)
		c.shards[i] = s
		s.seen = make(map[[24]byte]int64)
		s.max = max / n
		s.horizon = math.MinInt64
		if rule != AcceptOlder {
			s.horizon = c.start - 1
		}
	}
	return c
}

var shared = sync.OnceValue(func() *MemoryCache { return NewMemoryCache(0, RefuseOlder) })

// SharedCache returns the cache of the process: 4 Mi records, RefuseOlder. It is
// for all acceptors that are given no other, since several may have the same key.
// The first call makes it, so that is to be the making of the first acceptor.
//
// It is the only state of this library that belongs to the process.
func SharedCache() *MemoryCache { return shared() }

// Store implements [ReplayCache]. It waits for nothing but other calls, each of
// which is short, and so looks at ctx only once, before it begins.
func (c *MemoryCache) Store(ctx context.Context, r Record) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, &status.Error{Reason: status.ReasonCanceled, Detail: "before the replay cache was asked", Err: err}
	}
	if c == nil || len(c.shards) == 0 {
		return false, &status.Error{Reason: status.ReasonReplayCacheFailed, Detail: "a MemoryCache is made by NewMemoryCache"}
	}
	if !r.Until.After(r.Now) {
		return false, &status.Error{Reason: status.ReasonArgument, Detail: "a replay record must outlive the moment it is stored"}
	}
	stamp, now, until := r.Time.UnixMicro(), r.Now.UnixMicro(), r.Until.Add(time.Microsecond-1).UnixMicro()
	if c.rule == RefuseWithinSkew && stamp-c.start <= until-stamp {
		return false, beforeCache(r, "earlier than a skew after the replay cache began at "+moment(c.start)+", which RefuseWithinSkew refuses; a client that sends a new request later is accepted")
	}
	fresh, err := c.shard(&r.Tag).store(&r.Tag, stamp, now, c.lives(until-stamp))
	if err == errBeforeHorizon {
		return false, c.older(r, stamp)
	}
	return fresh, err
}

// older returns the refusal of a record that is too old for the cache to know.
func (c *MemoryCache) older(r Record, stamp int64) error {
	if stamp >= c.start || c.rule == AcceptOlder {
		return beforeCache(r, "not later than a record that the replay cache has dropped; was a clock set back, or does the client take very long to send its request?")
	}
	return beforeCache(r, "before the replay cache began at "+moment(c.start)+"; a client that sends a new request is accepted. A service that the request itself starts (socket activation), and that accepted no client before, can make its cache with authenticator.AcceptOlder")
}

// lives takes note of how long a record wants to count, and returns the longest that
// any did. It is one for all shards: each of them may get the next record of that kind.
func (c *MemoryCache) lives(n int64) int64 {
	for {
		life := c.life.Load()
		if n <= life {
			return life
		}
		if c.life.CompareAndSwap(life, n) {
			return n
		}
	}
}

// Format writes no record, whatever the verb: they are MACs, there may be millions,
// and a map must not be read while it is written to.
func (c *MemoryCache) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "authenticator.MemoryCache{...}")
}

// shard chooses by a seeded hash, so that a client, who can make authenticators
// by the thousand, cannot choose tags that all fill one shard.
func (c *MemoryCache) shard(tag *[24]byte) *shard {
	if len(c.shards) == 1 {
		return c.shards[0]
	}
	return c.shards[maphash.Bytes(c.seed, tag[:])&uint64(len(c.shards)-1)]
}

func (s *shard) store(tag *[24]byte, stamp, now, life int64) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if _, known := s.seen[*tag]; known {
		return false, nil
	}
	s.sweep(now, life, sweepFew)
	for try := 0; try < sweepTries && len(s.seen) >= s.max; try++ {
		s.sweep(now, life, sweepMany)
	}
	// After the sweep, which may have moved the horizon.
	if stamp <= s.horizon {
		return false, errBeforeHorizon
	}
	if len(s.seen) >= s.max {
		return false, &status.Error{Reason: status.ReasonReplayCacheFull, Detail: "the cache's part for this authenticator holds its " + strconv.Itoa(s.max) + " records, and all of them still count; give NewMemoryCache a greater number"}
	}
	s.seen[*tag] = stamp
	s.peak = max(s.peak, len(s.seen))
	return true, nil
}

// sweep looks at up to n records and drops those that no longer count. A range
// over a map begins at a random place, so that in time every record is looked at.
func (s *shard) sweep(now, life int64, n int) {
	for tag, stamp := range s.seen {
		if stamp+life <= now {
			delete(s.seen, tag)
			s.horizon = max(s.horizon, stamp)
		}
		if n--; n == 0 {
			break
		}
	}
	if s.peak > minShardRecords && len(s.seen) < s.peak/8 {
		s.shrink()
	}
}

// shrink moves what is left of a burst into a small map: a map gives no memory
// back, and sweeping one that is mostly empty takes long. It comes after seven
// eighths have been dropped, one by one, so many calls share its cost.
func (s *shard) shrink() {
	seen := make(map[[24]byte]int64, len(s.seen))
	for tag, stamp := range s.seen {
		seen[tag] = stamp
	}
	s.seen, s.peak = seen, len(seen)
}

// errBeforeHorizon is the shard's answer to a stamp at or before its horizon.
var errBeforeHorizon = errors.New("authenticator: the stamp is before the horizon")

func beforeCache(r Record, why string) error {
	return &status.Error{Reason: status.ReasonBeforeReplayCache, Detail: "the client's time stamp " + moment(r.Time.UnixMicro()) + " is " + why}
}

// moment writes a time in Unix microseconds to the microsecond: a refusal may turn on
// less than a second.
func moment(micro int64) string {
	return time.UnixMicro(micro).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
}
