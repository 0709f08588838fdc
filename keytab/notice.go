package keytab

import (
	"log/slog"
	"strconv"
	"time"

	"github.com/gosspi/kerberos/internal/quote"
)

// Notice is a message from a source of keys to the operator: its keytab cannot be read
// and older keys stay in use, or it can be read again, or something about it is wrong
// although its keys are used.
type Notice struct {
	Level slog.Level // slog.LevelWarn, or slog.LevelInfo if an earlier Notice no longer applies
	File  string     // path of the keytab, "" if there is no file
	Text  string     // names the file; contains no key
}

// Noticer is a [Source] with Notices for the operator. sspi.NewAcceptor, and every later
// use of the keys by the acceptor, write the new Notices to sspi.Config.Logger. [*File]
// and [*Table] implement Noticer. A Source that wraps a Noticer should return the Notices
// of the wrapped Source.
//
// Notices are numbered from 1. The method Notices returns those with numbers greater than
// after, oldest first, and the number of the newest; it may return only the last few of
// them. For after = 0 it returns the Notices that still apply, because the reader knows
// no earlier Notice. If there are no new Notices, it returns nil and after, and does not
// allocate. It must be safe for concurrent use.
type Noticer interface {
	Source
	Notices(after uint64) (news []Notice, newest uint64)
}

// maxNotices is the number of Notices that a File stores.
const maxNotices = 16

// board contains the Notices of a File. It is immutable.
type board struct {
	newest uint64
	recent []Notice // the last of them has the number newest
	holds  []Notice // those that still apply
}

// condition describes the defects of a keytab file by the texts of Notices. A text is
// empty if the file does not have the defect.
type condition struct {
	failed   string // the file cannot be used, and older keys stay in use
	exposed  string // other users may read the file
	odd      string // the file has bytes that do not belong to an entry
	unusable string // the file has no usable key
}

// Notices implements [Noticer].
func (f *File) Notices(after uint64) (news []Notice, newest uint64) {
	if f == nil {
		return nil, after
	}
	b := f.board.Load()
	switch {
	case b == nil || after >= b.newest:
		return nil, after
	case after == 0:
		return b.holds, b.newest
	}
	n := min(b.newest-after, uint64(len(b.recent)))
	return b.recent[uint64(len(b.recent))-n:], b.newest
}

// Notices implements [Noticer]. A Table without a key has one notice.
func (t *Table) Notices(after uint64) (news []Notice, newest uint64) {
	if after > 0 || t.Len() > 0 {
		return nil, max(after, 1)
	}
	n := Notice{Level: slog.LevelWarn, Text: t.whyEmpty()}
	if t != nil {
		n.File = t.name
	}
	return []Notice{n}, 1
}

// whyEmpty returns the text of the Notice for a table without a key.
func (t *Table) whyEmpty() string {
	return t.whyNoneAdmitted() + "; no client can be accepted before it has one"
}

// update makes Notices of the defects that are new in c. If the keys are new (fresh),
// update reports the defects that persist again.
func (f *File) update(c condition, fresh bool) {
	var news []Notice
	add := func(level slog.Level, text string) {
		news = append(news, Notice{Level: level, File: f.cfg.Path, Text: text})
	}
	was := f.condition
	if c.failed != "" {
		c.exposed, c.odd, c.unusable = was.exposed, was.odd, was.unusable
		if c.failed != was.failed {
			add(slog.LevelWarn, c.failed)
		}
	} else {
		if was.failed != "" {
			add(slog.LevelInfo, "the keytab file "+quote.Value(f.cfg.Path)+" can be used again: "+plural(f.table.Load().Len(), "key", "keys")+" read")
		}
		for _, texts := range [...][2]string{{was.exposed, c.exposed}, {was.odd, c.odd}, {was.unusable, c.unusable}} {
			if texts[1] != "" && (fresh || texts[1] != texts[0]) {
				add(slog.LevelWarn, texts[1])
			}
		}
	}
	f.condition = c
	b := &board{newest: 1} // a reader that got no Notice then passes 1 and not 0
	if old := f.board.Load(); old != nil {
		b.newest = old.newest + uint64(len(news))
		b.recent = append(b.recent, old.recent...)
	}
	b.recent = append(b.recent, news...)
	if n := len(b.recent) - maxNotices; n > 0 {
		b.recent = b.recent[n:]
	}
	for _, text := range []string{c.failed, c.exposed, c.odd, c.unusable} {
		if text != "" {
			b.holds = append(b.holds, Notice{Level: slog.LevelWarn, File: f.cfg.Path, Text: text})
		}
	}
	f.board.Store(b)
	if f.cfg.Warn != nil {
		for _, n := range news {
			f.cfg.Warn(n)
		}
	}
}

// stays returns a text that describes the keys that stay in use while the file cannot be
// read.
func (f *File) stays() string {
	t := f.table.Load()
	return "; the " + plural(t.Len(), "key that was", "keys that were") + " read from it at " + f.readAt.UTC().Format(time.RFC3339) + " stay in use"
}

// oddity returns the text of the Notice for bytes that Parse has ignored.
func (f *File) oddity(o odd, keys int) string {
	title := "the keytab file " + quote.Value(f.cfg.Path)
	switch {
	case o.zeros > 0:
		return title + " has " + plural(o.zeros, "zero byte", "zero bytes") + " behind its last entry and may have been truncated: check that the " + plural(keys, "key", "keys") + " in it are complete"
	case o.lineEnd:
		return title + " has a line end behind its last entry, which is ignored: a program treated the file as text; copy it as a binary file"
	case o.hole > 0:
		return title + " has a hole at byte " + strconv.Itoa(o.hole) + " that still contains bytes of a deleted entry, perhaps its key: create the keytab again"
	}
	return ""
}
