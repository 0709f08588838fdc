package sspiallow

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/ticket/pac"
)

// reloaded is a Names with a clock of the test.
type reloaded struct {
	*Names
	path    string
	now     time.Time
	notices []keytab.Notice
}

func newReloaded(t *testing.T, text string) *reloaded {
	t.Helper()
	r := &reloaded{path: filepath.Join(t.TempDir(), "names"), now: time.Now()}
	r.write(t, text)
	var err error
	r.Names, err = openNames(NamesConfig{
		Path: r.path, Warn: func(n keytab.Notice) { r.notices = append(r.notices, n) },
	}, func() time.Time { return r.now })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *reloaded) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// said checks the level and the text of the only new notice; "" wants no notice.
func (r *reloaded) said(t *testing.T, level slog.Level, text string) {
	t.Helper()
	defer func() { r.notices = nil }()
	if text == "" && len(r.notices) == 0 {
		return
	}
	if len(r.notices) != 1 || r.notices[0].Level != level || r.notices[0].File != r.path || !strings.Contains(r.notices[0].Text, text) {
		t.Errorf("notices %+v, want %v %q", r.notices, level, text)
	}
}

// is checks the name of a SID after the next look at the file.
func (r *reloaded) is(t *testing.T, sid, want string) {
	t.Helper()
	r.now = r.now.Add(checkEvery)
	if got := r.Name(pac.MustParseSID(sid)); got != want {
		t.Errorf("%s is %q, want %q", sid, got, want)
	}
}

// TestRULE_4_Reload checks that a change of the file is noticed, that a file that cannot be used
// leaves the last content in use and is reported once, and that rules keep their SIDs.
func TestRULE_4_Reload(t *testing.T) {
	const one, two = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002"
	r := newReloaded(t, one+" C\\staff\n")
	rule, err := Parse(`C\staff`, r.Names)
	if err != nil {
		t.Fatal(err)
	}
	r.write(t, one+" C\\staff\n"+two+" C\\more\n")
	if got := r.Name(pac.MustParseSID(two)); got != two {
		t.Errorf("a file is read again within a second: %s", got)
	}
	r.is(t, two, `C\more`)
	r.said(t, 0, "")

	r.write(t, one+" C\\staff\nrubbish\n")
	r.is(t, two, `C\more`)
	r.said(t, slog.LevelWarn, "line 2: \"rubbish\" is no SID; a line has a SID, a space and a name, or begins with #; the names that were read last stay in use")
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Error(err)
	}
	r.is(t, two, `C\more`)
	r.said(t, 0, "") // not again

	if err := os.Remove(r.path); err != nil {
		t.Fatal(err)
	}
	r.is(t, two, `C\more`)
	r.said(t, slog.LevelWarn, "it does not exist")

	r.write(t, one+" C\\staff\n"+two+" C\\more\n") // the same content
	r.is(t, two, `C\more`)
	r.said(t, slog.LevelInfo, "can be used again")
	if err := r.Err(); err != nil {
		t.Error(err)
	}

	// A look does not read a file that is the same for some time.
	r.now = r.now.Add(time.Hour)
	r.is(t, two, `C\more`)
	if r.racy {
		t.Error("the file is read with each look")
	}

	r.write(t, two+" C\\staff\n")
	r.is(t, two, `C\staff`)
	r.said(t, slog.LevelWarn, `has another SID than before, or none, for 1 of the names in rules, first "C\\staff"`)
	if want := []pac.SID{pac.MustParseSID(one)}; !slices.Equal(rule.sids, want) {
		t.Errorf("the rule has %v, want %v", rule.sids, want)
	}
	again, err := Parse(`C\staff`, r.Names)
	if err != nil || !slices.Equal(again.sids, []pac.SID{pac.MustParseSID(two)}) {
		t.Errorf("%v, %v", again.sids, err)
	}
}

// TestRULE_4_ClockSetBack checks that a Names looks at its file although the clock was set back.
func TestRULE_4_ClockSetBack(t *testing.T) {
	r := newReloaded(t, "")
	r.write(t, "S-1-5-21-1-2-3-1001 C\\staff\n")
	r.now = r.now.Add(-24 * time.Hour)
	r.is(t, "S-1-5-21-1-2-3-1001", `C\staff`)
}

// TestRULE_4_Memory checks that the memory for a file of names is bounded by its length, also if
// its lines are empty.
func TestRULE_4_Memory(t *testing.T) {
	var short, usual bytes.Buffer
	for i := range 5_000 {
		fmt.Fprintf(&short, "S-1-5-%d %x\n", i, i)
		fmt.Fprintf(&usual, "S-1-5-21-1004336348-1177238915-682003330-%d CORP\\group %d\n", i, i)
	}
	for name, b := range map[string][]byte{"empty lines": bytes.Repeat([]byte("\n"), 1<<18), "short lines": short.Bytes(), "usual lines": usual.Bytes()} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		d, err := parseNames(b)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		if n, most := after.TotalAlloc-before.TotalAlloc, uint64(64*len(b)); n > most {
			t.Errorf("%s: %d bytes for a file of %d with %d names, above %d", name, n, len(b), len(d.byName), most)
		}
	}
}

// FuzzNames checks that each name of a file of names is found by its SID and the other way.
func FuzzNames(f *testing.F) {
	f.Add([]byte("# x\nS-1-5-21-1-2-3 CORP\nS-1-5-21-1-2-3-2001 CORP\\staff\n"))
	f.Add([]byte("S-1-5-21-1-2-3 C\r\nS-1-5-21-1-2-3-502 c\\krbtgt"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := parseNames(slices.Clip(bytes.Clone(b)))
		if err != nil {
			if !strings.Contains(err.Error(), "line ") {
				t.Fatalf("%v does not name a line", err)
			}
			return
		}
		for sid, l := range d.bySID {
			if got, ok := d.lookup(l.name); !ok || got != sid || d.name(sid) != l.name {
				t.Fatalf("%v is %q, which is %v", sid, l.name, got)
			}
			if known, ok := d.builtIn(fold(l.name)); ok && known != sid {
				t.Fatalf("%q is %v and %v", l.name, known, sid)
			}
		}
	})
}
