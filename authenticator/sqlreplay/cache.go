package sqlreplay

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// firstLifetime is the lifetime of a new state, which is that of records with the default
// skew. A record with a longer lifetime raises it.
const firstLifetime = 5*time.Minute + time.Second

// Cache is an [authenticator.ReplayCache] in a table of PostgreSQL or SQLite. It is safe
// for concurrent use. It needs no Close: the program closes Config.DB.
type Cache struct {
	cfg   Config
	sql   statements
	local *authenticator.MemoryCache

	file *databaseFile // nil for PostgreSQL

	// turn has one element while a call uses SQLite. Connections to a file block each
	// other, and neither SQLite nor package sql keeps an order among those that wait.
	turn chan struct{}
}

// CreateTable makes the table and its indexes if they do not exist. The program may instead
// run the statements of the package documentation. Only cfg.DB, cfg.Dialect, cfg.Table and
// cfg.Timeout count. Call it once, when the service is installed: PostgreSQL returns an error to one of
// two concurrent calls.
func CreateTable(ctx context.Context, cfg Config) error {
	cfg, err := cfg.prepared()
	if err != nil {
		return err
	}
	c := newCache(cfg)
	_, err = c.limited(ctx, func(ctx context.Context) (bool, error) {
		for _, statement := range c.sql.create {
			if err := c.run(ctx, statement); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	return err
}

// run runs a statement of CreateTable.
func (c *Cache) run(ctx context.Context, statement string) error {
	_, err := c.try(ctx, func() error {
		_, err := c.cfg.DB.ExecContext(ctx, statement)
		return err
	})
	return err
}

func newCache(cfg Config) *Cache {
	return &Cache{cfg: cfg, sql: cfg.statements(), turn: make(chan struct{}, 1)}
}

// New makes a cache in an existing table, see [CreateTable], and checks the database. It
// returns an error if the database cannot be reached or does not meet the conditions in
// the package documentation. Call New when the service starts, not when the first token
// arrives: if the table is new, Config.AfterLoss counts from this call.
func New(ctx context.Context, cfg Config) (*Cache, error) {
	cfg, err := cfg.prepared()
	if err != nil {
		return nil, err
	}
	c := newCache(cfg)
	c.local = authenticator.NewMemoryCache(cfg.LocalRecords, authenticator.AcceptOlder)
	if cfg.Dialect == SQLite {
		if c.file, err = c.findFile(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.Check(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Format writes no record and no address for any verb.
func (c *Cache) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "sqlreplay.Cache{...}")
}

// Check asks the database, and returns the error with which Store would refuse clients.
// It is suitable as a probe of readiness. It does not write, so it does not find a full
// disk.
func (c *Cache) Check(ctx context.Context) error {
	if err := c.usable(); err != nil {
		return err
	}
	_, err := c.limited(ctx, func(ctx context.Context) (bool, error) {
		if err := c.file.check(); err != nil {
			return false, err
		}
		v, err := c.examine(ctx, nil)
		if err != nil || v.horizon.Valid {
			return false, err
		}
		_, err = c.begin(ctx, firstLifetime.Microseconds(), c.cfg.Time())
		return false, err
	})
	return err
}

// Store implements [authenticator.ReplayCache]. It asks the memory of this process first,
// and the database only if the authenticator is new here. An error of the database, a
// timeout and a late answer refuse the authenticator.
func (c *Cache) Store(ctx context.Context, r authenticator.Record) (bool, error) {
	if err := c.usable(); err != nil {
		return false, err
	}
	began := time.Now()
	var e Event
	e.Fresh, e.Err = c.local.Store(ctx, r)
	if e.Local = !e.Fresh; e.Fresh {
		e.Fresh, e.Err = c.limited(ctx, func(ctx context.Context) (bool, error) {
			return c.shared(ctx, r, &e)
		})
	}
	if c.cfg.OnEvent != nil {
		e.Took = time.Since(began)
		c.cfg.OnEvent(e)
	}
	return e.Fresh, e.Err
}

func (c *Cache) usable() error {
	if c == nil || c.local == nil {
		return failed("the Cache was not made by New", nil)
	}
	return nil
}

// limited calls ask with the time limit of the configuration. It turns a late answer into
// an error, also if ask does not notice that ctx has ended.
func (c *Cache) limited(ctx context.Context, ask func(context.Context) (bool, error)) (bool, error) {
	limit, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	fresh, err := c.inTurn(limit, ask)
	deadline, _ := limit.Deadline()
	switch {
	case ctx.Err() != nil:
		return false, &status.Error{Reason: status.ReasonCanceled, Detail: "while asking the database of the replay cache", Err: ctx.Err()}
	case limit.Err() != nil || !time.Now().Before(deadline): // the process may have been stopped
		return false, failed("the database did not answer in time (Config.Timeout is "+c.cfg.Timeout.String()+")", err)
	case err != nil:
		return false, err
	}
	return fresh, nil
}

// inTurn calls ask, for SQLite after the earlier calls.
func (c *Cache) inTurn(ctx context.Context, ask func(context.Context) (bool, error)) (bool, error) {
	if c.cfg.Dialect == SQLite {
		select {
		case c.turn <- struct{}{}:
			defer func() { <-c.turn }()
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return ask(ctx)
}

// shared stores a record in the table. If the table has no state for the present timeline,
// or one for shorter lifetimes, shared corrects the state and tries again.
func (c *Cache) shared(ctx context.Context, r authenticator.Record, e *Event) (bool, error) {
	stamp := r.Time.UnixMicro()
	lifetime := r.Until.Add(time.Microsecond-1).UnixMicro() - stamp
	for range 3 {
		inserted, doubtful, err := c.insert(ctx, r.Tag[:], stamp, lifetime)
		if err == nil && inserted {
			err = c.file.check()
		}
		if err != nil || inserted {
			return inserted, err
		}
		v, err := c.examine(ctx, r.Tag[:])
		switch {
		case err != nil:
			return false, err
		case v.known && doubtful:
			return false, failed("a connection broke, and the record may be stored; the client must send a new request", nil)
		case v.known:
			return false, nil
		case !v.horizon.Valid, v.lifetime.Int64 < lifetime:
			begun, err := c.begin(ctx, max(lifetime, firstLifetime.Microseconds()), r.Now)
			if err != nil {
				return false, err
			}
			if begun && !v.horizon.Valid {
				e.Loss = r.Now
			}
		case stamp <= v.horizon.Int64:
			return false, beforeTable(r, v.horizon.Int64)
		}
		// Otherwise another process has corrected the state meanwhile.
	}
	return false, failed("the state of the table changes all the time", nil)
}

// insert runs the statement insert. doubtful reports that an earlier try may have stored
// the record although its connection broke.
func (c *Cache) insert(ctx context.Context, tag []byte, stamp, lifetime int64) (inserted, doubtful bool, err error) {
	doubtful, err = c.try(ctx, func() error {
		result, err := c.cfg.DB.ExecContext(ctx, c.sql.insert, tag, stamp, lifetime)
		if err != nil {
			return err
		}
		inserted, err = one(result)
		return err
	})
	return inserted, doubtful, err
}

// verdict is the answer of the statement examine.
type verdict struct {
	known             bool
	horizon, lifetime sql.NullInt64
}

// examine returns the reason for which a tag was not stored. It returns an error if a
// condition of the database is not met.
func (c *Cache) examine(ctx context.Context, tag []byte) (v verdict, err error) {
	var problem string
	_, err = c.try(ctx, func() error {
		return c.cfg.DB.QueryRowContext(ctx, c.sql.examine, tag).Scan(&problem, &v.known, &v.horizon, &v.lifetime)
	})
	if err == nil && problem != "" {
		err = failed(problem, nil)
	}
	return v, err
}

// begin makes or changes the state for a lifetime in microseconds, and reports whether the
// call changed it.
func (c *Cache) begin(ctx context.Context, lifetime int64, now time.Time) (bool, error) {
	var after any // AcceptOlder
	switch c.cfg.AfterLoss {
	case authenticator.RefuseOlder:
		after = int64(-1)
	case authenticator.RefuseWithinSkew:
		after = lifetime
	}
	var begun bool
	_, err := c.try(ctx, func() error {
		result, err := c.cfg.DB.ExecContext(ctx, c.sql.begin, lifetime, now.UnixMicro(), after)
		if err != nil {
			return err
		}
		begun, err = one(result)
		return err
	})
	return begun, err
}

// one reports whether a statement affected one row rather than none.
func one(result sql.Result) (bool, error) {
	n, err := result.RowsAffected()
	switch {
	case err != nil:
		return false, err
	case n < 0 || n > 1:
		return false, fmt.Errorf("the driver reports %d rows of one", n)
	}
	return n == 1, nil
}
