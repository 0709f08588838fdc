package sqlreplay

import (
	"context"
	"errors"
)

// Expire deletes at most max records that no acceptor needs any longer, and returns the
// number. The program calls it by a schedule, such as each minute in one of the processes,
// and calls it again at once if it has deleted max records. Several processes may call
// it.
//
// A record is kept for twice the longest lifetime of a record, counted from the client's
// time stamp, by the clock of this host and by the clock of the database, whichever is
// behind: ten minutes with the default skew. Before Expire deletes records, it stores the
// time stamp up to which it may delete. Store refuses every authenticator that is not later,
// so a wrong clock does not let an authenticator in twice.
//
// In PostgreSQL, Expire locks the table for a moment. If it does not get the lock within 0.2
// seconds, such as while autovacuum works on the table, it returns an error and has deleted
// nothing. An error does not affect Store. Timeout does not limit Expire; ctx does.
func (c *Cache) Expire(ctx context.Context, max int) (int, error) {
	if err := c.usable(); err != nil {
		return 0, err
	}
	if max <= 0 {
		return 0, argument("Expire was called for no record")
	}
	var deleted int64
	_, err := c.inTurn(ctx, func(ctx context.Context) (_ bool, err error) {
		if _, err := c.try(ctx, func() error { return c.advance(ctx) }); err != nil {
			return false, err
		}
		_, err = c.try(ctx, func() error {
			result, err := c.cfg.DB.ExecContext(ctx, c.sql.remove, int64(max))
			if err != nil {
				return err
			}
			deleted, err = result.RowsAffected()
			return err
		})
		return false, err
	})
	return int(deleted), err
}

// advance moves the horizon and commits it before a record is deleted.
func (c *Cache) advance(ctx context.Context) error {
	tx, err := c.cfg.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	last := len(c.sql.advance) - 1
	for _, statement := range c.sql.advance[:last] {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	if _, err := tx.ExecContext(ctx, c.sql.advance[last], c.cfg.Time().UnixMicro()); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
