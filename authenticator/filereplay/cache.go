package filereplay

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"math"
	"os"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
)

// defaultClockSkew is the default of clockskew in krb5.conf.
const defaultClockSkew = 5 * time.Minute

// Config describes a replay file.
type Config struct {
	// Path is the path of the file. Required. Open creates the file with mode 0600 if it
	// does not exist. It must belong to the effective user of the process. No other user
	// may have access to it, or be able to replace it in its folder.
	Path string

	// ClockSkew is the clockskew in the krb5.conf of all programs with MIT's library that
	// share the file, in whole seconds. If 0, 5 minutes, which is MIT's default. A greater
	// value than MIT's lets MIT's library drop records too early.
	ClockSkew time.Duration

	// Start is the rule for a file that is new. The zero value is RefuseOlder.
	Start authenticator.StartRule

	// Time is the clock, which Open alone uses: the clock of the acceptor. If nil, time.Now.
	// For tests.
	Time func() time.Time

	// Rand is the source of the seed of a new file. If nil, crypto/rand.Reader. For tests.
	Rand io.Reader
}

// Cache is an [authenticator.ReplayCache] in a file. [Open] makes it. It is safe for
// concurrent use. It opens the file for each call and needs no Close.
type Cache struct {
	cfg  Config
	turn chan struct{} // holds a value while a call uses the file and known
	known
}

// Open makes the Cache of a file. It waits for the lock of the file until ctx ends.
func Open(ctx context.Context, cfg Config) (*Cache, error) {
	switch {
	case ctx == nil || cfg.Path == "":
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "filereplay.Open needs a context.Context and a Path"}
	case cfg.ClockSkew < 0 || cfg.ClockSkew%time.Second != 0:
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "filereplay.Config.ClockSkew must be a positive number of seconds"}
	case cfg.Start > authenticator.AcceptOlder:
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "filereplay.Config.Start is no StartRule"}
	}
	if cfg.ClockSkew == 0 {
		cfg.ClockSkew = defaultClockSkew
	}
	if cfg.Time == nil {
		cfg.Time = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	c := &Cache{cfg: cfg, turn: make(chan struct{}, 1)}
	c.life = math.MaxInt64
	if err := checkFolder(cfg.Path); err != nil {
		return nil, c.failed("open", err)
	}
	err := c.locked(ctx, func(f *os.File) error {
		_, err := c.look(f, cfg.Time())
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Store implements [authenticator.ReplayCache].
func (c *Cache) Store(ctx context.Context, r authenticator.Record) (bool, error) {
	if c == nil || c.turn == nil {
		return false, &status.Error{Reason: status.ReasonReplayCacheFailed, Detail: "the filereplay.Cache was not made by Open"}
	}
	if !r.Until.After(r.Now) {
		return false, &status.Error{Reason: status.ReasonArgument, Detail: "a replay record must outlive the moment it is stored"}
	}
	e, err := c.entry(r)
	if err != nil {
		return false, err
	}
	var fresh bool
	err = c.locked(ctx, func(f *os.File) error {
		var err error
		fresh, err = c.store(f, r, e)
		return err
	})
	return fresh && err == nil, err
}

// locked calls do with the file, which this call has locked. It fails if ctx has ended
// when do returns, because an answer that is late is no answer.
func (c *Cache) locked(ctx context.Context, do func(f *os.File) error) error {
	if ctx.Err() != nil {
		return canceled(ctx, "before the replay file was asked")
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return canceled(ctx, "while other calls used the replay file")
	}
	f, err := c.open(ctx)
	if err != nil {
		return err
	}
	err = do(f)
	if closing := errors.Join(unlock(f), f.Close()); err == nil && closing != nil {
		err = c.failed("close", closing)
	}
	if err == nil && ctx.Err() != nil {
		err = canceled(ctx, "while the replay file was used")
	}
	return err
}

// open opens and locks the file. If another process replaced the file while open waited
// for the lock, it opens the new file.
func (c *Cache) open(ctx context.Context) (*os.File, error) {
	for {
		f, err := openFile(c.cfg.Path)
		if err != nil {
			return nil, c.failed("open", err)
		}
		current := false
		if err = lock(ctx, f); err == nil {
			current, err = isAt(f, c.cfg.Path)
		}
		if err == nil && current {
			return f, nil
		}
		_ = f.Close() // nothing was written
		if err != nil {
			return nil, c.failed("lock", err)
		}
		if ctx.Err() != nil {
			return nil, canceled(ctx, "while the replay file was replaced")
		}
	}
}

// isAt reports whether f is the file at path.
func isAt(f *os.File, path string) (bool, error) {
	mine, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(mine, there), err
}

// entry returns the record of the file for r. Its time is that at which MIT's library
// would have stored the record in order to keep it until r.Until.
func (c *Cache) entry(r authenticator.Record) (entry, error) {
	e := entry{tag: [tagLen]byte(r.Tag[:tagLen])}
	at := r.Until.Add(time.Second-1).Unix() - int64(c.cfg.ClockSkew/time.Second)
	if at <= 0 || at > math.MaxUint32 || r.Now.Unix() > math.MaxUint32 {
		return e, &status.Error{Reason: status.ReasonReplayCacheFailed, Detail: "the format of replay files has no times before 1970 and after 2106; is the clock right?"}
	}
	e.time = uint32(at)
	return e, nil
}

// free reports whether no acceptor needs a record with a time any more. MIT's library
// writes the time at which it stored the record, so the client's time stamp may be one
// skew later, and this acceptor would accept it for another skew.
func (c *Cache) free(r authenticator.Record) func(time uint32) bool {
	skew := max(c.cfg.ClockSkew, r.Until.Sub(r.Time))
	now := r.Now.Unix() - 2*int64((skew+time.Second-1)/time.Second)
	return func(time uint32) bool { return now > int64(time) }
}

// store looks for the record in the file, which is locked, and writes it if it is new.
func (c *Cache) store(f *os.File, r authenticator.Record, e entry) (bool, error) {
	seed, err := c.look(f, r.Now)
	if err != nil {
		return false, err
	}
	c.life = min(c.life, r.Until.Sub(r.Time))
	p, err := find(f, seed, e.tag, c.free(r))
	if err != nil {
		return false, c.failed("read", err)
	}
	if p.known {
		return false, nil
	}
	if err := c.admit(r); err != nil {
		return false, err
	}
	if err := e.write(f, p.offset); err != nil {
		return false, c.failed("write", err)
	}
	c.wrote(p)
	return true, nil
}

// failed returns the error for a file that gave no answer.
func (c *Cache) failed(what string, err error) error {
	if known, ok := errors.AsType[*status.Error](err); ok {
		return known
	}
	if errors.Is(err, errFull) {
		return &status.Error{Reason: status.ReasonReplayCacheFull, Detail: c.name(), Err: err}
	}
	return &status.Error{Reason: status.ReasonReplayCacheFailed, Detail: "cannot " + what + " the " + c.name(), Err: err}
}

func (c *Cache) name() string { return "replay file " + quote.Value(c.cfg.Path) }
