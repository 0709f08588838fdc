package sqlreplay_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/sqlreplay"
	"github.com/gosspi/kerberos/status"
)

// neverPing opens a database with a driver that does not look whether an idle connection is
// still open.
func neverPing(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	cfg, err := pgx.ParseConfig(dsn)
	must(t, err)
	db := stdlib.OpenDB(*cfg, stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return false }))
	db.SetMaxIdleConns(10)
	t.Cleanup(func() { db.Close() })
	return db
}

// TestSQLBrokenConnections tests that connections that broke while they were idle refuse no
// client.
func TestSQLBrokenConnections(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			s := startServer(t)
			cfg := sqlreplay.Config{DB: neverPing(t, s.dsn("")), Dialect: sqlreplay.PostgreSQL}
			c := newCache(t, withTable(&cfg))
			const idle = 10
			var conns []*sql.Conn
			for range idle {
				conn, err := cfg.DB.Conn(t.Context())
				must(t, err)
				conns = append(conns, conn)
			}
			for _, conn := range conns {
				must(t, conn.Close())
			}
			s.end(sig)
			must(t, s.start())
			if n := cfg.DB.Stats().Idle; n != idle {
				t.Fatalf("%d idle connections, want %d", n, idle)
			}
			for range 2 * idle {
				first(t, c, record(time.Now(), time.Second))
			}
		})
	}
}

// proxy forwards connections to a server. It can lose an answer.
type proxy struct {
	listener net.Listener
	loseOne  atomic.Bool
}

func startProxy(t testing.TB, port int) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{listener: l}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { p.serve(client, port) })
		}
	})
	t.Cleanup(group.Wait)
	t.Cleanup(func() { l.Close() })
	return p
}

func (p *proxy) serve(client net.Conn, port int) {
	defer client.Close()
	server, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		return
	}
	defer server.Close()
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		_, _ = io.Copy(server, client)
		server.Close()
	})
	buf := make([]byte, 1<<16)
	for {
		n, err := server.Read(buf)
		if err != nil || p.loseOne.CompareAndSwap(true, false) {
			client.Close()
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

// TestREPLAY_7_SQLLostAnswer loses the answer of the server to an INSERT. The record may be
// stored, so the client is refused; but the refusal does not call it a replay.
func TestREPLAY_7_SQLLostAnswer(t *testing.T) {
	s := sharedServer(t)
	p := startProxy(t, s.port)
	through := &server{port: p.listener.Addr().(*net.TCPAddr).Port}
	cfg := sqlreplay.Config{DB: neverPing(t, through.dsn("&default_query_exec_mode=exec")), Dialect: sqlreplay.PostgreSQL}
	c := newCache(t, withTable(&cfg))
	first(t, c, record(time.Now(), time.Second))
	r := record(time.Now(), time.Second)
	p.loseOne.Store(true)
	refused(t, c, r, status.ReasonReplayCacheFailed, "may be stored")
	replay(t, open(t, cfg), r)
	first(t, c, record(time.Now(), time.Second))
}

// TestREPLAY_8_SQLDump tests that a table that was copied into another cluster counts as a
// table that may lack records.
func TestREPLAY_8_SQLDump(t *testing.T) {
	old := sharedServer(t)
	cfg := sqlreplay.Config{DB: old.db(t), Dialect: sqlreplay.PostgreSQL}
	c := newCache(t, withTable(&cfg))
	used := record(time.Now(), time.Second)
	first(t, c, used)
	rows, err := cfg.DB.QueryContext(t.Context(), "SELECT tag, stamp, lifetime FROM "+cfg.Table)
	must(t, err)
	defer rows.Close()
	dumped := time.Now()
	later := record(time.Now(), 0)
	first(t, c, later)

	fresh, err := newFolder(programs(t))
	must(t, err)
	t.Cleanup(fresh.remove)
	must(t, fresh.run("initdb", "-D", fresh.data(), "-U", "postgres", "-A", "trust", "--locale=C", "-N"))
	must(t, fresh.start())
	cfg.DB = fresh.db(t)
	must(t, sqlreplay.CreateTable(t.Context(), cfg))
	for rows.Next() {
		var tag []byte
		var stamp int64
		var lifetime sql.NullInt64
		must(t, rows.Scan(&tag, &stamp, &lifetime))
		mustExec(t, cfg.DB, "INSERT INTO "+cfg.Table+" VALUES ($1, $2, $3)", tag, stamp, lifetime)
	}
	must(t, rows.Err())
	restored := open(t, cfg)
	replay(t, restored, used)
	refused(t, restored, later, status.ReasonBeforeReplayCache, "may lack records")
	t.Logf("the table was dumped at %v and restored %v later", dumped, time.Since(dumped))
}

// TestREPLAY_11_SQLStates tests that a new state of a table is not earlier than an old one,
// whose records Expire may have deleted.
func TestREPLAY_11_SQLStates(t *testing.T) {
	cfg := lenient(sharedServer(t).db(t), sqlreplay.PostgreSQL)
	cfg.Table = newTable()
	used := record(time.Now().Add(-3*skew), 0)
	lax := newCache(t, cfg)
	first(t, lax, used)
	if n, err := lax.Expire(t.Context(), 10); n != 1 || err != nil {
		t.Fatalf("Expire = %d, %v; want 1", n, err)
	}
	cfg.AfterLoss = authenticator.RefuseOlder
	open(t, cfg)
	mustExec(t, cfg.DB, "DELETE FROM "+cfg.Table+" WHERE tag = 'state'")
	cfg.AfterLoss = authenticator.AcceptOlder
	refused(t, open(t, cfg), used, status.ReasonBeforeReplayCache, "may lack records")
}

// fakeDriver is a driver whose answers a test chooses.
type fakeDriver struct {
	rows    int64
	rowsErr error
	pause   time.Duration
}

func (f *fakeDriver) Connect(context.Context) (driver.Conn, error) { return f, nil }
func (f *fakeDriver) Driver() driver.Driver                        { return nil }
func (f *fakeDriver) Prepare(string) (driver.Stmt, error)          { return f, nil }
func (f *fakeDriver) Close() error                                 { return nil }
func (f *fakeDriver) Begin() (driver.Tx, error)                    { return nil, errors.New("no transactions") }
func (f *fakeDriver) NumInput() int                                { return -1 }
func (f *fakeDriver) LastInsertId() (int64, error)                 { return 0, nil }
func (f *fakeDriver) RowsAffected() (int64, error)                 { return f.rows, f.rowsErr }
func (f *fakeDriver) Columns() []string                            { return make([]string, 4) }

func (f *fakeDriver) Exec([]driver.Value) (driver.Result, error) {
	time.Sleep(f.pause) // longer than the limit of the test's caller
	return f, nil
}

func (f *fakeDriver) Query([]driver.Value) (driver.Rows, error) { return f, nil }

// Next returns the answer to examine.
func (f *fakeDriver) Next(row []driver.Value) error {
	copy(row, []driver.Value{"", false, int64(0), time.Hour.Microseconds()})
	return nil
}

// TestREPLAY_7_SQLDriver tests that wrong and late answers of a driver refuse.
func TestREPLAY_7_SQLDriver(t *testing.T) {
	for _, c := range []struct {
		name   string
		driver fakeDriver
		text   string
	}{
		{"two rows", fakeDriver{rows: 2}, "2 rows"},
		{"fewer than no rows", fakeDriver{rows: -1}, "-1 rows"},
		{"no number of rows", fakeDriver{rows: 1, rowsErr: errors.New("not supported")}, "not supported"},
		{"a late answer", fakeDriver{rows: 1, pause: 200 * time.Millisecond}, "did not answer in time"},
		{"no row and no reason", fakeDriver{rows: 0}, "changes all the time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := sql.OpenDB(&c.driver)
			defer db.Close()
			cache := open(t, sqlreplay.Config{DB: db, Dialect: sqlreplay.PostgreSQL, Timeout: 100 * time.Millisecond})
			refused(t, cache, record(time.Now(), 0), status.ReasonReplayCacheFailed, c.text)
		})
	}
}
