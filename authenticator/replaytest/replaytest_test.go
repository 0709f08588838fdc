package replaytest

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// cache is a correct cache that never drops a record. Its switches add each fault that the
// test suite must find.
type cache struct {
	mu   sync.Mutex
	seen map[[24]byte]time.Time // the end of each record
	come [][24]byte             // the keys of seen, in the order of arrival

	key       func(r authenticator.Record) [24]byte
	until     func(r authenticator.Record) time.Time
	now       func(r authenticator.Record) time.Time // if nil, the cache never drops a record
	racy      bool
	overwrite bool
	max       int // the cache evicts the oldest record above this number
	noContext bool
	noTTL     bool
	always    *bool
}

func (c *cache) Store(ctx context.Context, r authenticator.Record) (bool, error) {
	if c.always != nil {
		return *c.always, nil
	}
	if !c.noContext && ctx.Err() != nil {
		return false, ctx.Err()
	}
	if !c.noTTL && r.TTL() <= 0 {
		return false, errors.New("no time to live")
	}
	key, until := r.Tag, r.Until
	if c.key != nil {
		key = c.key(r)
	}
	if c.until != nil {
		until = c.until(r)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != nil {
		for k, u := range c.seen {
			if !u.After(c.now(r)) {
				delete(c.seen, k)
			}
		}
	}
	_, known := c.seen[key]
	if c.racy {
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
	if known && !c.overwrite {
		return false, nil
	}
	if c.max != 0 && len(c.seen) >= c.max {
		delete(c.seen, c.come[0])
		c.come = c.come[1:]
	}
	c.seen[key] = until
	c.come = append(c.come, key)
	return !known, nil
}

// recorder is a testing.TB that records a failure.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	failed bool
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(string, ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func TestHonestCachePasses(t *testing.T) {
	Run(t, func(*testing.T) authenticator.ReplayCache { return &cache{seen: map[[24]byte]time.Time{}} })
}

// TestBadCachesFail checks that the part of the suite that is made for a fault finds it.
func TestBadCachesFail(t *testing.T) {
	yes, no := true, false
	fromNow := func(r authenticator.Record) time.Time { return r.Now }
	for _, c := range []struct {
		name  string
		by    []string
		cache *cache
	}{
		{"accepts everything", []string{"once", "atomic", "contexts"}, &cache{always: &yes}},
		{"refuses everything", []string{"once", "parallel"}, &cache{always: &no}},
		{"two steps", []string{"atomic"}, &cache{racy: true}},
		{"keyed by time", []string{"tags", "parallel"}, &cache{key: func(r authenticator.Record) (k [24]byte) {
			copy(k[:], r.Time.String())
			return k
		}}},
		{"keyed by 8 bytes", []string{"tags"}, &cache{key: func(r authenticator.Record) (k [24]byte) {
			copy(k[:8], r.Tag[:])
			return k
		}}},
		{"kept from presentation", []string{"until"}, &cache{now: fromNow, until: func(r authenticator.Record) time.Time {
			return r.Now.Add(skew + time.Second)
		}}},
		{"own clock, seconds cut", []string{"subsecond"}, &cache{
			now: func(authenticator.Record) time.Time { return time.Now() },
			until: func(r authenticator.Record) time.Time {
				return time.Now().Add(r.Until.Sub(r.Now).Truncate(time.Second))
			},
		}},
		{"shortened by a replay", []string{"longer"}, &cache{now: fromNow, overwrite: true}},
		{"believes the clock", []string{"clock"}, &cache{now: fromNow}},
		{"evicts", []string{"parallel", "until"}, &cache{max: 40}},
		{"context ignored", []string{"contexts"}, &cache{noContext: true}},
		{"stores what has ended", []string{"expired"}, &cache{noTTL: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, check := range checks {
				if !slices.Contains(c.by, check.name) || check.slow && testing.Short() {
					continue
				}
				c.cache.seen, c.cache.come = map[[24]byte]time.Time{}, nil
				r := &recorder{TB: t}
				var group sync.WaitGroup
				group.Go(func() { check.run(r, c.cache) })
				group.Wait()
				if !r.failed {
					t.Errorf("%s found nothing wrong", check.name)
				}
			}
		})
	}
}

// sharing is a correct cache with a share for each client. Its switches add faults.
type sharing struct {
	cache
	held   map[authenticator.ClientDigest]int
	share  int
	global bool // the cache refuses every client when one is over its share
	evicts bool // the cache drops records to make room for a client
	quiet  bool // the cache refuses without the Reason
	over   bool
}

func (c *sharing) Store(ctx context.Context, r authenticator.Record) (bool, error) {
	if fresh, err := c.cache.Store(ctx, r); !fresh || err != nil {
		return fresh, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[r.Client]++
	if c.held[r.Client] <= c.share && !(c.global && c.over) {
		return true, nil
	}
	c.over = true
	if c.evicts {
		clear(c.seen)
	}
	delete(c.seen, r.Tag)
	if c.quiet {
		return false, errors.New("over its share")
	}
	return false, &status.Error{Reason: status.ReasonReplayCacheShare}
}

// TestSharesFindsBadCaches checks that Shares accepts a correct cache, and finds a cache
// without a share, with a share that is too large, that refuses all clients, or that drops
// records.
func TestSharesFindsBadCaches(t *testing.T) {
	const room = 1000
	for name, row := range map[string]struct {
		cache func() *sharing
		bad   bool
	}{
		"honest":       {func() *sharing { return &sharing{share: 150} }, false},
		"no share":     {func() *sharing { return &sharing{share: 2 * room} }, true},
		"too large":    {func() *sharing { return &sharing{share: 600} }, true},
		"for everyone": {func() *sharing { return &sharing{share: 150, global: true} }, true},
		"evicts":       {func() *sharing { return &sharing{share: 150, evicts: true} }, true},
		"no Reason":    {func() *sharing { return &sharing{share: 150, quiet: true} }, true},
	} {
		failed := false
		for _, check := range shareChecks {
			c := row.cache()
			c.seen, c.held = map[[24]byte]time.Time{}, map[authenticator.ClientDigest]int{}
			r := &recorder{TB: t}
			var group sync.WaitGroup
			group.Go(func() { shares(r, c, room, check.floods, check.most) })
			group.Wait()
			failed = failed || r.failed
		}
		if failed != row.bad {
			t.Errorf("%s: found wrong: %v, want %v", name, failed, row.bad)
		}
	}
}
