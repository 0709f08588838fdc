package sqlreplay_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/replaytest"
	"github.com/gosspi/kerberos/authenticator/sqlreplay"
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

// lenient is the configuration for the tests of package replaytest, whose records are
// older than the table.
func lenient(db *sql.DB, dialect sqlreplay.Dialect) sqlreplay.Config {
	return sqlreplay.Config{DB: db, Dialect: dialect, AfterLoss: authenticator.AcceptOlder, Timeout: 20 * time.Second}
}

// TestREPLAY_9_SQLConformance runs the tests that each replay cache must pass. Five caches
// share a table, because one cache would answer most replays from its memory. SQLite with
// a rollback journal has the tests of hosts and processes only: it is slow.
func TestREPLAY_9_SQLConformance(t *testing.T) {
	inInterop(t)
	for _, d := range databases {
		if d.name == "SQLite rollback journal" {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			db := d.open(t)
			replaytest.Run(t, func(t *testing.T) authenticator.ReplayCache { return newHosts(t, 5, lenient(db, d.dialect)) })
		})
	}
}

// TestREPLAY_9_SQLHosts runs the tests of two hosts that share a table.
func TestREPLAY_9_SQLHosts(t *testing.T) {
	inInterop(t)
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			db := d.open(t)
			replaytest.Hosts(t, func(t *testing.T) (first, second authenticator.ReplayCache) {
				h := newHosts(t, 2, lenient(db, d.dialect))
				return h.caches[0], h.caches[1]
			})
		})
	}
}

// TestREPLAY_9_PostgreSQLProcesses stores the same records in two processes.
func TestREPLAY_9_PostgreSQLProcesses(t *testing.T) {
	replaytest.Processes(t,
		func(t *testing.T) string {
			s := sharedServer(t)
			must(t, sqlreplay.CreateTable(t.Context(), lenient(s.db(t), sqlreplay.PostgreSQL)))
			return s.dsn("")
		},
		func(t *testing.T, dsn string) authenticator.ReplayCache {
			return open(t, lenient(openDB(t, "pgx", dsn), sqlreplay.PostgreSQL))
		})
}

// TestREPLAY_9_SQLiteProcesses stores the same records in two processes.
func TestREPLAY_9_SQLiteProcesses(t *testing.T) {
	inInterop(t)
	replaytest.Processes(t,
		func(t *testing.T) string {
			file := filepath.Join(t.TempDir(), "replay.db")
			must(t, sqlreplay.CreateTable(t.Context(), lenient(sqliteFile(t, file, usual...), sqlreplay.SQLite)))
			return file
		},
		func(t *testing.T, file string) authenticator.ReplayCache {
			return open(t, lenient(sqliteFile(t, file, usual...), sqlreplay.SQLite))
		})
}

// TestREPLAY_7_SQLLate holds a lock that Store needs.
func TestREPLAY_7_SQLLate(t *testing.T) {
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			db := d.open(t)
			cfg := lenient(db, d.dialect)
			cfg.Table = newTable()
			statement := "BEGIN EXCLUSIVE"
			if d.dialect == sqlreplay.PostgreSQL {
				statement = "BEGIN; LOCK TABLE " + cfg.Table + " IN ACCESS EXCLUSIVE MODE"
			}
			replaytest.Late(t, newCache(t, cfg), func(t *testing.T) func() {
				conn, err := db.Conn(t.Context())
				must(t, err)
				for part := range strings.SplitSeq(statement, "; ") {
					if _, err := conn.ExecContext(t.Context(), part); err != nil {
						t.Fatal(err)
					}
				}
				return func() {
					if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
						t.Error(err)
					}
					conn.Close()
				}
			})
		})
	}
}

// BenchmarkStore measures Store beside the memory cache: new authenticators from one and
// from 16 callers, and replays to another process.
func BenchmarkStore(b *testing.B) {
	caches := []struct {
		name string
		open func(b *testing.B) (one, other authenticator.ReplayCache)
	}{{"memory", func(*testing.B) (one, other authenticator.ReplayCache) {
		c := authenticator.NewMemoryCache(0, authenticator.AcceptOlder)
		return c, c // the second cache of the others has not seen the record
	}}}
	for _, d := range databases {
		caches = append(caches, struct {
			name string
			open func(b *testing.B) (one, other authenticator.ReplayCache)
		}{d.name, func(b *testing.B) (one, other authenticator.ReplayCache) {
			h := newHosts(b, 2, lenient(d.open(b), d.dialect))
			return h.caches[0], h.caches[1]
		}})
	}
	for _, c := range caches {
		one, other := c.open(b)
		store := func(b *testing.B, c authenticator.ReplayCache, r authenticator.Record, want bool) {
			if fresh, err := c.Store(b.Context(), r); fresh != want || err != nil {
				b.Errorf("Store = %v, %v; want %v", fresh, err, want)
			}
		}
		b.Run(c.name+"/new", func(b *testing.B) {
			for b.Loop() {
				store(b, one, record(time.Now(), 0), true)
			}
		})
		b.Run(c.name+"/new, 16 callers", func(b *testing.B) {
			b.SetParallelism(max(1, 16/runtime.GOMAXPROCS(0)))
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					store(b, one, record(time.Now(), 0), true)
				}
			})
		})
		b.Run(c.name+"/replay", func(b *testing.B) {
			const batch = 200
			var known []authenticator.Record
			for b.Loop() {
				if len(known) == 0 {
					b.StopTimer()
					for range batch {
						known = append(known, record(time.Now(), 0))
						store(b, one, known[len(known)-1], true)
					}
					b.StartTimer()
				}
				store(b, other, known[0], false)
				known = known[1:]
			}
		})
	}
}
