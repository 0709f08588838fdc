package sqlreplay_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator/sqlreplay"
	"github.com/gosspi/kerberos/status"
)

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
			{"CREATE ROLE bare; ALTER ROLE postgres SET role = bare", "lacks a right"},
		} {
			cfg := sqlreplay.Config{DB: s.db(t), Dialect: sqlreplay.PostgreSQL, Table: newTable()}
			cfg.DB.SetMaxIdleConns(-1) // each statement opens a connection, which gets the role's settings
			cache := newCache(t, cfg)
			first(t, cache, record(time.Now(), time.Second))
			mustExec(t, super, strings.ReplaceAll(c.set, "{table}", cfg.Table))
			refused(t, cache, record(time.Now(), time.Second), status.ReasonReplayCacheFailed, c.text)
			if _, err := sqlreplay.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: New reports %v", c.set, err)
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

// TestSQLUnreachable tests the advice of the error if no server listens.
func TestSQLUnreachable(t *testing.T) {
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	db := openDB(t, "pgx", fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port))
	_, err = sqlreplay.New(t.Context(), sqlreplay.Config{DB: db, Dialect: sqlreplay.PostgreSQL})
	if status.ReasonOf(err) != status.ReasonReplayCacheFailed || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("New reports %v", err)
	}
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
			c := newCache(t, cfg) // CreateTable finds the table and its indexes
			r := record(time.Now(), time.Second)
			first(t, c, r)
			if n := indexes(t, db, cfg); n != 3 {
				t.Errorf("the table has %d indexes, want 3: the documentation and CreateTable differ", n)
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
