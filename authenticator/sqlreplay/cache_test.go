package sqlreplay_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/sqlreplay"
	"github.com/gosspi/kerberos/status"
)

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

		// An acceptor with a greater skew does not move the start.
		long := record(time.Now(), time.Second)
		long.Until = long.Time.Add(4 * skew)
		first(t, other, long)
		first(t, other, record(now, time.Microsecond))

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
		// A greater skew keeps all records longer.
		cfg.Table = newTable()
		c = newCache(t, cfg)
		first(t, c, r)
		first(t, c, record(past, 0))
		if n, err := c.Expire(t.Context(), 100); n != 0 || err != nil {
			t.Fatalf("Expire with a greater skew = %d, %v; want 0", n, err)
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
	refused(t, none, record(time.Now(), 0), status.ReasonReplayCacheFailed, "New")
	refused(t, new(sqlreplay.Cache), record(time.Now(), 0), status.ReasonReplayCacheFailed, "New")
}

// TestREPLAY_11_SQLExpireWaits tests that Expire deletes nothing while a call of Store may
// not have read the time up to which Expire deletes.
func TestREPLAY_11_SQLExpireWaits(t *testing.T) {
	db := sharedServer(t).db(t)
	cfg := lenient(db, sqlreplay.PostgreSQL)
	cfg.Table = newTable()
	c := newCache(t, cfg)
	first(t, c, record(time.Now().Add(-3*skew), 0))
	tx, err := db.BeginTx(t.Context(), nil)
	must(t, err)
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO "+cfg.Table+" VALUES ('x', 1)"); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Expire(t.Context(), 10); n != 0 || err == nil || !strings.Contains(err.Error(), "lock timeout") {
		t.Errorf("Expire during a call of Store = %d, %v; want an error", n, err)
	}
	must(t, tx.Rollback())
	if n, err := c.Expire(t.Context(), 10); n != 1 || err != nil {
		t.Errorf("Expire = %d, %v; want 1", n, err)
	}
}

// TestSQLConcurrentExpire tests that Store and Expire run at the same time.
func TestSQLConcurrentExpire(t *testing.T) {
	inInterop(t)
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
