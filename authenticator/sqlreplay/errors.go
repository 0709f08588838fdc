package sqlreplay

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// busyPause is the pause before another try while another process writes to a SQLite
// database. A driver that waits by itself (PRAGMA busy_timeout) makes the pauses rare.
const busyPause = 2 * time.Millisecond

func failed(detail string, err error) error {
	return &status.Error{Reason: status.ReasonReplayCacheFailed, Detail: "sqlreplay: " + detail, Err: err}
}

func beforeTable(r authenticator.Record, horizon int64) error {
	return &status.Error{Reason: status.ReasonBeforeReplayCache, Detail: "the client's time stamp " + moment(r.Time.UnixMicro()) +
		" is not later than " + moment(horizon) + ", and the table may lack records of that time and earlier: it was new, a standby was promoted, or Expire deleted them. A client that sends a new request is accepted"}
}

func moment(micro int64) string {
	return time.UnixMicro(micro).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
}

// try runs a statement, and runs it again while SQLite is busy or after the connection
// broke, such as one that was idle while the server was restarted. mayHaveRun reports that
// a try may have succeeded although its connection broke. No statement of a Cache does harm
// if it runs twice.
func (c *Cache) try(ctx context.Context, run func() error) (mayHaveRun bool, err error) {
	for left := -1; ; left-- {
		switch err = run(); {
		case err == nil:
			return mayHaveRun, nil
		case c.cfg.Dialect == SQLite && busy(err):
			if !pause(ctx) {
				return mayHaveRun, c.explain(err)
			}
		case c.cfg.Dialect == PostgreSQL && broken(err) && ctx.Err() == nil && left != 0:
			mayHaveRun = true
			if left < 0 { // every idle connection may be broken, and then a new one is tried
				left = c.cfg.DB.Stats().Idle + 2
			}
		default:
			return mayHaveRun, c.explain(err)
		}
	}
}

// busy reports whether SQLite refused a statement because another connection writes. All
// drivers return the text of SQLite's result codes SQLITE_BUSY and SQLITE_LOCKED.
func busy(err error) bool {
	return strings.Contains(err.Error(), "database is locked") || strings.Contains(err.Error(), "database table is locked")
}

// pause waits for a moment. It returns false if ctx ends before.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(busyPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// broken reports whether err says that a connection broke that had been open.
func broken(err error) bool {
	switch sqlState(err) {
	case "57P01", "57P02": // the server ended the session: a shutdown, or the crash of another session
		return true
	}
	for _, sign := range []error{driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, sign) {
			return true
		}
	}
	return false
}

// explain adds advice to an error of the database.
func (c *Cache) explain(err error) error {
	detail := "the database returned an error"
	switch sqlState(err) {
	case "25006":
		detail = "the server is a standby or its transactions are read-only; connect to the primary (target_session_attrs=read-write)"
	case "42P01":
		detail = "the table does not exist; create it with CreateTable"
	case "57P03":
		detail = "the server is starting or shutting down"
	case "42501":
		detail = "the user of the database lacks a right; the documentation of package sqlreplay lists the rights"
	case "42883":
		detail = "the server lacks a function that PostgreSQL has; with Config.AfterLoss = AcceptOlder the cache does not ask for the timeline"
	}
	if _, unreachable := errors.AsType[*net.OpError](err); unreachable {
		detail = "the database cannot be reached; check that it runs, its address, and the network"
	}
	if c.cfg.Dialect == SQLite && strings.Contains(err.Error(), "no such table") {
		detail = "the table does not exist; create it with CreateTable"
	}
	return failed(detail, err)
}

// sqlState returns the SQLSTATE of an error, or "" if the driver gives none. The errors of
// pgx and of lib/pq have this method.
func sqlState(err error) string {
	var coded interface{ SQLState() string }
	if errors.As(err, &coded) {
		return coded.SQLState()
	}
	return ""
}
