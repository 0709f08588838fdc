package sspiallow

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

const (
	checkEvery = time.Second     // interval of looks at the file
	settled    = 2 * time.Second // age from which an equal time of modification proves that nothing changed
	maxFile    = 16 << 20
)

// NamesConfig configures [Names]. [OpenNames] is enough for most programs.
type NamesConfig struct {
	// Path of the file of names. "" means no file: the names are those of well-known SIDs and
	// of the functions. The file must be a regular file of at most 16 MiB. Except on Windows,
	// it must not be writable by every user.
	Path string
	// Resolve returns the SID of an account or a group that the file does not name, for
	// instance from a directory. May be nil. [Parse] calls it for names in rules.
	Resolve func(name string) (pac.SID, error)
	// Display returns the name of a SID that has no name in the file, and "" if it knows
	// none. May be nil. The name is for display: no rule decides by it.
	Display func(sid pac.SID) string
	// Warn is called with a notice when the file changes and cannot be used, when it can be
	// used again, and when the name of a rule has another SID in it than the rule has. May be
	// nil. It must not use the Names.
	Warn func(n keytab.Notice)
}

// Names gives names to SIDs. The nil Names knows the well-known SIDs only. Names is safe for
// concurrent use.
//
// Each line of the file has a SID, a space and a name; empty lines and lines that begin with #
// do not count. A name such as CORP\staff extends to the end of the line. A SID and a name occur
// once; the case of letters does not distinguish names. If the file gives a domain its name,
//
//	S-1-5-21-1004336348-1177238915-682003330 CORP
//
// the groups that every domain has need no line: CORP\Domain Users is known.
//
// Names looks at most once a second whether the file has changed, when it is asked for a name.
// If the file cannot be used then, the last content stays in use and [Names.Err] returns the
// reason. Rules that were made before keep their SIDs.
type Names struct {
	cfg       NamesConfig
	now       func() time.Time
	content   atomic.Pointer[directory]
	nextCheck atomic.Pointer[time.Time]
	err       atomic.Pointer[error]

	mu     sync.Mutex // held while the file is read
	seen   fs.FileInfo
	digest [sha256.Size]byte
	racy   bool               // the file was modified shortly before it was read
	used   map[string]pac.SID // names in rules, from the file
}

// OpenNames reads a file of names and follows it.
func OpenNames(path string) (*Names, error) {
	if path == "" {
		return nil, argument("the path of the file of names is empty")
	}
	return NamesConfig{Path: path}.Open()
}

// Open reads the file as [OpenNames] does, with the options of c. Its error names the line.
func (c NamesConfig) Open() (*Names, error) { return openNames(c, time.Now) }

func openNames(c NamesConfig, now func() time.Time) (*Names, error) {
	n := &Names{cfg: c, now: now, used: make(map[string]pac.SID)}
	if c.Path == "" {
		n.content.Store(newDirectory(0))
		return n, nil
	}
	if err := n.read(); err != nil {
		return nil, err
	}
	n.checked()
	return n, nil
}

// Lookup returns the SID of a name, for a rule. Upper and lower case are the same. It returns an
// error if neither the file nor a well-known SID nor NamesConfig.Resolve has the name.
func (n *Names) Lookup(name string) (pac.SID, error) {
	d := n.current()
	if sid, ok := d.lookup(name); ok {
		n.remember(name, sid)
		return sid, nil
	}
	why := quote.Text(name) + " has no SID"
	switch {
	case n == nil || n.cfg.Path == "" && n.cfg.Resolve == nil:
		return pac.SID{}, argument(why + ": there is no file of names; give one, or write the SID")
	case n.cfg.Path != "":
		why += ": no line of " + quote.Value(n.cfg.Path) + " names it" + d.similar(name)
	}
	if n.cfg.Resolve == nil {
		return pac.SID{}, argument(why)
	}
	sid, err := n.cfg.Resolve(name)
	if err == nil && sid.IsZero() {
		err = errors.New("NamesConfig.Resolve returned the zero SID")
	}
	if err != nil {
		return pac.SID{}, &status.Error{Reason: status.ReasonArgument, Detail: why, Err: err}
	}
	return sid, nil
}

// Name returns a text that names sid, for display: the name in the file, that of a well-known
// SID, that of NamesConfig.Display, or the SID itself.
func (n *Names) Name(sid pac.SID) string {
	d := new(directory)
	if n != nil {
		d = n.current()
	}
	if name := d.name(sid); name != "" {
		return name
	}
	if n != nil && n.cfg.Display != nil {
		if name := n.cfg.Display(sid); name != "" {
			return name
		}
	}
	return sid.String()
}

// Err returns the reason why the last reading of the file failed, or nil. A service's health
// check should call it.
func (n *Names) Err() error {
	if n == nil {
		return nil
	}
	if err := n.err.Load(); err != nil {
		return *err
	}
	return nil
}

// remember notes the SID of a name in a rule.
func (n *Names) remember(name string, sid pac.SID) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.used[name] = sid
}

// current returns the content of the file, which it reads again after a change.
func (n *Names) current() *directory {
	switch {
	case n == nil:
		return newDirectory(0)
	case n.cfg.Path == "":
		return n.content.Load()
	}
	if n.mustCheck() && n.mu.TryLock() {
		defer n.mu.Unlock()
		if n.mustCheck() {
			n.look()
		}
	}
	return n.content.Load()
}

func (n *Names) mustCheck() bool {
	d := n.nextCheck.Load().Sub(n.now())
	return d <= 0 || d > checkEvery
}

func (n *Names) checked() {
	next := n.now().Add(checkEvery)
	n.nextCheck.Store(&next)
}

// look reads the file if it may have changed, or failed before.
func (n *Names) look() {
	defer n.checked()
	info, err := os.Stat(n.cfg.Path)
	if err == nil && n.seen != nil && !n.racy && n.Err() == nil && info.Size() == n.seen.Size() && info.Mode() == n.seen.Mode() &&
		info.ModTime().Equal(n.seen.ModTime()) && os.SameFile(info, n.seen) {
		return
	}
	before := n.Err()
	switch err := n.read(); {
	case err != nil && (before == nil || before.Error() != err.Error()):
		n.warn(slog.LevelWarn, err.Error()+"; the names that were read last stay in use")
	case err == nil && before != nil:
		n.warn(slog.LevelInfo, "the file of names "+quote.Value(n.cfg.Path)+" can be used again")
	}
}

func (n *Names) warn(level slog.Level, text string) {
	if n.cfg.Warn != nil {
		n.cfg.Warn(keytab.Notice{Level: level, File: n.cfg.Path, Text: text})
	}
}

// read reads the file and, if it is valid, replaces the content.
func (n *Names) read() error {
	begun := n.now()
	b, info, err := n.load()
	n.seen = info
	n.racy = info != nil && begun.Sub(info.ModTime()) < settled
	var d *directory
	if err == nil {
		sum := sha256.Sum256(b)
		if n.content.Load() == nil || sum != n.digest {
			if d, err = parseNames(b); err == nil {
				n.digest = sum
			}
		}
	}
	if err != nil {
		err = n.unusable(err)
		n.err.Store(&err)
		return err
	}
	n.err.Store(nil)
	if d != nil {
		n.content.Store(d)
		n.compare(d)
	}
	return nil
}

// compare reports the names in rules that have another SID in d, or none.
func (n *Names) compare(d *directory) {
	var names []string
	for name, sid := range n.used {
		if now, ok := d.lookup(name); !ok || now != sid {
			names = append(names, quote.Text(name))
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	n.warn(slog.LevelWarn, fmt.Sprintf("the file of names %s has another SID than before, or none, for %d of the names in rules, first %s; the rules keep the SIDs that they have until the program makes them again", quote.Value(n.cfg.Path), len(names), names[0]))
}

// unusable returns an error that names the file.
func (n *Names) unusable(err error) error {
	why, e := "", new(status.Error)
	switch {
	case errors.As(err, &e):
		why = e.Detail
		err = nil
	case errors.Is(err, fs.ErrNotExist):
		why = "it does not exist"
	case errors.Is(err, fs.ErrPermission):
		why = "this process may not read it"
	default:
		why = "it cannot be read"
	}
	return &status.Error{Reason: status.ReasonArgument, Detail: "the file of names " + quote.Value(n.cfg.Path) + " cannot be used: " + why, Err: err}
}

// load returns the content of the file.
func (n *Names) load() ([]byte, fs.FileInfo, error) {
	// The check precedes the opening, because opening a pipe would wait for a writer.
	if info, err := os.Stat(n.cfg.Path); err != nil {
		return nil, nil, err
	} else if !info.Mode().IsRegular() {
		return nil, info, argument("it is not a regular file")
	}
	f, err := os.Open(n.cfg.Path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	const others = 0o002
	switch {
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular():
		return nil, info, argument("it is not a regular file")
	case info.Mode().Perm()&others != 0 && runtime.GOOS != "windows":
		return nil, info, argument("every user may write it, and could give the name of a rule to another group; remove that permission")
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, info, err
	case len(b) > maxFile:
		return nil, info, argument(fmt.Sprintf("it is longer than %d bytes", maxFile))
	}
	return b, info, nil
}
