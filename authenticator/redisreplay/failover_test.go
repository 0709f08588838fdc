package redisreplay_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/redisreplay"
)

// startReplica starts a replica of the server at an address, and waits until it receives
// writes: the link of Valkey is up for up to a second before that.
func startReplica(t *testing.T, product, of string) *server {
	t.Helper()
	host, port, err := net.SplitHostPort(of)
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, product, "--replicaof", host+" "+port)
	s.awaitFor(t, "link to the primary", func() bool {
		return strings.Contains(s.info(t, "replication"), "master_link_status:up")
	})
	primary := redis.NewClient(&redis.Options{Addr: of})
	defer primary.Close()
	conn := primary.Conn() // WAIT waits for the writes of its own connection
	defer conn.Close()
	s.awaitFor(t, "write of the primary", func() bool {
		conn.Set(t.Context(), "probe", "x", time.Minute)
		n, err := conn.Do(t.Context(), "WAIT", 1, 100).Int64()
		return err == nil && n == 1
	})
	return s
}

// startSentinel starts a Sentinel that watches a primary with one replica.
func startSentinel(t *testing.T, primary *server) (addr string) {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	conf := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nlogfile %s\nsentinel monitor mymaster 127.0.0.1 %d 1\nsentinel down-after-milliseconds mymaster 500\nsentinel failover-timeout mymaster 5000\n",
		port, dir, filepath.Join(dir, "log"), primary.port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(primary.product, conf, "--sentinel")
	endWithTest(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	addr = "127.0.0.1:" + strconv.Itoa(port)
	control := redis.NewSentinelClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = control.Close() })
	primary.awaitFor(t, "Sentinel that knows the replica", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		_ = conn.Close()
		replicas, err := control.Replicas(t.Context(), "mymaster").Result()
		return err == nil && len(replicas) == 1 && replicas[0]["master-link-status"] == "ok"
	})
	return addr
}

// TestPromotedMidRun kills the primary while two hosts accept, and Sentinel promotes the
// replica. No authenticator may be accepted twice, and none refused once the new primary
// answers.
func TestPromotedMidRun(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		primary := startServer(t, product)
		startReplica(t, product, primary.addr())
		cfg := redisreplay.Config{Options: &redis.UniversalOptions{Addrs: []string{startSentinel(t, primary)}, MasterName: "mymaster"}, Timeout: 2 * time.Second}
		var lossMu sync.Mutex
		losses := map[time.Time]bool{}
		cfg.OnEvent = func(e redisreplay.Event) {
			if !e.Loss.IsZero() {
				lossMu.Lock()
				losses[e.Loss] = true
				lossMu.Unlock()
			}
		}
		hosts := [2]*redisreplay.Cache{open(t, cfg), open(t, cfg)}

		var phase atomic.Int32 // 0: before the kill, 1: the backend is away, 2: back
		var outcomes [3]counts
		var accepted [8][]authenticator.Record
		var group sync.WaitGroup
		stop := make(chan struct{})
		for g := range accepted {
			group.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					began := phase.Load()
					r := record(time.Now())
					first := ask(t, hosts[i%2], r)
					second := ask(t, hosts[1-i%2], r)
					if first == "fresh" && second == "fresh" {
						t.Errorf("phase %d: accepted at both hosts", began)
					}
					if first == "fresh" {
						accepted[g] = append(accepted[g], r)
					}
					if phase.Load() == began { // else it began in one phase and ended in another
						outcomes[began].add(first)
					}
				}
			})
		}
		outcomes[0].await(t, 2000)
		phase.Store(1)
		primary.kill()
		primary.awaitFor(t, "new primary", func() bool { return hosts[0].Check(t.Context()) == nil && hosts[1].Check(t.Context()) == nil })
		phase.Store(2)
		outcomes[2].await(t, 2000)
		close(stop)
		group.Wait()

		total, again := 0, open(t, cfg) // a third host, without memory of its own
		for _, records := range accepted {
			for _, r := range records {
				total++
				if got := ask(t, again, r); got == "fresh" {
					t.Error("a replay got in after the failover")
				}
			}
		}
		t.Logf("before the kill %v; while the backend was away %v; after it %v; %d accepted, 0 replays; losses at %v", &outcomes[0], &outcomes[1], &outcomes[2], total, losses)
		for _, i := range []int{0, 2} {
			if n := outcomes[i].of["fresh"]; n != outcomes[i].total() {
				t.Errorf("phase %d: good clients refused: %v", i, &outcomes[i])
			}
		}
		if len(losses) == 0 {
			t.Error("no event reports the promotion")
		}
	})
}

// TestLossOfAFailover measures how many records a failover loses, and checks that none can
// be replayed under the default rule, and that Replicas loses none.
func TestLossOfAFailover(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		for _, row := range []struct {
			name     string
			delay    time.Duration // of the replication
			replicas int
			loses    bool
		}{
			{"no delay", 0, 0, false},
			{"10 ms", 10 * time.Millisecond, 0, true},
			{"10 ms and Replicas 1", 10 * time.Millisecond, 1, false},
		} {
			t.Run(row.name, func(t *testing.T) {
				primary := startServer(t, product)
				link := newProxy(t, primary.addr(), row.delay)
				replica := startReplica(t, product, link.addr())
				cfg := primary.config()
				cfg.Replicas = row.replicas
				began := time.Now()
				stored := storeUntilKilled(t, open(t, cfg), primary, link)
				rate := float64(len(stored)) / time.Since(began).Seconds()
				replica.do(t, "REPLICAOF", "NO", "ONE")
				cfg = replica.config()
				strict := open(t, cfg)
				for _, r := range stored {
					if ask(t, strict, r) == "fresh" {
						t.Fatal("a lost record was replayed under RefuseOlder")
					}
				}
				cfg.AfterLoss = authenticator.AcceptOlder
				lax, lost := open(t, cfg), 0
				for _, r := range stored {
					if ask(t, lax, r) == "fresh" {
						lost++
					}
				}
				t.Logf("%d records accepted, %.0f a second; %d lost with the primary, 0 replayed under RefuseOlder", len(stored), rate, lost)
				if row.replicas > 0 && lost > 0 {
					t.Errorf("%d records lost that a replica had acknowledged", lost)
				}
				if row.loses && lost == 0 {
					t.Error("the failover has lost nothing, so the test proves nothing")
				}
			})
		}
	})
}

// storeUntilKilled stores records from 16 goroutines, kills the server in the middle, and
// returns the records that were new.
func storeUntilKilled(t *testing.T, c *redisreplay.Cache, primary *server, link *proxy) []authenticator.Record {
	t.Helper()
	var (
		mu     sync.Mutex
		stored []authenticator.Record
		group  sync.WaitGroup
		killed atomic.Bool
	)
	for range 16 {
		group.Go(func() {
			for !killed.Load() {
				r := record(time.Now())
				if ask(t, c, r) == "fresh" {
					mu.Lock()
					stored = append(stored, r)
					mu.Unlock()
				}
			}
		})
	}
	primary.awaitFor(t, "3000 records", func() bool { mu.Lock(); defer mu.Unlock(); return len(stored) >= 3000 })
	link.dead.Store(true)
	primary.kill()
	killed.Store(true)
	group.Wait()
	return stored
}

// TestReplicasAway checks that Replicas refuses while the replica is stopped, and that an
// answer that was lost with its connection does not count before the replica has the
// record.
func TestReplicasAway(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		primary := startServer(t, product)
		replica := startReplica(t, product, primary.addr())
		p := newProxy(t, primary.addr(), 0)
		cfg := primary.config()
		cfg.Options.Addrs = []string{p.addr()}
		cfg.Replicas = 1
		cfg.Timeout = 2 * time.Second // a quarter of it is for a busy machine
		c := open(t, cfg)
		want(t, c, record(time.Now()), "fresh", "with a replica")
		p.lose.Store(true)
		want(t, c, record(time.Now()), "fresh", "an authenticator whose answer was lost")
		replica.signal(t, syscall.SIGSTOP)
		want(t, c, record(time.Now()), "replay-cache-failed", "while the replica is stopped")
		p.lose.Store(true)
		want(t, c, record(time.Now()), "replay-cache-failed", "while the replica is stopped and an answer was lost")
		if err := c.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "Config.Replicas") {
			t.Errorf("Check: %v", err)
		}
		replica.signal(t, syscall.SIGCONT)
		primary.awaitFor(t, "replica", func() bool { return c.Check(t.Context()) == nil })
		want(t, c, record(time.Now()), "fresh", "with the replica again")
		cfg.Replicas = 2
		refusesToStart(t, cfg, "Config.Replicas requires 2")
	})
}

// TestReplicaRefused checks that the cache does not use a replica as a server, also a
// writable one.
func TestReplicaRefused(t *testing.T) {
	primary := startServer(t, "redis-server")
	replica := startReplica(t, "redis-server", primary.addr())
	replica.do(t, "CONFIG", "SET", "replica-read-only", "no")
	refusesToStart(t, replica.config(), "is a replica")

	cfg := primary.config() // demoted while connections are open
	c := open(t, cfg)
	primary.do(t, "REPLICAOF", "127.0.0.1", strconv.Itoa(replica.port))
	for range 3 {
		want(t, c, record(time.Now()), "replay-cache-failed", "at a demoted primary")
	}
}

// TestPromotedAgain checks that the second promotion of one process is detected: it lacks the
// records of the other primary.
func TestPromotedAgain(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		first, second := startServer(t, product), startServer(t, product)
		c := open(t, first.config())
		want(t, c, record(time.Now()), "fresh", "at the first primary")
		first.do(t, "REPLICAOF", "127.0.0.1", strconv.Itoa(freePort(t))) // a primary that it never reaches
		r := record(time.Now().Add(2 * time.Second))                     // second has just started
		r.Now = time.Now()
		want(t, open(t, second.config()), r, "fresh", "at the second primary")
		first.awaitFor(t, "time", func() bool { return time.Now().After(r.Time) })
		first.do(t, "REPLICAOF", "NO", "ONE")
		first.disconnect(t)
		want(t, c, r, "before-replay-cache", "a replay at the first primary")
		want(t, c, record(time.Now()), "fresh", "a new authenticator")
	})
}

func (c *counts) total() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.of {
		n += k
	}
	return n
}

// await waits until n outcomes were counted.
func (c *counts) await(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(patience); c.total() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("%v after %v, want %d", c, patience, n)
			return
		}
	}
}
