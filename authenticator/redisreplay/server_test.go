package redisreplay_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/redisreplay"
	"github.com/gosspi/kerberos/status"
)

// patience limits every wait for a server. On an idle machine no wait takes two seconds.
const patience = time.Minute

// products are the servers of the tests.
var products = []string{"redis-server", "valkey-server"}

// withEach runs a test with each product.
func withEach(t *testing.T, test func(t *testing.T, product string)) {
	for _, product := range products {
		t.Run(product, func(t *testing.T) { test(t, product) })
	}
}

// server is a process of Redis or Valkey on loopback. It ends with the test.
type server struct {
	product, dir string
	port         int
	args         []string
	cmd          *exec.Cmd
	control      *redis.Client // of the test, with all rights
}

// startServer starts a server with additional directives of its configuration.
func startServer(t testing.TB, product string, args ...string) *server {
	t.Helper()
	if os.Getenv("KERBEROS_SERVERS") == "no" {
		t.Skip("KERBEROS_SERVERS=no: make interop runs the tests that start a server")
	}
	if _, err := exec.LookPath(product); err != nil {
		if os.Getenv("KERBEROS_REQUIRE_INTEROP") == "1" {
			t.Fatalf("%s is not installed: see internal/interop/install.sh", product)
		}
		t.Skipf("%s is not installed", product)
	}
	s := &server{product: product, dir: t.TempDir(), port: freePort(t), args: args}
	s.control = redis.NewClient(&redis.Options{Addr: s.addr(), MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() {
		_ = s.control.Close()
		s.kill()
	})
	s.start(t)
	return s
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *server) addr() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

// start starts the process, on the same port and with the same files as before.
func (s *server) start(t testing.TB) {
	t.Helper()
	args := append([]string{"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", s.dir, "--save", "", "--repl-diskless-sync-delay", "0", "--logfile", filepath.Join(s.dir, "log")}, s.args...)
	s.cmd = exec.Command(s.product, args...)
	endWithTest(s.cmd)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitFor(t, "an answer", func() bool {
		conn, err := net.Dial("tcp", s.addr()) // go-redis would log the failure
		if err != nil {
			return false
		}
		_ = conn.Close()
		return s.control.Ping(t.Context()).Err() == nil
	})
}

// kill ends the process at once.
func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// signal sends SIGSTOP or SIGCONT.
func (s *server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// awaitFor waits until ready returns true.
func (s *server) awaitFor(t testing.TB, what string, ready func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ready(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			t.Fatalf("%s on port %d: no %s after %v\n%s", s.product, s.port, what, patience, log)
		}
	}
}

// do sends a command of the test.
func (s *server) do(t testing.TB, args ...any) any {
	t.Helper()
	v, err := s.control.Do(t.Context(), args...).Result()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return v
}

// info returns the answer to INFO.
func (s *server) info(t testing.TB, section string) string {
	t.Helper()
	text, err := s.control.Info(t.Context(), section).Result()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// memory returns the number of bytes that the server uses.
func (s *server) memory(t testing.TB) int {
	t.Helper()
	for line := range strings.Lines(s.info(t, "memory")) {
		if value, ok := strings.CutPrefix(line, "used_memory:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("INFO shows no used_memory")
	return 0
}

// disconnect closes the connections of all other clients.
func (s *server) disconnect(t testing.TB) {
	s.do(t, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
}

// config returns a configuration for the server.
func (s *server) config() redisreplay.Config {
	return redisreplay.Config{Options: &redis.UniversalOptions{Addrs: []string{s.addr()}}, Timeout: 5 * time.Second}
}

// open makes a cache that the test closes.
func open(t testing.TB, cfg redisreplay.Config) *redisreplay.Cache {
	t.Helper()
	c, err := redisreplay.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// record returns the record of a new authenticator of a client whose clock is right.
func record(now time.Time) authenticator.Record {
	now = now.Truncate(time.Microsecond)
	r := authenticator.Record{Time: now, Now: now, Until: now.Add(5*time.Minute + time.Second)}
	rand.Read(r.Tag[:])
	rand.Read(r.Client[:])
	return r
}

// ask stores a record and returns the outcome in a word: "fresh", "replay", or the Reason
// of the error.
func ask(t testing.TB, c authenticator.ReplayCache, r authenticator.Record) string {
	t.Helper()
	return outcome(c.Store(t.Context(), r))
}

func outcome(fresh bool, err error) string {
	switch {
	case err != nil && fresh:
		return fmt.Sprintf("fresh AND %v", err)
	case err != nil:
		return status.ReasonOf(err).String()
	case fresh:
		return "fresh"
	}
	return "replay"
}

// want fails unless the cache gives an answer.
func want(t testing.TB, c authenticator.ReplayCache, r authenticator.Record, answer, when string) {
	t.Helper()
	fresh, err := c.Store(t.Context(), r)
	if got := outcome(fresh, err); got != answer {
		t.Fatalf("%s: %s (%v), want %s", when, got, err, answer)
	}
}

// pair is two processes that share a server: each call goes to the other cache than the
// call before, so that the memory of a process does not answer.
type pair struct {
	caches [2]authenticator.ReplayCache
	next   chan int
}

func newPair(t testing.TB, cfg redisreplay.Config) *pair {
	p := &pair{next: make(chan int, 1)}
	for i := range p.caches {
		p.caches[i] = open(t, cfg)
	}
	p.next <- 0
	return p
}

func (p *pair) Store(ctx context.Context, r authenticator.Record) (bool, error) {
	i := <-p.next
	p.next <- 1 - i
	return p.caches[i].Store(ctx, r)
}
