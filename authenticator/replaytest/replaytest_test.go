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
)

// cache is a plain, honest cache that forgets nothing, and, by its switches, a
// bad one in every way that the suite is there to find.
type cache struct {
	mu   sync.Mutex
	seen map[[24]byte]time.Time // until
	come [][24]byte             // the keys of seen, as they came

	key       func(r authenticator.Record) [24]byte
	until     func(r authenticator.Record) time.Time
	now       func(r authenticator.Record) time.Time // nil: never forget
	racy      bool
	overwrite bool
	max       int // evict the oldest above it
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

// recorder is a testing.TB that notes failure.
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

// TestBadCachesFail: each way to be wrong is found, by the part that is for it.
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
