package replay

import (
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// redisModule is the module of package redisreplay.
const redisModule = "../../../authenticator/redisreplay"

// redisProducts maps each server for package redisreplay to its command line client. The
// servers are in the Debian packages of their names.
var redisProducts = map[string]string{"redis-server": "redis-cli", "valkey-server": "valkey-cli"}

// redisServer is a process of Redis or Valkey.
type redisServer struct {
	product, dir string
	port         int
	args         []string
	running      *program.Process
}

// startRedis starts a server that ends with the test.
func startRedis(t testing.TB, product string, args ...string) *redisServer {
	t.Helper()
	s := &redisServer{product: product, dir: t.TempDir(), port: freePort(t), args: args}
	t.Cleanup(s.kill)
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

func (s *redisServer) addr() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

// start starts the process with the port and the files that it had before.
func (s *redisServer) start(t testing.TB) {
	t.Helper()
	args := append([]string{"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", s.dir, "--save", "", "--repl-diskless-sync-delay", "0"}, s.args...)
	var err error
	if s.running, err = program.Start(nil, nil, s.product, args...); err != nil {
		t.Fatal(err)
	}
	if err := s.running.Await("its start", func(out string) bool { return strings.Contains(out, "Ready to accept connections") }); err != nil {
		t.Error(err)
	}
}

func (s *redisServer) kill() {
	if s.running != nil {
		s.running.Stop()
		s.running = nil
	}
}

func (s *redisServer) signal(t testing.TB, sig syscall.Signal) {
	if err := s.running.Cmd.Process.Signal(sig); err != nil {
		t.Error(err)
	}
}

// do runs a command of the server and returns the answer.
func (s *redisServer) do(t testing.TB, port int, args ...string) string {
	t.Helper()
	return program.Run(t, nil, "", redisProducts[s.product], append([]string{"-p", strconv.Itoa(port)}, args...)...).Out
}

// must runs a command of the server, which must answer OK.
func (s *redisServer) must(t testing.TB, port int, args ...string) {
	t.Helper()
	if out := s.do(t, port, args...); strings.TrimSpace(out) != "OK" {
		t.Errorf("%s: the answer to %q is %q", s.product, args, out)
	}
}

// await waits until the answer to a command contains a text.
func (s *redisServer) await(t testing.TB, port int, text string, args ...string) {
	t.Helper()
	for end := time.Now().Add(program.Patience); ; time.Sleep(20 * time.Millisecond) {
		out := s.do(t, port, args...)
		if strings.Contains(out, text) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: no %q in the answer to %q: %s", s.product, text, args, out)
		}
	}
}

// TestReplay_Redis logs in through two processes that share one server, which is killed and
// loses its records, stopped, filled, and emptied.
func TestReplay_Redis(t *testing.T) {
	for product, cli := range redisProducts {
		t.Run(product, func(t *testing.T) {
			r := theRealm(t, product, product, cli, product)
			s := startRedis(t, product)
			args := []string{"0", "", s.addr()}
			b := newBackend(t, r, buildAcceptor(t, "redis", redisModule, "./internal/acceptor"), args, args)
			b.faults = append(b.processFaults(),
				fault{
					name: "the server is killed, and starts without its records", refuses: true,
					begin: func(testing.TB) { s.kill() },
					end:   s.start,
				},
				fault{
					name: "the server is stopped", refuses: true, attempts: 24,
					begin: func(t testing.TB) { s.signal(t, syscall.SIGSTOP) },
					end:   func(t testing.TB) { s.signal(t, syscall.SIGCONT) },
				},
				fault{
					name: "the server is full", refuses: true,
					begin: func(t testing.TB) { s.must(t, s.port, "CONFIG", "SET", "maxmemory", "1") },
					end:   func(t testing.TB) { s.must(t, s.port, "CONFIG", "SET", "maxmemory", "0") },
				},
				fault{
					name:  "all keys are deleted",
					begin: func(t testing.TB) { s.must(t, s.port, "FLUSHALL") },
					end:   func(testing.TB) {},
				},
			)
			n := logins(t, allLogins)
			b.run(t, r, n).check(t, n)
		})
	}
}
