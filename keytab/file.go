package keytab

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

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

	// Warn is told, whenever new keys were read, if anybody but the file's
	// owner may read them, and once for each new reason why the keys could not
	// be read again. It is called by whoever asked for the keys, one call at a
	// time, and must not use the File. If nil, nobody is told.
	Warn func(err error)
}

// File is a [Source] that follows a keytab file. Each second, if it is asked
// for keys, it looks whether the file was replaced or written to, and reads it
// again. It has no goroutine, and nothing to close.
//
// While the file cannot be read, is not a sound keytab or has no entry of use,
// the keys that were read last stay in use, and [File.Err] says why. So a key is
// revoked by a keytab that has others, or by the end of the process, but not by
// the removal of the file.
type File struct {
	cfg   FileConfig
	now   func() time.Time
	table atomic.Pointer[Table]
	due   atomic.Pointer[time.Time] // of the next look; the monotonic clock counts
	err   atomic.Pointer[error]     // why the last reading failed

	mu     sync.Mutex // one looks at a time
	seen   fs.FileInfo
	digest [sha256.Size]byte
	racy   bool   // the file changed so shortly before that it may have since
	warned string // the last failure that Warn was told
}

// OpenFile reads the keytab at path, a plain path without the FILE: of KRB5_KTNAME
// ([Default] takes that), and follows it from then on. It fails if
// the file cannot be read or is not a sound keytab. One without an entry of use
// is no error, since entries can be added.
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
	return a.Size() != b.Size() || !a.ModTime().Equal(b.ModTime()) || !os.SameFile(a, b)
}

// read reads the file and, if it is sound, puts its keys in place of the old
// ones.
func (f *File) read() error {
	begun := f.now()
	b, info, err := f.load()
	defer clear(b)
	f.seen = info
	f.racy = info != nil && begun.Sub(info.ModTime()) < settled
	digest := sha256.Sum256(b)
	old := f.table.Load()
	if err == nil && (old == nil || digest != f.digest) {
		var t *Table
		t, err = Parse(b)
		if err == nil && old.Len() > 0 && t.Len() == 0 {
			err = unreadable("it has no entry of use; the keys read before stay", nil)
		}
		if err == nil {
			f.digest = digest
			f.table.Store(t)
			f.warn(exposure(info))
		}
	}
	f.failed(err)
	return err
}

// failed notes how a reading ended, and tells Warn of what is new.
func (f *File) failed(err error) {
	if err == nil {
		f.err.Store(nil)
		f.warned = ""
		return
	}
	f.err.Store(&err)
	if text := err.Error(); f.table.Load() != nil && text != f.warned {
		f.warned = text
		f.warn(err)
	}
}

func (f *File) warn(err error) {
	if err != nil && f.cfg.Warn != nil {
		f.cfg.Warn(err)
	}
}

func unreadable(why string, err error) error {
	return &status.Error{Reason: status.ReasonNoCredentials, Detail: "the keytab file cannot be used: " + why, Err: err}
}

// load returns the file's bytes, and what it was like before they were read: a
// change in between is then seen as one the next time.
func (f *File) load() ([]byte, fs.FileInfo, error) {
	// Before it is opened: the opening of a pipe would wait for a writer.
	if info, err := os.Stat(f.cfg.Path); err != nil {
		return nil, nil, unreadable("no access", err)
	} else if !info.Mode().IsRegular() {
		return nil, info, unreadable("not a regular file", nil)
	}
	file, err := f.open()
	if err != nil {
		return nil, nil, unreadable("no access", err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, nil, unreadable("no access", err)
	case !info.Mode().IsRegular():
		return nil, info, unreadable("not a regular file", nil)
	case info.Size() > maxFile:
		return nil, info, unreadable(fmt.Sprintf("longer than %d bytes", maxFile), nil)
	case f.cfg.RequireOwner && !trusted(info):
		return nil, info, unreadable("it belongs to somebody else", nil)
	}
	b := make([]byte, info.Size()+1)
	n, err := io.ReadFull(file, b)
	switch {
	case err == io.ErrUnexpectedEOF && n == len(b)-1, err == io.EOF && len(b) == 1:
		return b[:n], info, nil
	case err == nil, err == io.ErrUnexpectedEOF, err == io.EOF:
		clear(b)
		return nil, info, unreadable("it changed while it was read", nil)
	}
	clear(b)
	return nil, info, unreadable("reading failed", err)
}

func (f *File) open() (*os.File, error) {
	if f.cfg.RequireOwner {
		return openTrusted(f.cfg.Path)
	}
	return os.Open(f.cfg.Path)
}
