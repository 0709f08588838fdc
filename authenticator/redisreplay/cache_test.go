package redisreplay_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/redisreplay"
	"github.com/gosspi/kerberos/authenticator/replaytest"
	"github.com/gosspi/kerberos/status"
)

func TestConformance(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		cfg := startServer(t, product).config()
		cfg.AfterLoss = authenticator.AcceptOlder // replaytest stores records from before the cache
		t.Run("one process", func(t *testing.T) {
			replaytest.Run(t, func(t *testing.T) authenticator.ReplayCache { return open(t, cfg) })
		})
		t.Run("two processes", func(t *testing.T) {
			replaytest.Run(t, func(t *testing.T) authenticator.ReplayCache { return newPair(t, cfg) })
		})
		t.Run("hosts", func(t *testing.T) {
			replaytest.Hosts(t, func(t *testing.T) (first, second authenticator.ReplayCache) { return open(t, cfg), open(t, cfg) })
		})
		cfg.LocalRecords = 1000
		t.Run("shares", func(t *testing.T) {
			replaytest.Shares(t, cfg.LocalRecords, func(t *testing.T) authenticator.ReplayCache { return open(t, cfg) })
		})
	})
}

// TestProcesses tests two processes that share a server.
func TestProcesses(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		replaytest.Processes(t, func(t *testing.T) string { return startServer(t, product).addr() },
			func(t *testing.T, address string) authenticator.ReplayCache {
				return open(t, redisreplay.Config{Options: &redis.UniversalOptions{Addrs: []string{address}}, AfterLoss: authenticator.AcceptOlder})
			})
	})
}

// TestLate tests answers that arrive too late.
func TestLate(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		s := startServer(t, product)
		replaytest.Late(t, open(t, s.config()), func(t *testing.T) func() {
			s.signal(t, syscall.SIGSTOP)
			return func() { s.signal(t, syscall.SIGCONT) }
		})
	})
}

// TestMemoryOfTheServer checks that a record needs no more memory than the package
// documentation promises.
func TestMemoryOfTheServer(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		s := startServer(t, product)
		c := open(t, s.config())
		const records = 1<<15 + 1000 // just after the tables of the server have grown
		before := s.memory(t)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for range records / 8 {
					if got := ask(t, c, record(time.Now())); got != "fresh" {
						t.Error(got)
					}
				}
			})
		}
		group.Wait()
		each := (s.memory(t) - before) / records
		t.Logf("%d bytes a record", each)
		if each > 230 {
			t.Errorf("%d bytes a record, want 230 at most", each)
		}
	})
}

// TestLocalReplayStaysLocal checks that a replay to the same process is refused without
// the server, which is stopped.
func TestLocalReplayStaysLocal(t *testing.T) {
	s := startServer(t, "redis-server")
	var events []redisreplay.Event
	cfg := s.config()
	cfg.OnEvent = func(e redisreplay.Event) { events = append(events, e) }
	c := open(t, cfg)
	r := record(time.Now())
	want(t, c, r, "fresh", "a new authenticator")
	s.signal(t, syscall.SIGSTOP)
	want(t, c, r, "replay", "its replay while the server is stopped")
	if len(events) != 2 || !events[0].Fresh || events[0].Local || events[0].Took <= 0 || events[1].Fresh || !events[1].Local || events[1].Err != nil {
		t.Errorf("events: %+v", events)
	}
}

// TestLifetime checks that the server keeps a record until Until and, because clocks
// differ, by one skew or twice MaxClockDifference longer.
func TestLifetime(t *testing.T) {
	s := startServer(t, "redis-server")
	for _, row := range []struct {
		difference, ahead, skew, want time.Duration
	}{
		{0, 0, 5 * time.Minute, 10*time.Minute + 2*time.Second},
		{0, 5 * time.Minute, 5 * time.Minute, 15*time.Minute + 2*time.Second},
		{0, -4 * time.Minute, 5 * time.Minute, 6*time.Minute + 2*time.Second},
		{0, 0, time.Minute, 5*time.Minute + time.Second},
		{time.Hour, 0, 5 * time.Minute, 2*time.Hour + 5*time.Minute + time.Second},
	} {
		cfg := s.config()
		cfg.MaxClockDifference, cfg.AfterLoss = row.difference, authenticator.AcceptOlder
		c := open(t, cfg)
		s.do(t, "FLUSHALL")
		r := record(time.Now())
		r.Time = r.Time.Add(row.ahead)
		r.Until = r.Time.Add(row.skew + time.Second)
		began := time.Now()
		want(t, c, r, "fresh", "a new authenticator")
		keys, err := s.control.Keys(t.Context(), "krb5rc:*").Result()
		if err != nil || len(keys) != 1 {
			t.Fatalf("keys %q, %v", keys, err)
		}
		ttl := s.control.PTTL(t.Context(), keys[0]).Val()
		if took := time.Since(began); ttl > row.want || ttl < row.want-took-time.Millisecond {
			t.Errorf("%+v: the server keeps the record for %v", row, ttl)
		}
	}
}

// TestPrefixes checks that caches with different prefixes share nothing, and that Prefix
// begins every key.
func TestPrefixes(t *testing.T) {
	s := startServer(t, "redis-server")
	cfg := s.config()
	a := open(t, cfg)
	cfg.Prefix = "other:"
	b := open(t, cfg)
	r := record(time.Now())
	want(t, a, r, "fresh", "under the first prefix")
	want(t, b, r, "fresh", "under the second prefix")
	for _, key := range s.control.Keys(t.Context(), "*").Val() {
		if !strings.HasPrefix(key, "krb5rc:") && !strings.HasPrefix(key, "other:") {
			t.Errorf("key %q", key)
		}
	}
}

func TestBadConfig(t *testing.T) {
	for name, cfg := range map[string]redisreplay.Config{
		"no options":          {},
		"reads from replicas": {Options: &redis.UniversalOptions{ReadOnly: true}},
		"routes by latency":   {Options: &redis.UniversalOptions{RouteByLatency: true}},
		"routes randomly":     {Options: &redis.UniversalOptions{RouteRandomly: true}},
		"a cache":             {Options: &redis.UniversalOptions{ClientSideCacheConfig: &redis.ClientSideCacheConfig{}}},
		"timeout":             {Options: &redis.UniversalOptions{}, Timeout: -1},
		"clock":               {Options: &redis.UniversalOptions{}, MaxClockDifference: -1},
		"replicas":            {Options: &redis.UniversalOptions{}, Replicas: -1},
		"rule":                {Options: &redis.UniversalOptions{}, AfterLoss: 3},
	} {
		if _, err := redisreplay.New(t.Context(), cfg); status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	var none *redisreplay.Cache
	for _, c := range []*redisreplay.Cache{none, {}} {
		want(t, c, record(time.Now()), "replay-cache-failed", "a cache that New did not make")
		if c.Check(t.Context()) == nil || c.Close() != nil {
			t.Error("Check and Close of a cache that New did not make")
		}
	}
}

// TestContextEndsEachWait cancels calls that wait for a stopped server. Timeout is an
// hour, so only the cancellation can end them.
func TestContextEndsEachWait(t *testing.T) {
	s := startServer(t, "redis-server")
	cfg := s.config()
	cfg.Timeout = time.Hour
	c := open(t, cfg)
	asked := make(asking, 100)
	c.Client().AddHook(asked)
	s.signal(t, syscall.SIGSTOP)
	for range 3 { // the first uses an open connection, the others wait for a new one
		ctx, cancel := context.WithCancel(t.Context())
		answers := make(chan string, 1)
		go func() { answers <- outcome(c.Store(ctx, record(time.Now()))) }()
		<-asked
		cancel()
		select {
		case got := <-answers:
			if got != "canceled" {
				t.Errorf("a canceled call: %s", got)
			}
		case <-time.After(patience):
			t.Fatal("a canceled call does not return")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if got := outcome(c.Store(ctx, record(time.Now()))); got != "canceled" {
		t.Errorf("after the deadline: %s", got)
	}
	s.signal(t, syscall.SIGCONT)
}

// asking receives a value before each command.
type asking chan struct{}

func (a asking) DialHook(next redis.DialHook) redis.DialHook { return next }

func (a asking) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { a <- struct{}{}; return next(ctx, cmd) }
}

func (a asking) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { a <- struct{}{}; return next(ctx, cmds) }
}

// TestClosed checks that a closed cache refuses.
func TestClosed(t *testing.T) {
	c := open(t, startServer(t, "redis-server").config())
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, c, record(time.Now()), "replay-cache-failed", "after Close")
}

// BenchmarkStore compares the cache with the memory cache, in one run.
func BenchmarkStore(b *testing.B) {
	caches := map[string]func(b *testing.B) authenticator.ReplayCache{
		"memory": func(*testing.B) authenticator.ReplayCache {
			return authenticator.NewMemoryCache(0, authenticator.AcceptOlder)
		},
	}
	for _, product := range products {
		caches[product] = func(b *testing.B) authenticator.ReplayCache { return open(b, startServer(b, product).config()) }
	}
	for _, name := range []string{"memory", "redis-server", "valkey-server"} {
		b.Run(name+"/new", func(b *testing.B) {
			c := caches[name](b)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				if fresh, err := c.Store(ctx, record(time.Now())); !fresh {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/replay", func(b *testing.B) {
			c := caches[name](b)
			r := record(time.Now())
			want(b, c, r, "fresh", "first")
			for b.Loop() {
				want(b, c, r, "replay", "again")
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			c := caches[name](b)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if fresh, err := c.Store(b.Context(), record(time.Now())); !fresh {
						b.Error(err)
					}
				}
			})
		})
	}
}

// counts counts outcomes of concurrent calls.
type counts struct {
	mu sync.Mutex
	of map[string]int
}

func (c *counts) add(outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = make(map[string]int)
	}
	c.of[outcome]++
}

func (c *counts) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.of)
}
