package sqlreplay

import (
	"context"
	"os"
)

// databaseFile is the file of a SQLite database when the cache was made.
type databaseFile struct {
	path string
	info os.FileInfo
}

// findFile returns the file of the database. It returns an error for a database in memory,
// which no other process shares.
func (c *Cache) findFile(ctx context.Context) (*databaseFile, error) {
	f := new(databaseFile)
	if _, err := c.try(ctx, func() error { return c.cfg.DB.QueryRowContext(ctx, sqliteFile).Scan(&f.path) }); err != nil {
		return nil, err
	}
	if f.path == "" {
		return nil, failed("the database is in memory, where no other process sees the records", nil)
	}
	var err error
	if f.info, err = os.Stat(f.path); err != nil {
		return nil, failed("the file of the database cannot be found", err)
	}
	return f, nil
}

// check returns an error if the path names another file now. A connection of this process
// may then still have the old file open, which no new process sees. With a write-ahead log
// SQLite does not notice that. A nil databaseFile has no error.
func (f *databaseFile) check() error {
	if f == nil {
		return nil
	}
	info, err := os.Stat(f.path)
	if err == nil && os.SameFile(info, f.info) {
		return nil
	}
	return failed("the file of the database was deleted or replaced; restart the service", err)
}
