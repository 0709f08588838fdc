package replay

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// sqlModule is the module of package sqlreplay.
const sqlModule = "../../../authenticator/sqlreplay"

var postgresPackages = []string{"postgres", "postgresql", "psql", "postgresql-client", "setpriv", "util-linux"}

// postgres is a PostgreSQL server on loopback.
type postgres struct {
	bin, dir string
	port     int
	running  *program.Process
}

// newPostgres makes a folder for a server.
func newPostgres(t testing.TB) *postgres {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		t.Fatalf("postgresql is not installed (%v)", err)
	}
	dir, err := os.MkdirTemp("", "kerberos-replay-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := &postgres{bin: filepath.Dir(slices.Max(found)), dir: filepath.Join(dir, "data"), port: l.Addr().(*net.TCPAddr).Port}
	if os.Getuid() == 0 {
		if res := program.Run(t, nil, "", "chown", "postgres", dir); res.Code != 0 {
			t.Fatal(res.Out)
		}
	}
	return p
}

// command returns the arguments that run a program of PostgreSQL, which refuses to run as
// root.
func (p *postgres) command(name string, args ...string) []string {
	command := append([]string{filepath.Join(p.bin, name)}, args...)
	if os.Getuid() == 0 {
		command = append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=KILL"}, command...)
	}
	return command
}

func (p *postgres) run(t testing.TB, name string, args ...string) {
	t.Helper()
	command := p.command(name, args...)
	if res := program.Run(t, nil, "", command[0], command[1:]...); res.Code != 0 {
		t.Errorf("%s: %s", name, res.Out)
	}
}

// start starts the server. After a kill, the first tries can fail, because the processes of
// the connections end a moment after the server.
func (p *postgres) start(t testing.TB) {
	t.Helper()
	command := p.command("postgres", "-D", p.dir, "-p", strconv.Itoa(p.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "dynamic_shared_memory_type=mmap")
	var err error
	for end := time.Now().Add(program.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if p.running, err = program.Start(nil, nil, command[0], command[1:]...); err != nil {
			break
		}
		if err = p.running.Await("its start", func(out string) bool { return strings.Contains(out, "ready to accept") }); err == nil {
			return
		}
		p.running.Stop()
	}
	t.Errorf("postgres: %v", err)
}

// source returns the source for the driver, with the server that is the primary.
func source(servers ...*postgres) string {
	hosts := make([]string, len(servers))
	for i, s := range servers {
		hosts[i] = "127.0.0.1:" + strconv.Itoa(s.port)
	}
	return "postgres://postgres@" + strings.Join(hosts, ",") + "/postgres?sslmode=disable&target_session_attrs=read-write&connect_timeout=2"
}

// stop ends the server by an immediate shutdown.
func (p *postgres) stop() {
	_ = p.running.Cmd.Process.Signal(syscall.SIGQUIT) // an error means that it has ended
	<-p.running.Done()
}

// query returns the result of a statement in one line.
func (p *postgres) query(t testing.TB, statement string) string {
	t.Helper()
	res := program.Run(t, nil, "", "psql", "-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-U", "postgres", "-qAtc", statement)
	if res.Code != 0 {
		t.Errorf("%s: %s", statement, res.Out)
	}
	return strings.TrimSpace(res.Out)
}

// children returns the processes of the server.
func (p *postgres) children(t testing.TB) []int {
	t.Helper()
	pid := p.running.Cmd.Process.Pid
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		t.Error(err)
	}
	pids := []int{pid}
	for f := range strings.FieldsSeq(string(b)) {
		if child, err := strconv.Atoi(f); err == nil {
			pids = append(pids, child)
		}
	}
	return pids
}

// signalAll sends a signal to the server and its processes: first to the server, so that a
// server that stops starts no further process.
func (p *postgres) signalAll(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := p.running.Cmd.Process.Signal(sig); err != nil {
		t.Error(err)
	}
	for _, pid := range p.children(t)[1:] {
		if err := syscall.Kill(pid, sig); err != nil && err != syscall.ESRCH {
			t.Error(err)
		}
	}
}

// walReceiver returns the process of a standby that receives the records of the primary. A
// standby starts it again some seconds after the primary has restarted.
func (p *postgres) walReceiver(t testing.TB) int {
	t.Helper()
	for end := time.Now().Add(program.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for _, pid := range p.children(t)[1:] {
			if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && strings.Contains(string(b), "walreceiver") {
				return pid
			}
		}
	}
	t.Fatal("the standby receives nothing")
	return 0
}

// startPrimary makes a cluster and starts its server.
func startPrimary(t testing.TB) *postgres {
	t.Helper()
	p := newPostgres(t)
	p.run(t, "initdb", "-D", p.dir, "-U", "postgres", "-A", "trust", "--locale=C", "-N")
	p.start(t)
	t.Cleanup(func() { p.stop() })
	return p
}

// startStandby makes a standby of p and starts it.
func startStandby(t testing.TB, p *postgres) *postgres {
	t.Helper()
	s := newPostgres(t)
	s.run(t, "pg_basebackup", "-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-U", "postgres", "-D", s.dir, "-R", "-c", "fast", "-N")
	s.start(t)
	t.Cleanup(func() { s.stop() })
	return s
}

// restart starts both processes of a backend anew.
func (b *backend) restart(t testing.TB) {
	for _, p := range b.processes {
		p.kill()
		if err := p.start(); err != nil {
			t.Error(err)
		}
	}
}

// TestReplay_PostgreSQL logs in through two processes with a table of PostgreSQL, while the
// acceptors and the server are killed, stopped and restarted, and a standby that lacks the
// last records is promoted.
func TestReplay_PostgreSQL(t *testing.T) {
	r := theRealm(t, postgresPackages...)
	primary := startPrimary(t)
	standby := startStandby(t, primary)
	args := []string{"postgres", source(primary, standby)}
	b := newBackend(t, r, buildAcceptor(t, "sqlacceptor", sqlModule, "./internal/acceptor"), args, args)
	b.faults = append(b.processFaults(),
		fault{
			name: "PostgreSQL is killed", refuses: true,
			begin: func(testing.TB) { primary.running.Stop() },
			end:   primary.start,
		},
		fault{
			name: "PostgreSQL is stopped", refuses: true, attempts: 24,
			begin: func(t testing.TB) { primary.signalAll(t, syscall.SIGSTOP) },
			end:   func(t testing.TB) { primary.signalAll(t, syscall.SIGCONT) },
		},
		fault{
			name: "PostgreSQL is restarted", attempts: 1,
			begin: func(testing.TB) { primary.stop() },
			end:   primary.start,
		},
		fault{
			// The acceptors are restarted too, because their memory has the records that the
			// standby lacks.
			name: "a standby that lacks records is promoted", refuses: true,
			begin: func(t testing.TB) {
				receiver := standby.walReceiver(t)
				if err := syscall.Kill(receiver, syscall.SIGSTOP); err != nil {
					t.Error(err)
				}
				const count = "SELECT count(*) FROM krb5_replay"
				before := primary.query(t, count)
				for had, _ := strconv.Atoi(before); !t.Failed(); time.Sleep(10 * time.Millisecond) {
					if has, _ := strconv.Atoi(primary.query(t, count)); has >= had+100 {
						break
					}
				}
				primary.running.Stop()
				standby.running.Stop()
				if err := syscall.Kill(receiver, syscall.SIGKILL); err != nil {
					t.Error(err)
				}
			},
			end: func(t testing.TB) {
				standby.start(t)
				has := standby.query(t, "SELECT count(*) FROM krb5_replay")
				standby.run(t, "pg_ctl", "promote", "-D", standby.dir)
				t.Logf("the standby has %s records", has)
				b.restart(t)
			},
		},
	)
	n := logins(t, allLogins)
	b.run(t, r, n).check(t, n)
}

// sqliteSource returns the source of a new file for the driver.
func sqliteSource(t testing.TB, journal string) string {
	t.Helper()
	q := url.Values{"_pragma": {"journal_mode(" + journal + ")", "synchronous(FULL)"}}
	return "file:" + filepath.Join(t.TempDir(), "replay.db") + "?" + q.Encode()
}

// TestReplay_SQLite logs in through two processes with a file of SQLite, while the acceptors
// are killed and stopped, another program holds the lock, and the file cannot grow.
func TestReplay_SQLite(t *testing.T) {
	r := theRealm(t, "prlimit", "util-linux")
	for _, row := range []struct {
		journal string
		logins  int
	}{
		{"WAL", allLogins},
		{"DELETE", allLogins / 5}, // for the time of CI: it differs from WAL in SQLite alone, and is slower
	} {
		t.Run(row.journal, func(t *testing.T) {
			source := sqliteSource(t, row.journal)
			path := buildAcceptor(t, "sqlacceptor", sqlModule, "./internal/acceptor")
			// Each record waits for the disk and for the records before it. On a busy machine that
			// takes a second now and then.
			args := []string{"-timeout", "4s", "sqlite", source + "&_pragma=busy_timeout(100)"}
			b := newBackend(t, r, path, args, args)
			var locker *program.Process
			b.faults = append(b.processFaults(),
				fault{
					name: "another program holds the lock", refuses: true, attempts: clients,
					begin: func(t testing.TB) {
						// The acceptors hold the lock most of the time, so the locker waits longer.
						var err error
						if locker, err = program.Start(r.env(), nil, path, "lock", source+"&_pragma=busy_timeout(60000)"); err != nil {
							t.Fatal(err)
						}
						if err := locker.Await("the lock", func(out string) bool { return strings.Contains(out, "locked\n") }); err != nil {
							t.Error(err)
						}
					},
					end: func(testing.TB) { locker.Stop() },
				},
				fault{
					name:    "no file may be larger than 16 KiB",
					begin:   func(t testing.TB) { b.limitFiles(t, r, "16384:") },
					end:     func(t testing.TB) { b.limitFiles(t, r, "unlimited:") },
					refuses: true,
				},
			)
			n := logins(t, row.logins)
			b.run(t, r, n).check(t, n)
		})
	}
}
