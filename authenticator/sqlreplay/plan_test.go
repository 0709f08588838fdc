package sqlreplay_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator/sqlreplay"
)

// TestSQLReadsNoTable tests that no statement of PostgreSQL reads the whole table.
// PostgreSQL counts these reads, and publishes the counts when a connection ends.
func TestSQLReadsNoTable(t *testing.T) {
	s := sharedServer(t)
	control := s.db(t)
	cfg := sqlreplay.Config{DB: s.db(t), Dialect: sqlreplay.PostgreSQL, Table: newTable()}
	newCache(t, cfg)
	const known, added = 5000, 10
	mustExec(t, control, fmt.Sprintf("INSERT INTO %s SELECT convert_to('record ' || i, 'UTF8'), i FROM generate_series(1, %d) i", cfg.Table, known))
	mustExec(t, control, "ANALYZE "+cfg.Table)
	reads := func(db *sql.DB, rows int) (n int) {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		control := s.db(t)
		if err := s.await(func(ctx context.Context) error {
			var inserted int
			if err := control.QueryRowContext(ctx, "SELECT n_tup_ins, seq_scan FROM pg_stat_user_tables WHERE relname = $1", cfg.Table).Scan(&inserted, &n); err != nil {
				return err
			}
			if inserted < rows {
				return fmt.Errorf("%d rows were inserted, want %d", inserted, rows)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := cfg.DB.Close(); err != nil {
		t.Fatal(err)
	}
	before := reads(control, known+1) // and the state
	cfg.DB = s.db(t)
	one, other := open(t, cfg), open(t, cfg)
	for range added {
		r := record(time.Now(), time.Second)
		first(t, one, r)
		replay(t, other, r)
		if _, err := one.Expire(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	if after := reads(cfg.DB, known+1+added); after != before {
		t.Errorf("PostgreSQL read the whole table %d times", after-before)
	}
}

// TestSQLiteReadsNoTable tests that no statement of SQLite reads the whole table.
func TestSQLiteReadsNoTable(t *testing.T) {
	cfg := sqlreplay.Config{DB: sqliteDB(t), Dialect: sqlreplay.SQLite, Table: newTable()}
	newCache(t, cfg)
	for name, statement := range sqlreplay.Statements(cfg) {
		rows, err := cfg.DB.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+statement, 1, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			whole := !strings.Contains(step, "(tag=") && !strings.Contains(step, cfg.Table+"_")
			if strings.Contains(step, "main."+cfg.Table) && whole { // neither a key nor an index
				t.Errorf("%s: %s", name, step)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
}
