package redisreplay_test

import (
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/redisreplay"
	"github.com/gosspi/kerberos/status"
)

// TestKilled kills the server and starts it again, without and with persistence. Replays
// must not get in, and new authenticators only while the server is there.
func TestKilled(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		for name, args := range map[string][]string{
			"without persistence": nil,
			"with persistence":    {"--appendonly", "yes", "--appendfsync", "always"},
		} {
			t.Run(name, func(t *testing.T) {
				s := startServer(t, product, args...)
				var losses atomic.Int32
				cfg := s.config()
				cfg.OnEvent = func(e redisreplay.Event) {
					if !e.Loss.IsZero() {
						losses.Add(1)
					}
				}
				a, b := open(t, cfg), open(t, cfg)
				r := record(time.Now())
				want(t, a, r, "fresh", "a new authenticator")
				s.kill()
				want(t, a, r, "replay", "a replay at the same host while the server is away")
				want(t, b, r, "replay-cache-failed", "a replay at the other host while the server is away")
				want(t, a, record(time.Now()), "replay-cache-failed", "a new authenticator while the server is away")
				if a.Check(t.Context()) == nil {
					t.Error("Check while the server is away")
				}
				unused := record(time.Now())
				s.start(t)
				c := open(t, cfg) // a host that has not seen the first process of the server
				for i, host := range []*redisreplay.Cache{a, b, c} {
					if got := ask(t, host, r); got == "fresh" {
						t.Fatalf("a replay at host %d after the restart: %s", i, got)
					}
					if got := ask(t, host, unused); i == 0 && got != "before-replay-cache" {
						t.Errorf("an authenticator from before the restart: %s", got)
					}
				}
				if losses.Load() == 0 {
					t.Error("no event reports the loss")
				}
				time.Sleep(2 * time.Second) // INFO tells the time of the start in whole seconds
				p := newPair(t, cfg)
				r = record(time.Now())
				want(t, p, r, "fresh", "a new authenticator after the restart")
				want(t, p, r, "replay", "its replay")
				want(t, a, record(time.Now()), "fresh", "a new authenticator at the first host")
			})
		}
	})
}

// TestRestartOfAHostRefusesNobody checks that a new process accepts authenticators that
// were stamped before it started, because the server has the records of that time, and
// refuses their replays.
func TestRestartOfAHostRefusesNobody(t *testing.T) {
	s := startServer(t, "redis-server")
	time.Sleep(3 * time.Second) // so that the server has been running for that time
	first := open(t, s.config())
	behind := record(time.Now().Add(-time.Second))
	used := record(time.Now())
	want(t, first, used, "fresh", "a new authenticator")
	second := open(t, s.config())
	behind.Now = time.Now()
	want(t, second, behind, "fresh", "an authenticator that is older than the process")
	want(t, second, used, "replay", "a replay to the new process")
}

// TestRestartSeenLate checks that a restart which the cache sees only later counts from the
// start of the server: older authenticators are refused and no others.
func TestRestartSeenLate(t *testing.T) {
	s := startServer(t, "redis-server")
	c := open(t, s.config())
	before := record(time.Now())
	want(t, c, before, "fresh", "before the restart")
	s.kill()
	s.start(t)
	time.Sleep(2 * time.Second) // INFO tells the time of the start in whole seconds
	after := record(time.Now())
	s.awaitFor(t, "uptime", func() bool { return !strings.Contains(s.info(t, "server"), "uptime_in_seconds:2\r") })
	other := open(t, s.config())
	want(t, other, before, "before-replay-cache", "a replay from before the restart")
	want(t, other, after, "fresh", "an authenticator from between the restart and the first connection")
	want(t, c, record(time.Now()), "fresh", "a new authenticator at the first host")
}

// TestAfterLoss checks the three rules after a restart without persistence.
func TestAfterLoss(t *testing.T) {
	for rule, answers := range map[authenticator.StartRule][3]string{
		authenticator.RefuseOlder:      {"before-replay-cache", "fresh", "fresh"},
		authenticator.RefuseWithinSkew: {"before-replay-cache", "before-replay-cache", "fresh"},
		authenticator.AcceptOlder:      {"fresh", "fresh", "fresh"},
	} {
		s := startServer(t, "redis-server")
		cfg := s.config()
		cfg.AfterLoss = rule
		before := record(time.Now())
		want(t, open(t, withRule(cfg, authenticator.AcceptOlder)), before, "fresh", "before the restart")
		s.kill()
		s.start(t)
		c := open(t, cfg)
		want(t, c, before, answers[0], "a replay from before the restart")
		now := time.Now()
		ahead := func(d time.Duration) authenticator.Record {
			r := record(now.Add(d))
			r.Now = now
			return r
		}
		want(t, c, ahead(3*time.Second), answers[1], "an authenticator of a client with a fast clock")
		want(t, c, ahead(5*time.Minute+4*time.Second), answers[2], "an authenticator later than a skew after the loss")
	}
}

// TestLossAtAServerWithASlowClock checks that the time of a loss counts by the clock of the
// host if the clock of the server is behind it.
func TestLossAtAServerWithASlowClock(t *testing.T) {
	s := startServer(t, "redis-server")
	cfg := s.config()
	cfg.Time = func() time.Time { return time.Now().Add(time.Minute) }
	first := open(t, cfg)
	before := record(cfg.Time())
	want(t, first, before, "fresh", "before the restart")
	s.kill()
	s.start(t)
	c := open(t, cfg)
	want(t, c, before, "before-replay-cache", "a replay from before the restart")
	want(t, c, record(cfg.Time().Add(2*time.Second)), "fresh", "a new authenticator after the restart")
}

func withRule(cfg redisreplay.Config, rule authenticator.StartRule) redisreplay.Config {
	cfg.AfterLoss = rule
	return cfg
}

// TestFlushed checks that the cache detects that all keys were deleted, on an open
// connection and on a new one, also if a process that has not seen the keys starts first.
func TestFlushed(t *testing.T) {
	for name, row := range map[string]struct {
		disconnect, newcomer bool
		replicas             int
	}{
		"open connections":                         {},
		"open connections and a replica":           {replicas: 1},
		"new connections":                          {disconnect: true},
		"a new process first":                      {newcomer: true},
		"a new process first, and new connections": {newcomer: true, disconnect: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "redis-server")
			time.Sleep(3 * time.Second) // so that the server has been running for that time
			if row.replicas > 0 {
				startReplica(t, s.product, s.addr())
			}
			cfg := s.config()
			cfg.Replicas = row.replicas
			a, b := open(t, cfg), open(t, cfg)
			r := record(time.Now())
			want(t, a, r, "fresh", "a new authenticator")
			s.do(t, "FLUSHALL")
			if row.disconnect {
				s.disconnect(t)
			}
			if row.newcomer {
				open(t, cfg)
			}
			want(t, b, r, "before-replay-cache", "a replay whose record was deleted")
			want(t, b, record(time.Now()), "fresh", "a new authenticator")
			want(t, a, record(time.Now()), "fresh", "a new authenticator at the other process")
		})
	}
}

// TestForeignNote checks that a note that is no time refuses.
func TestForeignNote(t *testing.T) {
	s := startServer(t, "redis-server")
	c := open(t, s.config())
	for _, key := range s.control.Keys(t.Context(), "krb5rc:since:*").Val() {
		s.do(t, "SET", key, "x")
	}
	s.disconnect(t)
	want(t, c, record(time.Now()), "replay-cache-failed", "a note that is no time")
}

// TestPaused stops the server with SIGSTOP. Calls must fail after Timeout, and late answers
// must not let a replay in.
func TestPaused(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		s := startServer(t, product)
		cfg := s.config()
		cfg.Timeout = 600 * time.Millisecond
		a, b := open(t, cfg), open(t, cfg)
		want(t, a, record(time.Now()), "fresh", "a new authenticator")
		s.signal(t, syscall.SIGSTOP)
		late := make([]authenticator.Record, 8)
		for i := range late {
			late[i] = record(time.Now())
			fresh, err := a.Store(t.Context(), late[i])
			if fresh || status.ReasonOf(err) != status.ReasonReplayCacheFailed {
				t.Errorf("while the server is stopped: %s (%v)", outcome(fresh, err), err)
			}
		}
		if err := a.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "600ms") {
			t.Errorf("Check: %v", err)
		}
		s.signal(t, syscall.SIGCONT)
		s.awaitFor(t, "the end of the pause", func() bool { return a.Check(t.Context()) == nil && b.Check(t.Context()) == nil })
		for _, r := range late {
			want(t, a, r, "replay", "a replay of an authenticator that was refused")
			if got := ask(t, b, r); got != "replay" && got != "fresh" { // fresh once: the server may not have read the command
				t.Errorf("the authenticator at the other host: %s", got)
			}
			want(t, b, r, "replay", "the replay at the other host")
		}
		want(t, a, record(time.Now()), "fresh", "after the pause")
	})
}

// TestFilled fills the server to maxmemory. It must refuse new records and forget none.
func TestFilled(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		s := startServer(t, product)
		s.do(t, "CONFIG", "SET", "maxmemory", "3mb")
		a, b := open(t, s.config()), open(t, s.config())
		var stored []authenticator.Record
		full := 0
		for range 50_000 {
			r := record(time.Now())
			if got := ask(t, a, r); got == "fresh" {
				stored = append(stored, r)
			} else if got != "replay-cache-full" {
				t.Fatalf("a new authenticator at a full server: %s", got)
			} else if full++; full == 100 {
				break
			}
		}
		if full != 100 || len(stored) < 1000 {
			t.Fatalf("%d records stored, %d refused", len(stored), full)
		}
		for _, r := range stored {
			if got := ask(t, b, r); got == "fresh" {
				t.Fatal("a full server has forgotten a record")
			}
		}
		if text := s.info(t, "stats"); !strings.Contains(text, "evicted_keys:0\r") || !strings.Contains(text, "expired_keys:0\r") {
			t.Error("the server has dropped keys")
		}
		s.do(t, "CONFIG", "SET", "maxmemory", "0")
		want(t, a, record(time.Now()), "fresh", "with more memory")
		t.Logf("%d records fit into 3 MB less the server's own memory; %d refused; no replay got in", len(stored), full)
	})
}

// TestLostAnswer loses the answer to the command that stores a record. go-redis repeats the
// command, and the client must get in, once.
func TestLostAnswer(t *testing.T) {
	s := startServer(t, "redis-server")
	p := newProxy(t, s.addr(), 0)
	cfg := s.config()
	cfg.Options.Addrs = []string{p.addr()}
	c, other := open(t, cfg), open(t, s.config())
	for range 20 {
		r := record(time.Now())
		p.lose.Store(true)
		want(t, c, r, "fresh", "an authenticator whose answer was lost")
		if p.lose.Load() {
			t.Fatal("the proxy has lost no answer")
		}
		want(t, other, r, "replay", "its replay at another host")
	}
}

// proxy forwards connections to a server.
type proxy struct {
	listener net.Listener
	lose     atomic.Bool   // forward the next SET, and drop its connection before the answer
	delay    time.Duration // of everything that the server sends
	dead     atomic.Bool   // drop everything that the server has sent
}

func newProxy(t *testing.T, to string, delay time.Duration) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, delay: delay}
	var group sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); group.Wait() })
	group.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { p.serve(client, to) })
		}
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) serve(client net.Conn, to string) {
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return // the test has ended the server
	}
	defer server.Close()
	var losing atomic.Bool
	var group sync.WaitGroup
	late := make(chan chunk, 1<<16)
	group.Go(func() {
		for c := range late {
			time.Sleep(time.Until(c.at))
			if !p.dead.Load() {
				_, _ = client.Write(c.b)
			}
		}
	})
	group.Go(func() { // answers
		defer close(late)
		b := make([]byte, 64<<10)
		for {
			n, err := server.Read(b)
			if err != nil || losing.Load() {
				_ = client.Close()
				return
			}
			if p.delay > 0 {
				late <- chunk{time.Now().Add(p.delay), slices.Clone(b[:n])}
			} else if _, err := client.Write(b[:n]); err != nil {
				return
			}
		}
	})
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if err != nil {
			break
		}
		if strings.Contains(string(b[:n]), "\r\nset\r\n") && p.lose.CompareAndSwap(true, false) {
			losing.Store(true)
		}
		if _, err := io.Copy(server, strings.NewReader(string(b[:n]))); err != nil {
			break
		}
	}
	_ = server.Close()
	group.Wait()
}

// chunk is bytes that the proxy delivers later.
type chunk struct {
	at time.Time
	b  []byte
}
