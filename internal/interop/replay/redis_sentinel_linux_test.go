package replay

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// sentinels is a primary and two replicas that a Sentinel watches.
type sentinels struct {
	servers [3]*redisServer
	port    int
}

// sentinelConf is the configuration of Sentinel. down-after-milliseconds is three times the
// period of Sentinel's pings. If both were equal, a Sentinel that the system did not run for
// a second would call all servers down, the replicas too, and then promote none of them for
// twice the failover-timeout. If the system does not run it for two seconds, Sentinel does
// nothing for a while (TILT).
const sentinelConf = `port %d
bind 127.0.0.1
sentinel monitor replay 127.0.0.1 %d 1
sentinel down-after-milliseconds replay 3000
sentinel failover-timeout replay 5000
`

// sentinelPeriods are shorter than Sentinel's own periods, in milliseconds. They make
// Sentinel act sooner, and change none of its decisions: the age of its facts about the replicas
// (if a fact is older than five seconds, Sentinel promotes none), a quarter of the time for
// which an old primary may call itself a primary, and the duration of TILT.
var sentinelPeriods = []string{"info-period", "1000", "publish-period", "500", "tilt-period", "5000"}

func startSentinels(t testing.TB, product string) *sentinels {
	t.Helper()
	s := &sentinels{port: freePort(t)}
	s.servers[0] = startRedis(t, product)
	for i := 1; i < 3; i++ {
		s.servers[i] = startRedis(t, product, "--replicaof", "127.0.0.1 "+strconv.Itoa(s.servers[0].port))
	}
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, sentinelConf, s.port, s.servers[0].port), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := program.Start(nil, nil, product, conf, "--sentinel")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("Sentinel:\n%s", p.Out)
		}
	})
	s.servers[0].await(t, s.port, "PONG", "PING")
	s.servers[0].must(t, s.port, append([]string{"SENTINEL", "DEBUG"}, sentinelPeriods...)...)
	s.settled(t)
	return s
}

// records returns an answer of Sentinel that consists of records with the field name.
func (s *sentinels) records(t testing.TB, args ...string) (all []map[string]string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(s.servers[0].do(t, s.port, args...)), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		if lines[i] == "name" {
			all = append(all, map[string]string{})
		}
		if len(all) > 0 {
			all[len(all)-1][lines[i]] = lines[i+1]
		}
	}
	return all
}

// unsettled returns the first reason for which Sentinel would not promote a replica at once,
// or "". It is also a reason that a server does not call itself what Sentinel wants.
func (s *sentinels) unsettled(t testing.TB) string {
	t.Helper()
	masters := s.records(t, "SENTINEL", "MASTER", "replay")
	if len(masters) != 1 {
		return "Sentinel knows no primary"
	}
	master, replicas := masters[0], s.records(t, "SENTINEL", "REPLICAS", "replay")
	if master["flags"] != "master" || master["role-reported"] != "master" || len(replicas) != 2 {
		return fmt.Sprintf("%d replicas of %v", len(replicas), master)
	}
	for _, r := range replicas {
		if r["flags"] != "slave" || r["role-reported"] != "slave" || r["master-link-status"] != "ok" || r["master-port"] != master["port"] {
			return fmt.Sprintf("the primary is %s, and a replica %v", master["port"], r)
		}
	}
	if quorum := s.servers[0].do(t, s.port, "SENTINEL", "CKQUORUM", "replay"); !strings.HasPrefix(quorum, "OK") {
		return quorum
	}
	return ""
}

// settled waits until Sentinel can promote a replica at once, and returns the primary.
func (s *sentinels) settled(t testing.TB) *redisServer {
	t.Helper()
	for end := time.Now().Add(program.Patience); ; time.Sleep(20 * time.Millisecond) {
		problem := s.unsettled(t)
		if problem == "" {
			return s.primary(t)
		}
		if time.Now().After(end) {
			t.Fatal(problem)
		}
	}
}

// primary returns the server that Sentinel names.
func (s *sentinels) primary(t testing.TB) *redisServer {
	t.Helper()
	out := strings.Fields(s.servers[0].do(t, s.port, "SENTINEL", "get-master-addr-by-name", "replay"))
	for _, server := range s.servers {
		if len(out) == 2 && out[1] == strconv.Itoa(server.port) {
			return server
		}
	}
	t.Fatalf("Sentinel names none of the servers: %q", out)
	return nil
}

// promoted waits until Sentinel names another primary than away.
func (s *sentinels) promoted(t testing.TB, away *redisServer) {
	t.Helper()
	for end := time.Now().Add(program.Patience); s.primary(t) == away; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("Sentinel promotes no replica")
		}
	}
}

// faults returns the faults in which Sentinel promotes a replica. The refusals are certain:
// either a client logs in while there is no primary, or the next client has a token from
// before the promotion.
func (s *sentinels) faults() []fault {
	var away *redisServer
	killed := fault{
		name: "the primary is killed, and a replica promoted", refuses: true,
		begin: func(t testing.TB) {
			away = s.settled(t)
			away.kill()
			s.promoted(t, away)
		},
		end: func(t testing.TB) {
			away.args = []string{"--replicaof", "127.0.0.1 " + strconv.Itoa(s.primary(t).port)}
			away.start(t)
			s.settled(t)
		},
	}
	again := killed
	again.name = "the new primary is killed, and a replica promoted"
	return []fault{killed, {
		// The primary that continues acts as a primary until Sentinel makes it a replica.
		name: "the primary is stopped, a replica promoted, and the primary continues", refuses: true,
		begin: func(t testing.TB) {
			away = s.settled(t)
			away.signal(t, syscall.SIGSTOP)
			s.promoted(t, away)
			away.signal(t, syscall.SIGCONT)
		},
		end: func(t testing.TB) { s.settled(t) },
	}, again}
}

// TestReplay_RedisSentinel logs in through two processes that share a primary and two
// replicas. Sentinel promotes a replica when the primary is killed or stopped.
func TestReplay_RedisSentinel(t *testing.T) {
	for product, cli := range redisProducts {
		t.Run(product, func(t *testing.T) {
			r := theRealm(t, product, product, cli, product)
			s := startSentinels(t, product)
			args := []string{"1", "replay", "127.0.0.1:" + strconv.Itoa(s.port)}
			b := newBackend(t, r, buildAcceptor(t, "redis", redisModule, "./internal/acceptor"), args, args)
			b.faults = append(b.processFaults()[:1], s.faults()...)
			n := logins(t, allLogins)
			b.run(t, r, n).check(t, n)
		})
	}
}
