package keytab

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
)

const (
	// checkEvery is how often a File looks at its file while it is in use.
	checkEvery = time.Second

	// settled is how old a change must be before an equal time stamp means that
	// nothing was written since. Some file systems count in steps of two seconds.
	settled = 2 * time.Second

	// maxFile bounds what is read. It is room for some 100,000 keys.
	maxFile = 16 << 20
)

// FileConfig says how to use a keytab file. [OpenFile] is enough for most.
type FileConfig struct {
	// Path of the file. Required. It must be a regular file of at most 16 MiB.
	Path string

	// RequireOwner refuses the file if it, or a symbolic link in its place,
	// belongs to somebody else than root and this process's effective user.
	// Only the last element of Path is looked at. Where files have no such
	// owner, as on Windows, Open fails with ReasonUnsupported.
	RequireOwner bool

	// Warn is called with each new [Notice], by the goroutine that asked for the keys,
	// with one notice at a time, and must not use the File. An acceptor of package sspi
	// writes the same notices to its Logger, so that only other programs need Warn. If
	// nil, it is not called.
	Warn func(n Notice)
}

// File is a [Source] that follows a keytab file. Each second, if it is asked
// for keys, it looks whether the file was replaced or written to, and reads it
// again. It has no goroutine, and nothing to close.
//
// While the file cannot be read, is not a sound keytab or has no entry of use,
// the keys that were read last stay in use, and [File.Err] says why. The same is so
// if it has fewer entries than before and ends in zero bytes, as a file that was cut in
// the middle. So a key is revoked by a keytab that has others, or by the end of the
// process, but not by the removal of the file.
//
// A File tells the operator of such states once when they begin and once when they end:
// see [Noticer].
type File struct {
	cfg   FileConfig
	now   func() time.Time
	table atomic.Pointer[Table]
	due   atomic.Pointer[time.Time] // of the next look; the monotonic clock counts
	err   atomic.Pointer[error]     // why the last reading failed
	board atomic.Pointer[board]

	mu        sync.Mutex // one looks at a time
	seen      fs.FileInfo
	digest    [sha256.Size]byte
	readAt    time.Time // when the keys in use were read
	odd       odd       // of the file that they were read from
	racy      bool      // the file changed so shortly before that it may have since
	condition condition // as the last notices have it
}

// OpenFile reads the keytab at path, a plain path without the FILE: of KRB5_KTNAME
// ([Default] takes that), and follows it from then on. It fails if
// the file cannot be read or is not a sound keytab. A keytab without an entry of use
// is a [Notice] and no error, since entries can be added.
func OpenFile(path string) (*File, error) { return FileConfig{Path: path}.Open() }

// Open is [OpenFile] with options.
func (c FileConfig) Open() (*File, error) { return openFile(c, time.Now) }

func openFile(cfg FileConfig, now func() time.Time) (*File, error) {
	if cfg.Path == "" {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "FileConfig.Path is empty"}
	}
	if cfg.RequireOwner && !ownersKnown {
		return nil, &status.Error{Reason: status.ReasonUnsupported, Detail: "FileConfig.RequireOwner: files have no owner here"}
	}
	f := &File{cfg: cfg, now: now}
	if err := f.read(); err != nil {
		return nil, err
	}
	f.checked()
	return f, nil
}

// Table returns the current keys. It does not fail once the file was opened,
// and waits for nobody: while one caller looks at the file, the others go on
// with the keys there are. ctx is not used: there is no way to give up on a
// file system.
func (f *File) Table(context.Context) (*Table, error) {
	t := f.current()
	if t == nil {
		return nil, errNotOpened()
	}
	if f.isDue() && f.mu.TryLock() {
		defer f.mu.Unlock()
		if f.isDue() {
			f.look(false)
			t = f.table.Load()
		}
	}
	return t, nil
}

// Refresh looks at the file at once, because no key of old would open a ticket,
// and returns what is then current: old itself if the file did not change. A
// call costs one stat, and a reading only after a change. See [Refresher].
func (f *File) Refresh(_ context.Context, old *Table) (*Table, error) {
	t := f.current()
	switch {
	case t == nil:
		return nil, errNotOpened()
	case t != old:
		return t, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.table.Load() == old { // else somebody was faster
		f.look(true)
	}
	return f.table.Load(), nil
}

// Reload reads the file now, changed or not. On an error, which Err then
// returns too, the keys that were read last stay in use.
func (f *File) Reload() error {
	if f.current() == nil {
		return errNotOpened()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.read()
	f.checked()
	return err
}

// Err returns why the file could not be read when that was last tried, nil if it
// could. A service's health check should ask.
func (f *File) Err() error {
	if f == nil {
		return errNotOpened()
	}
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}

// current is the keys that were read last; nil for a nil File too, which is what a
// program has that did not look at the error of OpenFile.
func (f *File) current() *Table {
	if f == nil {
		return nil
	}
	return f.table.Load()
}

func errNotOpened() error {
	return &status.Error{Reason: status.ReasonNoCredentials, Detail: "the keytab.File was not opened"}
}

// isDue reports whether the file was not looked at for a while, or the clock
// went back.
func (f *File) isDue() bool {
	d := f.due.Load().Sub(f.now())
	return d <= 0 || d > checkEvery
}

func (f *File) checked() {
	due := f.now().Add(checkEvery)
	f.due.Store(&due)
}

// look reads the file if there is a sign that it changed. One that was changed
// too shortly before it was read, or that could not be read, is read again; but
// not if hurried, since strangers can cause that any number of times.
func (f *File) look(hurried bool) {
	info, err := os.Stat(f.cfg.Path)
	again := f.racy || f.Err() != nil
	if err != nil || f.seen == nil || changed(f.seen, info) || again && !hurried {
		_ = f.read() // Err has it
	}
	if !hurried {
		f.checked()
	}
}

func changed(a, b fs.FileInfo) bool {
	return a.Size() != b.Size() || a.Mode() != b.Mode() || !a.ModTime().Equal(b.ModTime()) || !os.SameFile(a, b)
}

// read reads the file and, if it is sound, puts its keys in place of the old
// ones.
func (f *File) read() error {
	begun := f.now()
	b, info, err := f.load()
	defer clear(b)
	f.seen = info
	f.racy = info != nil && begun.Sub(info.ModTime()) < settled
	fresh := false
	if err == nil && (f.table.Load() == nil || sha256.Sum256(b) != f.digest) {
		fresh = true
		err = f.replace(b, begun)
	}
	if err != nil {
		f.failed(err)
		return err
	}
	f.err.Store(nil)
	t := f.table.Load()
	c := condition{exposed: exposure(f.cfg.Path, info), odd: f.oddity(f.odd, t.Len())}
	if t.Len() == 0 {
		c.unusable = t.whyEmpty()
	}
	f.update(c, fresh)
	return nil
}

// replace puts the keys of a keytab in place of the old ones, unless it seems to be
// damaged.
func (f *File) replace(b []byte, at time.Time) error {
	old := f.table.Load()
	t, odd, offset, why := parse(b)
	switch {
	case why != "":
		return f.unusable(notSound(offset, why), nil)
	case old.Len() > 0 && t.Len() == 0:
		return f.unusable("it has no entry that can be used", nil)
	case odd.zeros > 0 && t.count() < old.count():
		return f.unusable(fmt.Sprintf("it ends in zero bytes and has only %d of the %d entries that it had, as a file that was cut in the middle", t.count(), old.count()), nil)
	}
	t.name = f.cfg.Path
	f.digest, f.readAt, f.odd = sha256.Sum256(b), at, odd
	f.table.Store(t)
	return nil
}

// failed notes why the file cannot be used, and that older keys are.
func (f *File) failed(err error) {
	f.err.Store(&err)
	if f.table.Load() == nil {
		return // Open returns it
	}
	// Not the whole text: its Reason is that of a refusal, and no client was refused.
	text := err.Error()
	if e := new(status.Error); errors.As(err, &e) {
		text = e.Detail
		if e.Err != nil {
			text += ": " + e.Err.Error()
		}
	}
	f.update(condition{failed: text + f.stays()}, false)
}

// unusable returns an error that names the file.
func (f *File) unusable(why string, err error) error {
	return &status.Error{Reason: status.ReasonNoCredentials, Detail: "the keytab file " + quote.Value(f.cfg.Path) + " cannot be used: " + why, Err: err}
}

// noAccess returns the error for a failed call of the operating system.
func (f *File) noAccess(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f.unusable("it does not exist", err)
	case errors.Is(err, fs.ErrPermission):
		return f.unusable(fmt.Sprintf("this process, of user ID %d, may not read it", os.Geteuid()), err)
	}
	return f.unusable("no access", err)
}

// notRegular returns the error for what is no regular file.
func (f *File) notRegular(info fs.FileInfo) error {
	if info.IsDir() {
		return f.unusable("it is a directory", nil)
	}
	return f.unusable("it is not a regular file", nil)
}

// load returns the file's bytes, and what it was like before they were read: a
// change in between is then seen as one the next time.
func (f *File) load() ([]byte, fs.FileInfo, error) {
	// Before it is opened: the opening of a pipe would wait for a writer.
	if info, err := os.Stat(f.cfg.Path); err != nil {
		return nil, nil, f.noAccess(err)
	} else if !info.Mode().IsRegular() {
		return nil, info, f.notRegular(info)
	}
	file, err := f.open()
	if err != nil {
		return nil, nil, f.noAccess(err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, nil, f.noAccess(err)
	case !info.Mode().IsRegular():
		return nil, info, f.notRegular(info)
	case info.Size() > maxFile:
		return nil, info, f.unusable(fmt.Sprintf("it is longer than %d bytes", maxFile), nil)
	case f.cfg.RequireOwner && !trusted(info):
		return nil, info, f.unusable("it belongs to another user than root and this process's", nil)
	}
	b := make([]byte, info.Size()+1)
	n, err := io.ReadFull(file, b)
	switch {
	case err == io.ErrUnexpectedEOF && n == len(b)-1, err == io.EOF && len(b) == 1:
		return b[:n], info, nil
	case err == nil, err == io.ErrUnexpectedEOF, err == io.EOF:
		clear(b)
		return nil, info, f.unusable("it changed while it was read", nil)
	}
	clear(b)
	return nil, info, f.unusable("reading failed", err)
}

func (f *File) open() (*os.File, error) {
	if f.cfg.RequireOwner {
		return openTrusted(f.cfg.Path)
	}
	return os.Open(f.cfg.Path)
}
