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
	// checkEvery is the interval at which a File in use checks its file for changes.
	checkEvery = time.Second

	// settled is the minimum age of a modification for which an equal time stamp proves
	// that the file has not been written since. Some file systems store times in steps of
	// two seconds.
	settled = 2 * time.Second

	// maxFile is the maximum size of a keytab file, room for some 100,000 keys.
	maxFile = 16 << 20
)

// FileConfig configures a [File]. [OpenFile] is enough for most programs.
type FileConfig struct {
	// Path of the file. Required. It must be a regular file of at most 16 MiB.
	Path string

	// RequireOwner makes Open refuse the file if the file, or a symbolic link at Path, is
	// owned by a user other than root and this process's effective user. Open checks only
	// the last element of Path. On systems whose files have no such owner, such as Windows,
	// Open fails with ReasonUnsupported.
	RequireOwner bool

	// Warn is called with each new [Notice], by the goroutine that asked for the keys,
	// with one notice at a time, and must not use the File. May be nil. An acceptor of
	// package sspi writes the same notices to its Logger, so only other programs need Warn.
	Warn func(n Notice)
}

// File is a [Source] that follows a keytab file. When it is asked for keys, it checks at
// most once a second whether the file was replaced or modified, and rereads it if so. A
// File has no goroutine and needs no Close.
//
// If the file cannot be read, is malformed or has no usable entry, the keys that were
// read last stay in use, and [File.Err] returns the error. The same is true of a file
// that has fewer entries than before and ends in zero bytes, like a file that was
// truncated. To revoke a key, replace the keytab by a keytab with other keys or end the
// process; removing the file does not revoke a key.
//
// A File reports such a state to the operator once when it begins and once when it ends:
// see [Noticer].
type File struct {
	cfg       FileConfig
	now       func() time.Time
	table     atomic.Pointer[Table]
	nextCheck atomic.Pointer[time.Time] // compared by the monotonic clock
	err       atomic.Pointer[error]     // why the last reading failed
	board     atomic.Pointer[board]

	mu        sync.Mutex // held while the file is checked or read
	seen      fs.FileInfo
	digest    [sha256.Size]byte
	readAt    time.Time // when the keys in use were read
	odd       odd       // of the file from which they were read
	racy      bool      // the file was modified so shortly before it was read that a later modification may have the same time
	condition condition // as the last notices describe it
}

// OpenFile reads the keytab at path and follows it from then on. path has no prefix
// FILE:, which only [Default] accepts. OpenFile returns an error if the file cannot be
// read or is not a valid keytab. A keytab without a usable entry causes a [Notice] and
// not an error, because entries can be added later.
func OpenFile(path string) (*File, error) { return FileConfig{Path: path}.Open() }

// Open opens the file as [OpenFile] does, with the options of c.
func (c FileConfig) Open() (*File, error) { return openFile(c, time.Now) }

func openFile(cfg FileConfig, now func() time.Time) (*File, error) {
	if cfg.Path == "" {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "FileConfig.Path is empty"}
	}
	if cfg.RequireOwner && !ownersKnown {
		return nil, &status.Error{Reason: status.ReasonUnsupported, Detail: "FileConfig.RequireOwner is not supported on this system, whose files have no owner"}
	}
	f := &File{cfg: cfg, now: now}
	if err := f.read(); err != nil {
		return nil, err
	}
	f.checked()
	return f, nil
}

// Table returns the current keys. It never fails after a successful Open. It does not
// wait for another call: while one call checks the file, concurrent calls return the
// previous keys. Table ignores ctx, because a call of the file system cannot be canceled.
func (f *File) Table(context.Context) (*Table, error) {
	t := f.current()
	if t == nil {
		return nil, errNotOpened()
	}
	if f.mustCheck() && f.mu.TryLock() {
		defer f.mu.Unlock()
		if f.mustCheck() {
			f.look(false)
			t = f.table.Load()
		}
	}
	return t, nil
}

// Refresh checks the file immediately, because no key of old decrypts a ticket, and
// returns the current Table: old itself if the file has not changed. A call costs one
// stat, and one read after a change. See [Refresher].
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
	if f.table.Load() == old { // otherwise a concurrent call has replaced it
		f.look(true)
	}
	return f.table.Load(), nil
}

// Reload reads the file immediately, even if it has not changed. If Reload returns an
// error, which Err then returns too, the keys that were read last stay in use.
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

// Err returns the error of the last attempt to read the file, or nil if that succeeded. A
// service's health check should call it.
func (f *File) Err() error {
	if f == nil {
		return errNotOpened()
	}
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}

// current returns the keys that were read last, and nil for a nil File, which a program
// has if it ignores the error of OpenFile.
func (f *File) current() *Table {
	if f == nil {
		return nil
	}
	return f.table.Load()
}

func errNotOpened() error {
	return &status.Error{Reason: status.ReasonNoCredentials, Detail: "the keytab.File was not opened by OpenFile or FileConfig.Open"}
}

// mustCheck reports whether the last check of the file is more than checkEvery ago, or
// the clock was set back.
func (f *File) mustCheck() bool {
	d := f.nextCheck.Load().Sub(f.now())
	return d <= 0 || d > checkEvery
}

func (f *File) checked() {
	next := f.now().Add(checkEvery)
	f.nextCheck.Store(&next)
}

// look rereads the file if its size, mode, modification time or identity changed. It also
// rereads it if the last read failed or happened within settled of a modification, unless
// hurried is set: unauthenticated clients can cause any number of hurried calls.
func (f *File) look(hurried bool) {
	info, err := os.Stat(f.cfg.Path)
	again := f.racy || f.Err() != nil
	if err != nil || f.seen == nil || changed(f.seen, info) || again && !hurried {
		_ = f.read() // Err returns the error
	}
	if !hurried {
		f.checked()
	}
}

func changed(a, b fs.FileInfo) bool {
	return a.Size() != b.Size() || a.Mode() != b.Mode() || !a.ModTime().Equal(b.ModTime()) || !os.SameFile(a, b)
}

// read reads the file and, if the file is a valid keytab, replaces the keys in use.
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

// replace replaces the keys in use by those of the keytab b, unless the keytab seems to
// be damaged.
func (f *File) replace(b []byte, at time.Time) error {
	old := f.table.Load()
	t, odd, offset, why := parse(b)
	switch {
	case why != "":
		return f.unusable(notSound(offset, why), nil)
	case old.Len() > 0 && t.Len() == 0:
		return f.unusable("it has no entry that can be used", nil)
	case odd.zeros > 0 && t.count() < old.count():
		return f.unusable(fmt.Sprintf("it ends in zero bytes and has only %d of the %d entries that it had, like a file that was truncated", t.count(), old.count()), nil)
	}
	t.name = f.cfg.Path
	f.digest, f.readAt, f.odd = sha256.Sum256(b), at, odd
	f.table.Store(t)
	return nil
}

// failed stores the error and reports that older keys stay in use.
func (f *File) failed(err error) {
	f.err.Store(&err)
	if f.table.Load() == nil {
		return // Open returns err
	}
	// Without label and help of the Reason, which describe a refused client.
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

// noAccess returns the error for a failed system call.
func (f *File) noAccess(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f.unusable("it does not exist", err)
	case errors.Is(err, fs.ErrPermission):
		return f.unusable(fmt.Sprintf("this process, of user ID %d, may not read it", os.Geteuid()), err)
	}
	return f.unusable("it cannot be accessed", err)
}

// notRegular returns the error for a path that is not a regular file.
func (f *File) notRegular(info fs.FileInfo) error {
	if info.IsDir() {
		return f.unusable("it is a directory", nil)
	}
	return f.unusable("it is not a regular file", nil)
}

// load returns the content of the file, and its FileInfo from before the read, so that
// the next check detects a modification during the read.
func (f *File) load() ([]byte, fs.FileInfo, error) {
	// The check precedes the opening, because opening a pipe would wait for a writer.
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
		return nil, info, f.unusable("its owner is neither root nor the user of this process", nil)
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
