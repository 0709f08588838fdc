package sqlreplay_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator/sqlreplay"
	"github.com/gosspi/kerberos/status"
)

// journals are the journal modes of SQLite with which the tests run several processes.
var journals = []string{"WAL", "DELETE"}

// TestSQLiteProcesses stores each record in two processes at the same time, and kills one
// of them by SIGKILL again and again, also while it stores.
func TestSQLiteProcesses(t *testing.T) {
	inInterop(t)
	rounds, kills := 600, 20
	if testing.Short() {
		rounds, kills = 60, 3
	}
	for _, journal := range journals {
		t.Run(journal, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "replay.db")
			source := sqliteDSN(file, "busy_timeout(100)", "journal_mode("+journal+")", "synchronous(FULL)")
			db := openDB(t, "sqlite", source)
			must(t, sqlreplay.CreateTable(t.Context(), sqlreplay.Config{DB: db, Dialect: sqlreplay.SQLite}))
			// The state of the table exists before the first time stamp.
			if _, err := sqlreplay.New(t.Context(), sqlreplay.Config{DB: db, Dialect: sqlreplay.SQLite}); err != nil {
				t.Fatal(err)
			}
			start := time.Now().UnixMicro()
			a, b := startChild(t, source, start), startChild(t, source, start)
			var tags []string
			fresh := map[string]int{} // accepts by tag
			lost := 0                 // answers of a process that was killed
			var slowest time.Duration
			for i := range rounds {
				var raw [24]byte
				rand.Read(raw[:])
				tag := hex.EncodeToString(raw[:])
				tags = append(tags, tag)
				asked := time.Now()
				b.ask(tag)
				a.ask(tag)
				kill := i%(rounds/kills) == rounds/kills-1
				if kill {
					time.Sleep(time.Duration(i%7) * 200 * time.Microsecond) // to meet each phase of a transaction
					b.kill()
				}
				answers := []string{a.answer(), b.answer()}
				slowest = max(slowest, time.Since(asked))
				if slices.Contains(answers, "fresh") {
					fresh[tag]++
				}
				switch {
				case answers[0] == answers[1]:
					t.Fatalf("round %d: both processes answered %q", i, answers[0])
				case answers[1] == "" && kill:
					lost++
				case answers[0] == "" || answers[1] == "" || len(answers[0]) != 5 || len(answers[1]) != 5:
					t.Fatalf("round %d: the processes answered %q", i, answers)
				}
				if kill {
					b.reap()
					b = startChild(t, source, start+int64(i)+1)
				}
			}
			// A third process knows each record that was accepted.
			c := startChild(t, source, start)
			again := 0
			for _, tag := range tags {
				c.ask(tag)
				if got := c.answer(); fresh[tag] > 0 && got != "known" {
					t.Errorf("a record that was accepted: %q", got)
				} else if got == "fresh" {
					again++
				}
			}
			t.Logf("%s: %d records in two processes, %d accepted, %d kills, %d of them before an answer; slowest round %v; %d records were new to a third process",
				journal, rounds, len(fresh), kills, lost, slowest.Round(time.Millisecond), again)
		})
	}
}

// TestSQLiteBusy tests that Store waits for another process that writes, refuses when its
// time is over, and tries again.
func TestSQLiteBusy(t *testing.T) {
	for _, journal := range journals {
		t.Run(journal, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "replay.db")
			pragmas := []string{"busy_timeout(50)", "journal_mode(" + journal + ")", "synchronous(FULL)"}
			cfg := sqlreplay.Config{DB: sqliteFile(t, file, pragmas...), Dialect: sqlreplay.SQLite, Timeout: time.Second}
			cache := newCache(t, cfg)
			other := sqliteFile(t, file, pragmas...)
			conn, err := other.Conn(t.Context())
			must(t, err)
			defer conn.Close()
			lock := func(statement string) {
				t.Helper()
				if _, err := conn.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			lock("BEGIN EXCLUSIVE")
			r := record(time.Now(), time.Second)
			refused(t, cache, r, status.ReasonReplayCacheFailed, "did not answer in time")
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			began := time.Now()
			if fresh, err := cache.Store(ctx, record(time.Now(), time.Second)); fresh || status.ReasonOf(err) != status.ReasonCanceled {
				t.Errorf("with a deadline of the caller: Store = %v, %v", fresh, err)
			}
			t.Logf("a call with 20 ms took %v", time.Since(began))
			lock("ROLLBACK")
			first(t, cache, record(time.Now(), time.Second))

			lock("BEGIN EXCLUSIVE")
			done := make(chan error)
			waiting := record(time.Now(), time.Second)
			go func() {
				fresh, err := cache.Store(t.Context(), waiting)
				if err == nil && !fresh {
					err = fmt.Errorf("a new authenticator is known")
				}
				done <- err
			}()
			lock("ROLLBACK")
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSQLiteReadOnly tests that a file, a folder or a file system that cannot be written
// refuses.
func TestSQLiteReadOnly(t *testing.T) {
	for _, journal := range journals {
		t.Run(journal, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "replay.db")
			pragmas := []string{"busy_timeout(50)", "journal_mode(" + journal + ")", "synchronous(FULL)"}
			cfg := sqlreplay.Config{DB: sqliteFile(t, file, pragmas...), Dialect: sqlreplay.SQLite, Table: newTable()}
			used := record(time.Now(), time.Second)
			first(t, newCache(t, cfg), used)
			cfg.DB = openDB(t, "sqlite", "file:"+file+"?mode=ro&_pragma=synchronous(FULL)")
			cache, err := sqlreplay.New(t.Context(), cfg)
			if err != nil {
				t.Fatalf("New on a file that can be read: %v", err)
			}
			refused(t, cache, record(time.Now(), time.Second), status.ReasonReplayCacheFailed, "readonly")
			refused(t, cache, used, status.ReasonReplayCacheFailed, "readonly")

			if err := os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			cfg.DB = openDB(t, "sqlite", "file:"+filepath.Join(dir, "empty")+"?mode=ro&_pragma=synchronous(FULL)")
			if _, err := sqlreplay.New(t.Context(), cfg); status.ReasonOf(err) != status.ReasonReplayCacheFailed {
				t.Errorf("New on an empty file: %v", err)
			}
			if err := os.WriteFile(filepath.Join(dir, "foreign"), make([]byte, 8192), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg.DB = openDB(t, "sqlite", "file:"+filepath.Join(dir, "foreign")+"?_pragma=synchronous(FULL)")
			if _, err := sqlreplay.New(t.Context(), cfg); status.ReasonOf(err) != status.ReasonReplayCacheFailed {
				t.Errorf("New on a file of another kind: %v", err)
			}
		})
	}
}

// TestSQLiteReplaced deletes and replaces the file while a process has it open. The process
// no longer shares its records with other processes, and must refuse.
func TestSQLiteReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not delete a file that is open")
	}
	for _, journal := range journals {
		t.Run(journal, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "replay.db")
			pragmas := []string{"busy_timeout(50)", "journal_mode(" + journal + ")", "synchronous(FULL)"}
			cfg := sqlreplay.Config{DB: sqliteFile(t, file, pragmas...), Dialect: sqlreplay.SQLite, Table: newTable()}
			cache := newCache(t, cfg)
			used := record(time.Now(), 0)
			first(t, cache, used)
			for _, suffix := range []string{"", "-wal", "-shm"} {
				_ = os.Remove(file + suffix)
			}
			refused(t, cache, record(time.Now(), time.Second), status.ReasonReplayCacheFailed, "")
			cfg.DB = sqliteFile(t, file, pragmas...)
			newcomer := newCache(t, cfg)
			refused(t, newcomer, used, status.ReasonBeforeReplayCache, "it was new")
			refused(t, cache, record(time.Now(), time.Second), status.ReasonReplayCacheFailed, "")
			if err := cache.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "replaced") {
				t.Errorf("Check after the file was replaced: %v", err)
			}
			first(t, newcomer, record(time.Now(), time.Second))
		})
	}
}
