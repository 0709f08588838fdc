package sqlreplay_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/replaytest"
	"github.com/gosspi/kerberos/authenticator/sqlreplay"
	"github.com/gosspi/kerberos/status"
)

// hosts is a ReplayCache that asks several caches with one table in turn, so that the
// answers are those of the table and not those of the memory of a process.
type hosts struct {
	caches []*sqlreplay.Cache
	next   atomic.Int64
}

func (h *hosts) Store(ctx context.Context, r authenticator.Record) (bool, error) {
	return h.caches[int(h.next.Add(1))%len(h.caches)].Store(ctx, r)
}

// newHosts makes caches for n hosts with one table.
func newHosts(t testing.TB, n int, cfg sqlreplay.Config) *hosts {
	t.Helper()
	cfg.Table = newTable()
	h := &hosts{caches: []*sqlreplay.Cache{newCache(t, cfg)}}
	for range n - 1 {
		h.caches = append(h.caches, open(t, cfg))
	}
	return h
}

// TestREPLAY_9_SQLConformance runs the tests that each replay cache must pass, with one
// cache and with several caches that share a table.
func TestREPLAY_9_SQLConformance(t *testing.T) {
	for _, d := range databases {
		for _, n := range []int{1, 5} {
			t.Run(fmt.Sprintf("%s, %d", d.name, n), func(t *testing.T) {
				if n > 1 && d.name == "SQLite rollback journal" {
					t.Skip("two processes with a rollback journal have a test of their own")
				}
				db := d.open(t)
				replaytest.Run(t, func(t *testing.T) authenticator.ReplayCache {
					return newHosts(t, n, sqlreplay.Config{
						DB: db, Dialect: d.dialect, AfterLoss: authenticator.AcceptOlder, Timeout: 20 * time.Second,
					})
				})
			})
		}
	}
}

// first stores r, which must be new.
func first(t testing.TB, c authenticator.ReplayCache, r authenticator.Record) {
	t.Helper()
	if fresh, err := c.Store(t.Context(), r); !fresh || err != nil {
		t.Fatalf("a new authenticator: Store = %v, %v; want true, nil", fresh, err)
	}
}

// replay stores r, which must be known.
func replay(t testing.TB, c authenticator.ReplayCache, r authenticator.Record) {
	t.Helper()
	if fresh, err := c.Store(t.Context(), r); fresh || err != nil {
		t.Fatalf("a replay: Store = %v, %v; want false, nil", fresh, err)
	}
}

// refused stores r, which must be refused with a Reason and a text.
func refused(t testing.TB, c authenticator.ReplayCache, r authenticator.Record, reason status.Reason, text string) {
	t.Helper()
	fresh, err := c.Store(t.Context(), r)
	if fresh || status.ReasonOf(err) != reason || !strings.Contains(fmt.Sprint(err), text) {
		t.Fatalf("Store = %v, %v; want false and the Reason %v with %q", fresh, err, reason, text)
	}
}

// each runs a test with each kind of database.
func each(t *testing.T, run func(t *testing.T, cfg sqlreplay.Config)) {
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			run(t, sqlreplay.Config{DB: d.open(t), Dialect: d.dialect, Table: newTable()})
		})
	}
}

// TestREPLAY_8_SQLStart tests that a new or an emptied table refuses authenticators that
// may have been used before.
func TestREPLAY_8_SQLStart(t *testing.T) {
	each(t, func(t *testing.T, cfg sqlreplay.Config) {
		var losses atomic.Int64
		cfg.OnEvent = func(e sqlreplay.Event) {
			if !e.Loss.IsZero() {
				losses.Add(1)
			}
		}
		c := newCache(t, cfg)
		now := time.Now()
		refused(t, c, record(now, -time.Second), status.ReasonBeforeReplayCache, "may lack records")
		first(t, c, record(now, time.Second))

		// A second process does not move the start.
		cfg.LocalRecords = 1000
		other := open(t, cfg)
		first(t, other, record(now, time.Millisecond))

		mustExec(t, cfg.DB, "DELETE FROM "+cfg.Table)
		now = time.Now()
		old, fast := record(now, -time.Second), record(now, time.Second)
		refused(t, c, old, status.ReasonBeforeReplayCache, "may lack records")
		first(t, c, fast)
		replay(t, other, fast)
		if n := losses.Load(); n != 1 {
			t.Errorf("%d events report the loss, want 1", n)
		}

		cfg.Table, cfg.AfterLoss = newTable(), authenticator.RefuseWithinSkew
		strict := newCache(t, cfg)
		now = time.Now()
		refused(t, strict, record(now, skew-time.Second), status.ReasonBeforeReplayCache, "may lack records")
		first(t, strict, record(now, skew+2*time.Second))

		cfg.Table, cfg.AfterLoss = newTable(), authenticator.AcceptOlder
		first(t, newCache(t, cfg), record(now, -skew))
	})
}

// TestREPLAY_5_SQLExpire tests that Expire deletes the records that have ended, at most as
// many as its caller allows, and no others.
func TestREPLAY_5_SQLExpire(t *testing.T) {
	each(t, func(t *testing.T, cfg sqlreplay.Config) {
		cfg.AfterLoss = authenticator.AcceptOlder
		now := time.Now()
		clock := now
		cfg.Time = func() time.Time { return clock }
		c, other := newCache(t, cfg), open(t, cfg)
		past := now.Add(-3 * skew)
		for range 25 {
			r := record(past, 0)
			first(t, c, r)
		}
		kept := record(now, -skew)
		first(t, c, kept)
		want := func(max, deleted int) {
			t.Helper()
			if n, err := c.Expire(t.Context(), max); n != deleted || err != nil {
				t.Fatalf("Expire(%d) = %d, %v; want %d", max, n, err, deleted)
			}
		}
		clock = past // the caller's clock is behind
		want(10, 0)
		clock = now
		want(10, 10)
		want(10, 10)
		clock = now.Add(time.Hour) // the caller's clock is ahead, but not that of the database
		want(10, 5)
		want(10, 0)
		replay(t, other, kept)
		if n, err := c.Expire(t.Context(), 0); n != 0 || status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("Expire(0) = %d, %v", n, err)
		}
	})
}

// TestREPLAY_11_SQLHorizon tests that an authenticator whose record was deleted is refused,
// whatever the clocks of the acceptors show.
func TestREPLAY_11_SQLHorizon(t *testing.T) {
	each(t, func(t *testing.T, cfg sqlreplay.Config) {
		cfg.AfterLoss = authenticator.AcceptOlder
		c, other, third := newCache(t, cfg), open(t, cfg), open(t, cfg)
		past := time.Now().Add(-2*skew - time.Minute)
		r := record(past, 0)
		first(t, c, r)
		if n, err := c.Expire(t.Context(), 100); n != 1 || err != nil {
			t.Fatalf("Expire = %d, %v; want 1", n, err)
		}
		// An acceptor whose clock is behind, and an acceptor with a greater skew.
		refused(t, other, r, status.ReasonBeforeReplayCache, "not later than")
		r.Now, r.Until = time.Now(), r.Time.Add(4*skew)
		refused(t, third, r, status.ReasonBeforeReplayCache, "not later than")
		// The greater skew keeps records longer from now on.
		long := record(past, time.Minute)
		long.Until = long.Time.Add(4 * skew)
		first(t, other, long)
		if n, err := c.Expire(t.Context(), 100); n != 0 || err != nil {
			t.Fatalf("Expire = %d, %v; want 0", n, err)
		}
	})
}

// TestREPLAY_7_SQLRefuses tests that no error of the database admits a client.
func TestREPLAY_7_SQLRefuses(t *testing.T) {
	each(t, func(t *testing.T, cfg sqlreplay.Config) {
		if _, err := sqlreplay.New(t.Context(), cfg); status.ReasonOf(err) != status.ReasonReplayCacheFailed || !strings.Contains(err.Error(), "CreateTable") {
			t.Errorf("New without a table: %v", err)
		}
		var events []sqlreplay.Event
		cfg.OnEvent = func(e sqlreplay.Event) { events = append(events, e) }
		c := newCache(t, cfg)
		r := record(time.Now(), time.Second)
		first(t, c, r)
		replay(t, c, r)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if fresh, err := c.Store(ctx, record(time.Now(), 0)); fresh || status.ReasonOf(err) != status.ReasonCanceled {
			t.Errorf("with a canceled context: Store = %v, %v", fresh, err)
		}
		mustExec(t, cfg.DB, "DROP TABLE "+cfg.Table)
		refused(t, c, record(time.Now(), time.Second), status.ReasonReplayCacheFailed, "CreateTable")
		if err := c.Check(t.Context()); err == nil {
			t.Error("Check reports nothing without a table")
		}
		if len(events) != 4 || !events[0].Fresh || events[0].Local || !events[1].Local || events[2].Err == nil || events[3].Fresh || events[3].Took <= 0 {
			t.Errorf("the events are %+v", events)
		}
		if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, "127.0.0.1") || strings.Contains(text, cfg.Table) {
			t.Errorf("a Cache prints %s", text)
		}
	})
	var none *sqlreplay.Cache
	refused(t, none, record(time.Now(), 0), status.ReasonArgument, "New")
	refused(t, new(sqlreplay.Cache), record(time.Now(), 0), status.ReasonArgument, "New")
}

// TestSQLConfig tests that New names the field that cannot be used.
func TestSQLConfig(t *testing.T) {
	db := sqliteDB(t)
	for _, c := range []struct {
		cfg  sqlreplay.Config
		text string
	}{
		{sqlreplay.Config{Dialect: sqlreplay.SQLite}, "Config.DB"},
		{sqlreplay.Config{DB: db}, "Config.Dialect"},
		{sqlreplay.Config{DB: db, Dialect: 3}, "Config.Dialect"},
		{sqlreplay.Config{DB: db, Dialect: sqlreplay.PostgreSQL, Table: `x"; DROP TABLE y`}, "Config.Table"},
		{sqlreplay.Config{DB: db, Dialect: sqlreplay.PostgreSQL, Table: "a.b.c"}, "Config.Table"},
		{sqlreplay.Config{DB: db, Dialect: sqlreplay.PostgreSQL, Table: "Upper"}, "Config.Table"},
		{sqlreplay.Config{DB: db, Dialect: sqlreplay.PostgreSQL, Table: strings.Repeat("a", 58)}, "Config.Table"},
		{sqlreplay.Config{DB: db, Dialect: sqlreplay.SQLite, Table: "main.x"}, "schema"},
		{sqlreplay.Config{DB: db, Dialect: sqlreplay.SQLite, SynchronousStandby: true}, "standby"},
		{sqlreplay.Config{DB: db, Dialect: sqlreplay.SQLite, Timeout: -1}, "Timeout"},
		{sqlreplay.Config{DB: db, Dialect: sqlreplay.SQLite, AfterLoss: 3}, "AfterLoss"},
	} {
		for _, err := range []error{sqlreplay.CreateTable(t.Context(), c.cfg), second(sqlreplay.New(t.Context(), c.cfg))} {
			if status.ReasonOf(err) != status.ReasonArgument || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%+v: %v; want an error that names %s", c.cfg, err, c.text)
			}
		}
	}
}

func second(_ *sqlreplay.Cache, err error) error { return err }

// TestSQLConditions tests that settings with which a crash loses records refuse every
// client, also if they change while the cache is in use.
func TestSQLConditions(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) {
		s := startServer(t)
		super := s.db(t)
		for _, c := range []struct{ set, text string }{
			{"ALTER TABLE {table} SET UNLOGGED", "unlogged"},
			{"ALTER ROLE postgres SET synchronous_commit = off", "synchronous_commit is off"},
			{"ALTER ROLE postgres SET default_transaction_isolation = 'repeatable read'", "default_transaction_isolation"},
			{"ALTER ROLE postgres SET default_transaction_read_only = on", "read-only"},
		} {
			cfg := sqlreplay.Config{DB: s.db(t), Dialect: sqlreplay.PostgreSQL, Table: newTable()}
			cfg.DB.SetMaxIdleConns(-1) // each statement opens a connection, which gets the role's settings
			cache := newCache(t, cfg)
			first(t, cache, record(time.Now(), time.Second))
			mustExec(t, super, strings.ReplaceAll(c.set, "{table}", cfg.Table))
			refused(t, cache, record(time.Now(), time.Second), status.ReasonReplayCacheFailed, c.text)
			if _, err := sqlreplay.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.text) {
				if c.text != "read-only" { // New of a table with a state only reads
					t.Errorf("%s: New reports %v", c.set, err)
				}
			}
			mustExec(t, super, "SET default_transaction_read_only = off")
			mustExec(t, super, "ALTER ROLE postgres RESET ALL")
		}
		cfg := sqlreplay.Config{DB: s.db(t), Dialect: sqlreplay.PostgreSQL, Table: newTable(), SynchronousStandby: true}
		if err := sqlreplay.CreateTable(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlreplay.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "synchronous_standby_names") {
			t.Errorf("New without a standby: %v", err)
		}
	})
	t.Run("PostgreSQL without fsync", func(t *testing.T) {
		s := startServer(t, "fsync=off")
		cfg := sqlreplay.Config{DB: s.db(t), Dialect: sqlreplay.PostgreSQL}
		if err := sqlreplay.CreateTable(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlreplay.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "fsync is off") {
			t.Errorf("New reports %v", err)
		}
	})
	for _, c := range []struct{ pragma, text string }{
		{"synchronous(NORMAL)", "synchronous"},
		{"synchronous(OFF)", "synchronous"},
		{"journal_mode(OFF)", "journal_mode"},
		{"journal_mode(MEMORY)", "journal_mode"},
		{"read_uncommitted(1)", "read_uncommitted"},
	} {
		t.Run("SQLite "+c.pragma, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "replay.db")
			good := sqlreplay.Config{DB: sqliteFile(t, file, "busy_timeout(100)", "synchronous(FULL)"), Dialect: sqlreplay.SQLite, Table: newTable()}
			first(t, newCache(t, good), record(time.Now(), time.Second))
			bad := good
			bad.DB = sqliteFile(t, file, c.pragma)
			if _, err := sqlreplay.New(t.Context(), bad); err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("New reports %v", err)
			}
			// The setting of a connection changes while the cache is in use.
			good.DB.SetMaxOpenConns(1)
			cache := open(t, good)
			name, value, _ := strings.Cut(strings.TrimSuffix(c.pragma, ")"), "(")
			mustExec(t, good.DB, "PRAGMA "+name+" = "+value)
			refused(t, cache, record(time.Now(), time.Second), status.ReasonReplayCacheFailed, c.text)
		})
	}
	t.Run("SQLite in memory", func(t *testing.T) {
		db := openDB(t, "sqlite", ":memory:")
		db.SetMaxOpenConns(1)
		cfg := sqlreplay.Config{DB: db, Dialect: sqlreplay.SQLite}
		if err := sqlreplay.CreateTable(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlreplay.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "in memory") {
			t.Errorf("New reports %v", err)
		}
	})
}

// TestSQLSchema tests that the statements of the package documentation are those of
// CreateTable.
func TestSQLSchema(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var statements []string
	for block := range strings.SplitSeq(strings.ReplaceAll(string(doc), "//\t", "\t"), "//\n") {
		if strings.HasPrefix(block, "\tCREATE TABLE") {
			statements = append(statements, block)
		}
	}
	if len(statements) != 2 {
		t.Fatalf("the documentation has %d schemas, want 2", len(statements))
	}
	for i, d := range databases[:2] {
		t.Run(d.name, func(t *testing.T) {
			db := d.open(t)
			schema := "public"
			if d.dialect == sqlreplay.PostgreSQL {
				schema = newTable()
				mustExec(t, db, "CREATE SCHEMA "+schema)
			}
			cfg := sqlreplay.Config{DB: db, Dialect: d.dialect, Table: newTable()}
			if d.dialect == sqlreplay.PostgreSQL {
				cfg.Table = schema + "." + cfg.Table
			}
			for statement := range strings.SplitSeq(strings.TrimSpace(statements[i]), ";") {
				if statement != "" {
					mustExec(t, db, strings.ReplaceAll(strings.ReplaceAll(statement, "INDEX krb5_replay", "INDEX "+cfg.Table[strings.IndexByte(cfg.Table, '.')+1:]), "krb5_replay ", cfg.Table+" "))
				}
			}
			c := newCache(t, cfg) // CreateTable finds the table and its index
			r := record(time.Now(), time.Second)
			first(t, c, r)
			if n := indexes(t, db, cfg); n != 2 {
				t.Errorf("the table has %d indexes, want 2: the documentation and CreateTable differ", n)
			}
		})
	}
}

func indexes(t testing.TB, db *sql.DB, cfg sqlreplay.Config) (n int) {
	t.Helper()
	count := "SELECT count(*) FROM pg_indexes WHERE schemaname || '.' || tablename = $1"
	if cfg.Dialect == sqlreplay.SQLite {
		count = "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = ? OR name = 'x'"
	}
	if err := db.QueryRowContext(t.Context(), count, cfg.Table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if cfg.Dialect == sqlreplay.SQLite {
		n++ // the table itself is an index (WITHOUT ROWID)
	}
	return n
}

// TestSQLConcurrentExpire tests that Store and Expire run at the same time.
func TestSQLConcurrentExpire(t *testing.T) {
	each(t, func(t *testing.T, cfg sqlreplay.Config) {
		cfg.AfterLoss, cfg.Timeout = authenticator.AcceptOlder, 20*time.Second
		h := newHosts(t, 3, cfg)
		done := make(chan struct{})
		var group sync.WaitGroup
		var deleted atomic.Int64
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				n, err := h.caches[0].Expire(t.Context(), 10)
				deleted.Add(int64(n))
				if err != nil && !strings.Contains(err.Error(), "lock timeout") {
					t.Error(err)
				}
			}
		})
		var stores sync.WaitGroup
		for range 8 {
			stores.Go(func() {
				for range 40 {
					now := time.Now()
					old := record(now.Add(-3*skew), 0)
					if fresh, err := h.Store(t.Context(), old); err != nil && status.ReasonOf(err) != status.ReasonBeforeReplayCache {
						t.Errorf("an old record: %v, %v", fresh, err)
					}
					r := record(now, 0)
					accepts := 0
					for range 3 {
						fresh, err := h.Store(t.Context(), r)
						if err != nil {
							t.Error(err)
						}
						if fresh {
							accepts++
						}
					}
					if accepts != 1 {
						t.Errorf("an authenticator was new %d times", accepts)
					}
				}
			})
		}
		stores.Wait()
		close(done)
		group.Wait()
		t.Logf("%d records deleted", deleted.Load())
	})
}
