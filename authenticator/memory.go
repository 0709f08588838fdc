package authenticator

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
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

	// sweepFew is the number of records that each call examines to drop those that have
	// expired. It must be greater than 1, because each call adds one record. With 8,
	// expired records are at most one eighth of the live ones.
	sweepFew = 8

	// If a shard is full, a call examines sweepMany records up to sweepTries times, each
	// time from another random start, because a part that was examined a moment ago has no
	// expired records left. A shard of sweepMany records is examined completely.
	sweepMany  = minShardRecords
	sweepTries = 4
)

// MemoryCache is a [ReplayCache] in the memory of the process. It is bounded: when it
// is full of records that still count, it refuses with ReasonReplayCacheFull. It never
// accepts the same authenticator twice, even if the clock is set. An authenticator whose
// time stamp is not later than that of a record already dropped could be a replay of
// it, and is refused with ReasonBeforeReplayCache. It starts no goroutine.
//
// One client may hold at most a quarter as many records as there is free room. A client
// over that share is refused with ReasonReplayCacheShare, and no other client is. So one
// client alone can take a fifth of the room, and n clients that each send as much as
// they can leave 4/(4+n) of it to the others: with the default size a flood by 100
// principals leaves room for 160,000 records. Clients are told apart by [Record].Client.
// All anonymous clients count as one client, and so do all records without a digest. The
// share does not bound the principals of a realm: the operator of a trusted KDC can name
// any number of clients.
//
// All records are kept for the longest lifetime requested so far, so acceptors with
// different skews can share a cache. Until the acceptor with the larger skew has stored
// its first record, authenticators that are valid only under the larger skew may be
// refused.
type MemoryCache struct {
	seed   maphash.Seed
	begin  beginning
	life   atomic.Int64 // lifetime of a record after its time stamp, in microseconds
	shards []*shard     // a power of two; pointers, which package fmt does not follow here
}

// tagLen is how much of a Record's Tag is compared. No MAC is shorter than 12 bytes, and
// no encryption type's MAC is weaker for being cut to 16.
const tagLen = 16

// shareOfFree bounds the records of a client to 1/shareOfFree of the free room.
const shareOfFree = 4

// entry is one record. The maps of a shard hold no pointers, so the garbage collector
// need not look into them.
type entry struct {
	stamp  int64 // Unix microseconds
	client uint32
}

// shard is a part of the cache. A tag belongs to one shard, for good. The records of a
// client are spread evenly over the shards, so each shard bounds the clients by itself.
type shard struct {
	mu   sync.Mutex
	seen map[[tagLen]byte]entry
	held map[uint32]uint32 // number of records in seen by client
	max  int
	peak int // the longest that seen has been since it was last made

	// horizon is the latest time stamp of a dropped record. No authenticator with an equal
	// or earlier time stamp is accepted as new, so steps of the clock are harmless.
	horizon int64

	_ [16]byte // a cache line for each shard
}

// NewMemoryCache makes a cache for max records; 0 means 4 Mi. A record takes 110 bytes at
// most, and about 85 where clients have many records: up to 460 MB for 4 Mi. The cache
// takes the memory as it grows, and gives it back when it empties.
//
// rule decides whether to refuse authenticators whose time stamp is earlier than the
// creation of the cache. Create the cache when the service starts, not when the first
// token arrives. The cache then reads the system's clock: if that clock is set, the
// creation counts as the time that the corrected clock would have shown (see
// [RefuseOlder]).
func NewMemoryCache(max int, rule StartRule) *MemoryCache {
	now := time.Now()
	return newMemoryCache(max, rule, now, systemClock(now))
}

// systemClock returns beginning.read for the clock of the process.
func systemClock(made time.Time) func() (wall, elapsed int64) {
	return func() (wall, elapsed int64) {
		now := time.Now()
		return now.UnixMicro(), now.Sub(made).Microseconds()
	}
}

// NewMemoryCacheAt is NewMemoryCache for an acceptor with a clock of its own, which
// reads start now. Such clocks are for tests. Of such a clock the cache knows only
// [Record].Now: under RefuseOlder a Now before start is taken for a clock that was set
// back, and becomes the new start.
func NewMemoryCacheAt(max int, rule StartRule, start time.Time) *MemoryCache {
	return newMemoryCache(max, rule, start, nil)
}

func newMemoryCache(max int, rule StartRule, start time.Time, read func() (wall, elapsed int64)) *MemoryCache {
	if max <= 0 {
		max = defaultRecords
	}
	n := 1
	for n < maxShards && max/(2*n) >= minShardRecords {
		n *= 2
	}
	c := &MemoryCache{seed: maphash.MakeSeed(), shards: make([]*shard, n)}
	c.begin.begin(rule, start.UnixMicro(), read)
	for i := range c.shards {
		s := &shard{max: max / n, horizon: math.MinInt64}
		s.seen = make(map[[tagLen]byte]entry)
		s.held = make(map[uint32]uint32, 16) // over 8, so that it is allocated here and not by the first client
		c.shards[i] = s
	}
	return c
}

var shared = sync.OnceValue(func() *MemoryCache { return NewMemoryCache(0, RefuseOlder) })

// SharedCache returns the cache of the process: 4 Mi records, RefuseOlder. All acceptors
// without a cache of their own use it, since several acceptors may have the same key. The
// first call creates it, so the first acceptor should be made when the service starts.
//
// It is the only process-wide state of this library.
func SharedCache() *MemoryCache { return shared() }

// Store implements [ReplayCache]. It waits only for other calls, each of which is short,
// so it checks ctx once, at the beginning.
func (c *MemoryCache) Store(ctx context.Context, r Record) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, &status.Error{Reason: status.ReasonCanceled, Detail: "before the replay cache was asked", Err: err}
	}
	if c == nil || len(c.shards) == 0 {
		return false, &status.Error{Reason: status.ReasonReplayCacheFailed, Detail: "the MemoryCache was not made by NewMemoryCache"}
	}
	if !r.Until.After(r.Now) {
		return false, &status.Error{Reason: status.ReasonArgument, Detail: "a replay record must outlive the moment it is stored"}
	}
	stamp, now, until := r.Time.UnixMicro(), r.Now.UnixMicro(), r.Until.Add(time.Microsecond-1).UnixMicro()
	begin := c.begin.at(now)
	if c.begin.rule == RefuseWithinSkew && stamp-begin <= until-stamp {
		return false, beforeCache(r, "earlier than a skew after the replay cache began at "+moment(begin)+", which RefuseWithinSkew refuses; a client that sends a new request later is accepted")
	}
	tag, e := [tagLen]byte(r.Tag[:]), entry{stamp, c.client(&r.Client)}
	fresh, err := c.shard(&tag).store(tag, e, now, c.lives(until-stamp), begin)
	switch err {
	case errBeforeHorizon:
		return false, beforeCache(r, "not later than a record that the replay cache has dropped; was a clock set back, or does the client take very long to send its request?")
	case errBeforeStart:
		return false, beforeCache(r, "before the replay cache began at "+moment(begin)+"; a client that sends a new request is accepted. A service that the request itself starts (socket activation), and that accepted no client before, can make its cache with authenticator.AcceptOlder")
	}
	return fresh, err
}

// lives raises the lifetime of records to n if n is greater, and returns the lifetime.
// All shards share the lifetime, because the next record of the same acceptor may go to
// any shard.
func (c *MemoryCache) lives(n int64) int64 {
	life := c.life.Load()
	for n > life && !c.life.CompareAndSwap(life, n) {
		life = c.life.Load()
	}
	return max(life, n)
}

// Format writes no record for any verb: records are MACs, there may be millions, and a
// map must not be read during a write.
func (c *MemoryCache) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "authenticator.MemoryCache{...}")
}

// shard chooses by a seeded hash, so that a client, who can make authenticators
// by the thousand, cannot choose tags that all fill one shard.
func (c *MemoryCache) shard(tag *[tagLen]byte) *shard {
	return c.shards[maphash.Bytes(c.seed, tag[:])&uint64(len(c.shards)-1)]
}

// client returns the number by which a shard counts the records of a client. It is a
// seeded hash: no client can look for a principal that shares its number with another
// client's.
func (c *MemoryCache) client(digest *ClientDigest) uint32 {
	return uint32(maphash.Bytes(c.seed, digest[:]) >> 32)
}

func (s *shard) store(tag [tagLen]byte, e entry, now, life, begin int64) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if _, known := s.seen[tag]; known {
		return false, nil
	}
	s.sweep(now, life, sweepFew)
	for try := 0; try < sweepTries && len(s.seen) >= s.max; try++ {
		s.sweep(now, life, sweepMany)
	}
	if s.overShare(e.client) { // once: a client that floods the cache makes each refusal cost this
		s.sweep(now, life, sweepMany)
	}
	// After the sweep, which may have moved the horizon.
	switch {
	case e.stamp < begin:
		return false, errBeforeStart
	case e.stamp <= s.horizon:
		return false, errBeforeHorizon
	case len(s.seen) >= s.max:
		return false, &status.Error{Reason: status.ReasonReplayCacheFull, Detail: "the cache's part for this authenticator holds its " + strconv.Itoa(s.max) + " records, and all of them still count; give NewMemoryCache a greater number"}
	case s.overShare(e.client):
		return false, &status.Error{Reason: status.ReasonReplayCacheShare, Detail: "the client has " +
			strconv.Itoa(int(s.held[e.client])) + " records in a part of the cache that has room for " +
			strconv.Itoa(s.max-len(s.seen)) + " more"}
	}
	s.seen[tag] = e
	s.held[e.client]++
	s.peak = max(s.peak, len(s.seen))
	return true, nil
}

// overShare reports whether a client has reached its share. The share is rounded up, so a
// client without a record can use the last free room.
func (s *shard) overShare(client uint32) bool {
	share := (s.max - len(s.seen) + shareOfFree - 1) / shareOfFree
	return int(s.held[client]) >= share
}

// sweep examines up to n records and drops those that have expired. An iteration over a
// map begins at a random position, so every record is examined in time.
func (s *shard) sweep(now, life int64, n int) {
	for tag, e := range s.seen {
		if e.stamp+life <= now {
			s.drop(tag, e)
		}
		if n--; n == 0 {
			break
		}
	}
	if s.peak > minShardRecords && len(s.seen) < s.peak/8 {
		s.shrink()
	}
}

func (s *shard) drop(tag [tagLen]byte, e entry) {
	delete(s.seen, tag)
	s.horizon = max(s.horizon, e.stamp)
	if n := s.held[e.client]; n > 1 {
		s.held[e.client] = n - 1
	} else {
		delete(s.held, e.client)
	}
}

// shrink moves the records into new, small maps after a burst: a map never returns
// memory, and iterating over a mostly empty map is slow. It runs after seven eighths of
// the records were dropped one by one, so many calls share its cost.
func (s *shard) shrink() {
	seen, held := make(map[[tagLen]byte]entry, len(s.seen)), make(map[uint32]uint32, len(s.held))
	maps.Copy(seen, s.seen)
	maps.Copy(held, s.held)
	s.seen, s.held, s.peak = seen, held, len(seen)
}

// errBeforeHorizon is the shard's answer to a stamp at or before its horizon, and
// errBeforeStart that to a stamp from before the cache.
var (
	errBeforeHorizon = errors.New("authenticator: the stamp is before the horizon")
	errBeforeStart   = errors.New("authenticator: the stamp is before the start")
)

func beforeCache(r Record, why string) error {
	return &status.Error{Reason: status.ReasonBeforeReplayCache, Detail: "the client's time stamp " + moment(r.Time.UnixMicro()) + " is " + why}
}

// moment writes a time in Unix microseconds to the microsecond: a refusal may turn on
// less than a second.
func moment(micro int64) string {
	return time.UnixMicro(micro).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
}
