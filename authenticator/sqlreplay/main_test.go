package sqlreplay_test

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/sqlreplay"
)

const (
	skew     = 5 * time.Minute
	patience = time.Minute // the longest wait of a test, for loaded machines
)

func TestMain(m *testing.M) {
	if file := os.Getenv(childFile); file != "" {
		child(file)
		return
	}
	code := m.Run()
	shared.stop()
	os.Exit(code)
}

// missing skips a test because the machine lacks a program. Where the interop tests must
// run, it fails the test.
func missing(t testing.TB, program string) {
	t.Helper()
	if os.Getenv("KERBEROS_REQUIRE_INTEROP") == "1" {
		t.Fatal("not installed: " + program)
	}
	t.Skip("not installed: " + program)
}

// inInterop skips a test in make test, which sets KERBEROS_SERVERS=no: the test starts a server
// or writes thousands of records to a disk. make interop runs it.
func inInterop(t testing.TB) {
	t.Helper()
	if os.Getenv("KERBEROS_SERVERS") == "no" {
		t.Skip("KERBEROS_SERVERS=no: make interop runs the tests of the databases")
	}
}

// record makes a record of a new client with a random Tag.
func record(now time.Time, ahead time.Duration) authenticator.Record {
	stamp := now.Add(ahead).Truncate(time.Microsecond)
	r := authenticator.Record{Time: stamp, Now: now, Until: stamp.Add(skew + time.Second)}
	rand.Read(r.Tag[:]) // never fails
	rand.Read(r.Client[:])
	return r
}

var tables atomic.Int64

// newTable returns the name of a table of this test.
func newTable() string { return fmt.Sprintf("replay_%d", tables.Add(1)) }

// openDB opens a database until the test ends.
func openDB(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// sqliteDSN returns the source of a database file for the driver modernc.org/sqlite.
func sqliteDSN(file string, pragmas ...string) string {
	q := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	return "file:" + file + "?" + q.Encode()
}

// usual are the pragmas of the package documentation.
var usual = []string{"busy_timeout(100)", "journal_mode(WAL)", "synchronous(FULL)"}

func sqliteDB(t testing.TB, pragmas ...string) *sql.DB {
	t.Helper()
	if len(pragmas) == 0 {
		pragmas = usual
	}
	return sqliteFile(t, filepath.Join(t.TempDir(), "replay.db"), pragmas...)
}

func sqliteFile(t testing.TB, file string, pragmas ...string) *sql.DB {
	t.Helper()
	return openDB(t, "sqlite", sqliteDSN(file, pragmas...))
}

// newCache makes a cache in a new table.
func newCache(t testing.TB, cfg sqlreplay.Config) *sqlreplay.Cache {
	t.Helper()
	if cfg.Table == "" {
		cfg.Table = newTable()
	}
	if err := sqlreplay.CreateTable(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	return open(t, cfg)
}

// open makes a cache in an existing table.
func open(t testing.TB, cfg sqlreplay.Config) *sqlreplay.Cache {
	t.Helper()
	c, err := sqlreplay.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// databases are the databases that most tests run with.
var databases = []struct {
	name    string
	dialect sqlreplay.Dialect
	open    func(t testing.TB) *sql.DB
}{
	{"PostgreSQL", sqlreplay.PostgreSQL, func(t testing.TB) *sql.DB { return sharedServer(t).db(t) }},
	{"SQLite WAL", sqlreplay.SQLite, func(t testing.TB) *sql.DB { return sqliteDB(t) }},
	{"SQLite rollback journal", sqlreplay.SQLite, func(t testing.TB) *sql.DB {
		return sqliteDB(t, "busy_timeout(100)", "journal_mode(DELETE)", "synchronous(FULL)")
	}},
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
