package sqlreplay_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is a PostgreSQL server of a test, on loopback.
type server struct {
	bin, dir string // of the programs, and of this server's files
	port     int
	options  []string
	cmd      *exec.Cmd
	ended    chan struct{}
	log      *os.File
}

// shared is the server of the tests that do not stop it.
var shared sharedOnce

type sharedOnce struct {
	once sync.Once
	s    *server
	err  error
}

func sharedServer(t testing.TB) *server {
	t.Helper()
	bin := programs(t)
	shared.once.Do(func() { shared.s, shared.err = newServer(bin) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.s
}

func (o *sharedOnce) stop() {
	if o.s != nil {
		o.s.remove()
	}
	if template.dir != "" {
		_ = os.RemoveAll(template.dir)
	}
}

// programs returns the folder of PostgreSQL's programs.
func programs(t testing.TB) string {
	t.Helper()
	inInterop(t)
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		missing(t, "postgresql")
	}
	return filepath.Dir(slices.Max(found))
}

// startServer starts a server of the test.
func startServer(t testing.TB, options ...string) *server {
	t.Helper()
	s, err := newServer(programs(t), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.remove)
	return s
}

// newServer makes a cluster in a new folder and starts a server.
func newServer(bin string, options ...string) (*server, error) {
	s, err := newFolder(bin, options...)
	if err != nil {
		return nil, err
	}
	template.once.Do(func() { template.dir, template.err = newTemplate(s) })
	if template.err != nil {
		return nil, template.err
	}
	if out, err := s.as("cp", "-a", template.dir, s.data()).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cp: %w\n%s", err, out)
	}
	return s, s.start()
}

// template is the folder of a cluster that no server has used. Each server gets a copy.
var template struct {
	once sync.Once
	dir  string
	err  error
}

func newTemplate(s *server) (string, error) {
	dir, err := os.MkdirTemp("", "kerberos-sqlreplay-")
	if err != nil {
		return "", err
	}
	if err := ownFolder(dir); err != nil {
		return "", err
	}
	return dir, s.run("initdb", "-D", dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
}

func newFolder(bin string, options ...string) (*server, error) {
	dir, err := os.MkdirTemp("", "kerberos-sqlreplay-")
	if err != nil {
		return nil, err
	}
	s := &server{bin: bin, dir: dir, options: options}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	if s.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		return nil, err
	}
	return s, ownFolder(dir)
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *server) command(program string, args ...string) *exec.Cmd {
	return s.as(filepath.Join(s.bin, program), args...)
}

// as returns a command of the user that runs the server.
func (s *server) as(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	asServer(cmd)
	return cmd
}

// run runs a program of PostgreSQL to its end.
func (s *server) run(program string, args ...string) error {
	if out, err := s.command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

// start starts the server and waits until it answers. Its shared memory is in its folder
// (mmap), so that a server that was killed leaves nothing behind. After kill, the first tries can
// fail: the processes of the connections end a moment after the postmaster.
func (s *server) start() error {
	args := []string{"-D", s.data(), "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "dynamic_shared_memory_type=mmap"}
	for _, o := range s.options {
		args = append(args, "-c", o)
	}
	db, err := sql.Open("pgx", s.dsn(""))
	if err != nil {
		return err
	}
	defer db.Close()
	return s.await(func(ctx context.Context) error {
		if s.cmd == nil {
			s.cmd, s.ended = s.command("postgres", args...), make(chan struct{})
			s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
			if err := s.cmd.Start(); err != nil {
				return err
			}
			go func(cmd *exec.Cmd, ended chan struct{}) {
				_ = cmd.Wait()
				close(ended)
			}(s.cmd, s.ended)
		}
		select {
		case <-s.ended:
			s.cmd = nil
			return errors.New("the server ended")
		default:
			return db.PingContext(ctx)
		}
	})
}

// end ends the server by a signal: SIGKILL for the postmaster alone, after which its
// children end by themselves, SIGQUIT for an immediate shutdown, SIGINT for a fast one.
func (s *server) end(sig syscall.Signal) {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(sig) // an error means that it has ended
		<-s.ended
		s.cmd = nil
	}
}

// await calls ready until it returns nil.
func (s *server) await(ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			log, _ := os.ReadFile(s.log.Name())
			return fmt.Errorf("the server is not ready after %v: %w\n%s", patience, err, tail(log))
		}
		time.Sleep(10 * time.Millisecond) // between two tries
	}
}

func tail(log []byte) []byte {
	lines := bytes.Split(log, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-20):], []byte("\n"))
}

// remove ends the server by its immediate shutdown and deletes its files.
func (s *server) remove() {
	s.end(syscall.SIGQUIT)
	_ = s.log.Close()
	_ = os.RemoveAll(s.dir)
}

// dsn returns the source of the server for pgx.
func (s *server) dsn(options string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable%s", s.port, options)
}

func (s *server) db(t testing.TB) *sql.DB {
	t.Helper()
	db := openDB(t, "pgx", s.dsn(""))
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	return db
}

func mustExec(t testing.TB, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
