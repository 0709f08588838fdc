package keytab

import (
	"log/slog"
	"strconv"
	"time"

	"github.com/gosspi/kerberos/internal/quote"
)

// Notice is what a source of keys has to tell the operator: that its keytab cannot be
// read and older keys stay in use, that it can be read again, or that something about
// it is wrong although its keys are used.
type Notice struct {
	Level slog.Level // slog.LevelWarn, or slog.LevelInfo if all is well again
	File  string     // path of the keytab, "" if there is no file
	Text  string     // names the file; holds no key
}

// Noticer is a [Source] with notices for the operator. sspi.NewAcceptor, and each use
// of the keys after it, write the new ones to sspi.Config.Logger. [*File] and [*Table]
// are Noticers; a Source that wraps such a source should pass its notices on.
//
// Notices are numbered from 1. Notices returns those with greater numbers than after,
// oldest first, and the number of the newest; it may leave out all but the last few.
// after 0 is a reader that knows nothing yet: it is told what holds now, and not what
// has passed. If there is no news, the result is nil and after, and nothing was
// allocated. It must be safe for concurrent use.
type Noticer interface {
	Source
	Notices(after uint64) (news []Notice, newest uint64)
}

// maxNotices is how many notices a File keeps.
const maxNotices = 16

// board is the notices of a File. It is immutable.
type board struct {
	newest uint64
	recent []Notice // the last of them has the number newest
	holds  []Notice // what holds now
}

// condition is what is wrong with a keytab file: texts of notices, "" where nothing is.
type condition struct {
	failed   string // it cannot be used, and older keys stay
	exposed  string // others may read it
	odd      string // it has bytes that are no entry
	unusable string // it has no key
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

// whyEmpty is the text for a table without a key.
func (t *Table) whyEmpty() string {
	return t.whyNoneAdmitted() + "; no client can be accepted before it has one"
}

// update makes notices of what is new in c. Where the keys are new (fresh), what is
// still wrong is said again.
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
	b := &board{newest: 1} // so that a reader that has been told of nothing knows the number of it
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

// stays says which keys are used in place of those of a file that cannot be read.
func (f *File) stays() string {
	t := f.table.Load()
	return "; the " + plural(t.Len(), "key that was", "keys that were") + " read from it at " + f.readAt.UTC().Format(time.RFC3339) + " stay in use"
}

// oddity says what of a file was read over.
func (f *File) oddity(o odd, keys int) string {
	title := "the keytab file " + quote.Value(f.cfg.Path)
	switch {
	case o.zeros > 0:
		return title + " has " + plural(o.zeros, "zero byte", "zero bytes") + " behind its last entry, and may have been cut in the middle: check that the " + plural(keys, "key", "keys") + " that it has are all"
	case o.lineEnd:
		return title + " has a line end behind its last entry, which is read over: a program took it for text; copy it as it is"
	case o.hole > 0:
		return title + " has a hole at byte " + strconv.Itoa(o.hole) + " that still holds bytes of a deleted entry, perhaps its key: write the keytab anew"
	}
	return ""
}
