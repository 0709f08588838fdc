package replay

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/interop/program"
)

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
			b := newBackend(t, r, buildAcceptor(t, "redis", "../../../authenticator/redisreplay", "./internal/acceptor"), args, args)
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
					begin: func(t testing.TB) { s.do(t, s.port, "CONFIG", "SET", "maxmemory", "1") },
					end:   func(t testing.TB) { s.do(t, s.port, "CONFIG", "SET", "maxmemory", "0") },
				},
				fault{
					name:  "all keys are deleted",
					begin: func(t testing.TB) { s.do(t, s.port, "FLUSHALL") },
					end:   func(testing.TB) {},
				},
			)
			b.run(t, r, allLogins).check(t, allLogins)
		})
	}
}

// sentinels is a primary and two replicas that a Sentinel watches.
type sentinels struct {
	servers [3]*redisServer
	port    int
}

func startSentinels(t testing.TB, product string) *sentinels {
	t.Helper()
	s := &sentinels{port: freePort(t)}
	s.servers[0] = startRedis(t, product)
	for i := 1; i < 3; i++ {
		s.servers[i] = startRedis(t, product, "--replicaof", "127.0.0.1 "+strconv.Itoa(s.servers[0].port))
		s.servers[i].await(t, s.servers[i].port, "master_link_status:up", "INFO", "replication")
	}
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\nsentinel monitor replay 127.0.0.1 %d 1\nsentinel down-after-milliseconds replay 1000\nsentinel failover-timeout replay 5000\n", s.port, s.servers[0].port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := program.Start(nil, nil, product, conf, "--sentinel")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	if err := p.Await("its replicas", func(out string) bool { return strings.Count(out, "+slave ") == 2 }); err != nil {
		t.Fatal(err)
	}
	return s
}

// primary returns the server that Sentinel names.
func (s *sentinels) primary(t testing.TB) *redisServer {
	t.Helper()
	out := s.servers[0].do(t, s.port, "SENTINEL", "get-master-addr-by-name", "replay")
	for _, server := range s.servers {
		if strings.Contains(out, strconv.Itoa(server.port)) {
			return server
		}
	}
	t.Errorf("Sentinel names none of the servers: %s", out)
	return s.servers[0]
}

// TestReplay_RedisSentinel logs in through two processes that share a primary and two
// replicas. Sentinel promotes a replica when the primary is killed or stopped. The stopped
// primary continues afterwards, and does not know at first that it is none. Sentinel's own
// timers make a run of some minutes, and on a busy machine it may promote no replica at all:
// the test runs with KERBEROS_SENTINEL=1 only.
func TestReplay_RedisSentinel(t *testing.T) {
	if os.Getenv("KERBEROS_SENTINEL") != "1" {
		t.Skip("KERBEROS_SENTINEL is not 1: the failovers of Sentinel take minutes")
	}
	for product, cli := range redisProducts {
		t.Run(product, func(t *testing.T) {
			r := theRealm(t, product, product, cli, product)
			s := startSentinels(t, product)
			args := []string{"1", "replay", "127.0.0.1:" + strconv.Itoa(s.port)}
			b := newBackend(t, r, buildAcceptor(t, "redis", "../../../authenticator/redisreplay", "./internal/acceptor"), args, args)
			var away *redisServer
			promoted := func(t testing.TB) {
				for end := time.Now().Add(program.Patience); s.primary(t) == away; time.Sleep(20 * time.Millisecond) {
					if time.Now().After(end) {
						t.Error("Sentinel promotes no replica")
						return
					}
				}
			}
			// Sentinel promotes only a server that it knows as a replica of the primary.
			healed := func(t testing.TB) {
				p := s.primary(t)
				p.await(t, p.port, "connected_slaves:2", "INFO", "replication")
			}
			killed := fault{
				name: "the primary is killed, and a replica promoted", refuses: true,
				begin: func(t testing.TB) {
					away = s.primary(t)
					away.kill()
					promoted(t)
				},
				end: func(t testing.TB) {
					away.start(t)
					healed(t)
				},
			}
			again := killed
			again.name = "the new primary is killed, and a replica promoted"
			b.faults = append(b.processFaults(), killed, fault{
				name: "the primary is stopped, a replica promoted, and the primary continues", refuses: true,
				begin: func(t testing.TB) {
					away = s.primary(t)
					away.signal(t, syscall.SIGSTOP)
					promoted(t)
					away.signal(t, syscall.SIGCONT)
				},
				end: healed,
			}, again)
			const logins = allLogins / 4 // the failovers take most of the time
			b.run(t, r, logins).check(t, logins)
		})
	}
}
