package sqlreplay_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/sqlreplay"
	"github.com/gosspi/kerberos/status"
)

// TestSQLServerRestarts kills and restarts the server under load. The idle connections of
// the pool are broken after it, and yet no good client is refused.
func TestSQLServerRestarts(t *testing.T) {
	for _, c := range []struct {
		name string
		sig  syscall.Signal
	}{{"killed", syscall.SIGKILL}, {"immediate shutdown", syscall.SIGQUIT}, {"fast shutdown", syscall.SIGINT}} {
		t.Run(c.name, func(t *testing.T) {
			s := startServer(t)
			cfg := sqlreplay.Config{DB: s.db(t), Dialect: sqlreplay.PostgreSQL}
			a := newCache(t, withTable(&cfg))
			other := cfg
			other.DB = s.db(t)
			l := startLoad(t, 8, a, open(t, other))
			for range 2 {
				l.until(100)
				l.away.Store(true)
				s.end(c.sig)
				l.attempts(20)
				must(t, s.start())
				l.away.Store(false)
			}
			l.until(100)
			records := l.stop()
			third := cfg
			third.DB = s.db(t)
			if n := replayed(t, open(t, third), records); n > 0 {
				t.Errorf("%d of %d records were lost", n, len(records))
			}
		})
	}
}

func withTable(cfg *sqlreplay.Config) sqlreplay.Config {
	cfg.Table = newTable()
	return *cfg
}

// children returns the processes of a server: the postmaster and its children.
func (s *server) children(t testing.TB) []int {
	t.Helper()
	pid := s.cmd.Process.Pid
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	must(t, err)
	pids := []int{pid}
	for f := range strings.FieldsSeq(string(b)) {
		child, err := strconv.Atoi(f)
		must(t, err)
		pids = append(pids, child)
	}
	return pids
}

// child returns the child of a server whose command line contains a text.
func (s *server) child(t testing.TB, text string) int {
	t.Helper()
	for _, pid := range s.children(t)[1:] {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.Contains(string(b), text) {
			return pid
		}
	}
	t.Fatalf("the server has no process %s", text)
	return 0
}

// signal sends a signal to every process of the server.
func (s *server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	for _, pid := range s.children(t) {
		if err := syscall.Kill(pid, sig); err != nil && err != syscall.ESRCH {
			t.Fatal(err)
		}
	}
}

// TestSQLServerStopped stops all processes of the server by SIGSTOP. Each call is refused
// within its time limit, also without a deadline of the caller.
func TestSQLServerStopped(t *testing.T) {
	s := startServer(t)
	cfg := sqlreplay.Config{DB: s.db(t), Dialect: sqlreplay.PostgreSQL, Timeout: time.Second}
	a := newCache(t, withTable(&cfg))
	other := cfg
	other.DB = s.db(t)
	b := open(t, other)
	l := startLoad(t, 8, a, b)
	l.until(100)
	l.away.Store(true)
	s.signal(t, syscall.SIGSTOP)
	r := record(time.Now(), time.Second)
	refused(t, a, r, status.ReasonReplayCacheFailed, "did not answer in time")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if fresh, err := b.Store(ctx, r); fresh || status.ReasonOf(err) != status.ReasonCanceled {
		t.Errorf("with a deadline of the caller: Store = %v, %v", fresh, err)
	}
	l.attempts(20)
	s.signal(t, syscall.SIGCONT)
	must(t, s.await(a.Check))
	must(t, s.await(b.Check))
	l.away.Store(false)
	l.until(200)
	records := l.stop()
	third := cfg
	third.DB, third.Timeout = s.db(t), 0
	if n := replayed(t, open(t, third), records); n > 0 {
		t.Errorf("%d of %d records were lost", n, len(records))
	}
}

// newStandby makes a standby of a server and starts it.
func (s *server) newStandby(t testing.TB) *server {
	t.Helper()
	standby, err := newFolder(s.bin, "hot_standby=on", "primary_conninfo=host=127.0.0.1 port="+strconv.Itoa(s.port)+" user=postgres application_name=standby")
	must(t, err)
	t.Cleanup(standby.remove)
	must(t, s.run("pg_basebackup", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-U", "postgres", "-D", standby.data(), "-c", "fast", "-N"))
	must(t, os.WriteFile(filepath.Join(standby.data(), "standby.signal"), nil, 0o600))
	must(t, standby.start())
	return standby
}

// promote makes a standby a primary and waits until it is.
func (s *server) promote(t testing.TB) {
	t.Helper()
	must(t, s.run("pg_ctl", "promote", "-D", s.data()))
}

// caughtUp waits until the standby has all records of the primary.
func (s *server) caughtUp(t testing.TB, primary *sql.DB) {
	t.Helper()
	must(t, s.await(func(ctx context.Context) error {
		var behind int64
		err := primary.QueryRowContext(ctx, "SELECT coalesce(max(pg_current_wal_lsn() - flush_lsn), 1) FROM pg_stat_replication").Scan(&behind)
		if err == nil && behind > 0 {
			err = fmt.Errorf("the standby is %d bytes behind", behind)
		}
		return err
	}))
}

// both returns the source of a primary and its standby: pgx connects to the server that is
// the primary.
func both(a, b *server) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/postgres?sslmode=disable&target_session_attrs=read-write&connect_timeout=5", a.port, b.port)
}

func pool(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db := openDB(t, "pgx", dsn)
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	return db
}

// TestSQLStandbyRefuses tests that a cache on a standby refuses every client.
func TestSQLStandbyRefuses(t *testing.T) {
	primary := startServer(t)
	cfg := sqlreplay.Config{DB: primary.db(t), Dialect: sqlreplay.PostgreSQL}
	newCache(t, withTable(&cfg))
	standby := primary.newStandby(t)
	cfg.DB = standby.db(t)
	for _, rule := range []authenticator.StartRule{authenticator.RefuseOlder, authenticator.AcceptOlder} {
		cfg.AfterLoss = rule
		if _, err := sqlreplay.New(t.Context(), cfg); status.ReasonOf(err) != status.ReasonReplayCacheFailed || !strings.Contains(err.Error(), "standby") {
			t.Errorf("New on a standby: %v", err)
		}
	}
}

// TestSQLPromotionLoses promotes a standby that lacks the last records of the primary, and
// counts the replays that the three rules let in.
func TestSQLPromotionLoses(t *testing.T) {
	const lost = 100
	primary := startServer(t)
	db := primary.db(t)
	cfg := sqlreplay.Config{DB: db, Dialect: sqlreplay.PostgreSQL}
	c := newCache(t, withTable(&cfg))
	standby := primary.newStandby(t)
	now := time.Now()
	var kept, right, fast []authenticator.Record
	for range lost {
		kept = append(kept, record(now, time.Second))
		first(t, c, kept[len(kept)-1])
	}
	standby.caughtUp(t, db)
	receiver := standby.child(t, "walreceiver")
	must(t, syscall.Kill(receiver, syscall.SIGSTOP))
	for range lost {
		right = append(right, record(time.Now(), 0))
		fast = append(fast, record(time.Now(), skew))
		first(t, c, right[len(right)-1])
		first(t, c, fast[len(fast)-1])
	}
	primary.end(syscall.SIGKILL)
	standby.end(syscall.SIGKILL)
	must(t, syscall.Kill(receiver, syscall.SIGKILL)) // with the records that it has not read
	must(t, standby.start())
	standby.promote(t)

	// Each rule begins with the table as the promotion left it.
	newDB := standby.db(t)
	table := cfg.Table
	for rule, want := range map[authenticator.StartRule][3]int{
		authenticator.RefuseOlder:      {0, 0, lost},
		authenticator.RefuseWithinSkew: {0, 0, 0},
		authenticator.AcceptOlder:      {0, lost, lost},
	} {
		cfg := cfg
		cfg.DB, cfg.AfterLoss, cfg.Table = newDB, rule, newTable()
		mustExec(t, newDB, fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING ALL)", cfg.Table, table))
		mustExec(t, newDB, fmt.Sprintf("INSERT INTO %s SELECT * FROM %s", cfg.Table, table))
		host := open(t, cfg)
		got := [3]int{replayed(t, host, kept), replayed(t, host, right), replayed(t, host, fast)}
		t.Logf("rule %d: of %d records each, replays accepted: %d of those on the standby, %d of lost ones, %d of lost ones of clients whose clock is %v ahead",
			rule, lost, got[0], got[1], got[2], skew)
		if got != want {
			t.Errorf("rule %d: %v replays were accepted, want %v", rule, got, want)
		}
		if rule != authenticator.RefuseWithinSkew {
			first(t, host, record(time.Now(), time.Second))
		}
	}
}

// TestSQLPromotion kills the primary under load and promotes its standby. Store finds the
// promotion by itself.
func TestSQLPromotion(t *testing.T) {
	for _, synchronous := range []bool{false, true} {
		t.Run(fmt.Sprintf("synchronous %v", synchronous), func(t *testing.T) {
			primary := startServer(t, "wal_keep_size=128MB")
			standby := primary.newStandby(t)
			cfg := sqlreplay.Config{DB: pool(t, both(primary, standby)), Dialect: sqlreplay.PostgreSQL, SynchronousStandby: synchronous}
			if synchronous {
				cfg.AfterLoss = authenticator.AcceptOlder // the guarantee is that of the standby alone
				db := primary.db(t)
				mustExec(t, db, "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
				mustExec(t, db, "SELECT pg_reload_conf()")
				must(t, primary.await(func(ctx context.Context) error {
					var state string
					err := db.QueryRowContext(ctx, "SELECT sync_state FROM pg_stat_replication").Scan(&state)
					if err == nil && state != "sync" {
						err = fmt.Errorf("the standby is %s", state)
					}
					return err
				}))
				db.Close()
			}
			a := newCache(t, withTable(&cfg))
			other := cfg
			other.DB = pool(t, both(primary, standby))
			l := startLoad(t, 8, a, open(t, other))
			l.until(300)
			l.away.Store(true)
			began := time.Now()
			primary.end(syscall.SIGKILL)
			standby.promote(t)
			if synchronous { // the new primary has no standby yet
				refused(t, a, record(time.Now(), time.Second), status.ReasonReplayCacheFailed, "")
				cfg.SynchronousStandby = false
				a, b := open(t, cfg), open(t, withDB(cfg, other.DB))
				l.stop()
				records := l.accepted
				if n := replayed(t, a, records) + replayed(t, b, records); n > 0 {
					t.Errorf("%d of %d records were lost", n, len(records))
				}
				first(t, a, record(time.Now(), time.Second))
				return
			}
			must(t, standby.await(a.Check))
			t.Logf("away for %v", time.Since(began).Round(time.Millisecond))
			l.until(1) // a client whose request is newer than the promotion
			l.away.Store(false)
			l.until(300)
			records := l.stop()
			if n := replayed(t, open(t, other), records); n > 0 {
				t.Errorf("%d of %d records were accepted twice", n, len(records))
			}
		})
	}
}

func withDB(cfg sqlreplay.Config, db *sql.DB) sqlreplay.Config {
	cfg.DB = db
	return cfg
}

// TestSQLTwoPrimaries promotes a synchronous standby while the old primary continues. An
// acceptor that uses the old primary refuses every client.
func TestSQLTwoPrimaries(t *testing.T) {
	primary := startServer(t)
	standby := primary.newStandby(t)
	db := primary.db(t)
	mustExec(t, db, "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
	mustExec(t, db, "SELECT pg_reload_conf()")
	cfg := sqlreplay.Config{DB: db, Dialect: sqlreplay.PostgreSQL, SynchronousStandby: true}
	old := newCache(t, withTable(&cfg))
	used := record(time.Now(), time.Second)
	first(t, old, used)
	standby.promote(t)
	r := record(time.Now(), time.Second)
	refused(t, old, r, status.ReasonReplayCacheFailed, "did not answer in time")
	cfg.DB, cfg.SynchronousStandby, cfg.AfterLoss = standby.db(t), false, authenticator.AcceptOlder
	new := open(t, cfg)
	first(t, new, r)
	replay(t, new, used)
}

// TestSQLDiskFull fills the disk of the server.
func TestSQLDiskFull(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("only root can mount a small disk")
		}
		s := startServer(t)
		disk := t.TempDir()
		must(t, os.Chmod(filepath.Dir(disk), 0o711))
		mount(t, disk)
		must(t, ownFolder(disk))
		db := s.db(t)
		mustExec(t, db, "CREATE TABLESPACE small LOCATION '"+disk+"'")
		cfg := sqlreplay.Config{DB: db, Dialect: sqlreplay.PostgreSQL}
		c := newCache(t, withTable(&cfg))
		mustExec(t, db, "ALTER TABLE "+cfg.Table+" SET TABLESPACE small")
		filled := filepath.Join(disk, "filled")
		f, err := os.Create(filled)
		must(t, err)
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		must(t, f.Close())
		var records []authenticator.Record
		for err = nil; err == nil; {
			r := record(time.Now(), time.Second)
			var fresh bool
			if fresh, err = c.Store(t.Context(), r); fresh {
				records = append(records, r)
			}
			if len(records) > 10000 {
				t.Fatal("the disk is not full")
			}
		}
		if status.ReasonOf(err) != status.ReasonReplayCacheFailed || !strings.Contains(err.Error(), "No space left") {
			t.Errorf("on a full disk: %v", err)
		}
		must(t, os.Remove(filled))
		first(t, c, record(time.Now(), time.Second))
		if n := replayed(t, open(t, cfg), records); n > 0 {
			t.Errorf("%d of %d records were lost", n, len(records))
		}
	})
	t.Run("SQLite", func(t *testing.T) {
		db := sqliteDB(t)
		db.SetMaxOpenConns(1)
		cfg := sqlreplay.Config{DB: db, Dialect: sqlreplay.SQLite}
		c := newCache(t, withTable(&cfg))
		mustExec(t, db, "PRAGMA max_page_count = 10")
		var err error
		for n := 0; err == nil; n++ {
			if n > 10000 {
				t.Fatal("the database is not full")
			}
			_, err = c.Store(t.Context(), record(time.Now(), time.Second))
		}
		if status.ReasonOf(err) != status.ReasonReplayCacheFailed || !strings.Contains(err.Error(), "full") {
			t.Errorf("in a full database: %v", err)
		}
		mustExec(t, db, "PRAGMA max_page_count = 1000")
		first(t, c, record(time.Now(), time.Second))
	})
}
