package keytab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/status"
)

// followed is a File with a clock that the test sets.
type followed struct {
	*File
	path string
	mu   sync.Mutex
	at   time.Time
	warn []Notice
}

func (f *followed) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

// advance moves the clock by d.
func (f *followed) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = f.at.Add(d)
}

// write replaces the file's content in place. The modification time comes from the test's
// clock.
func (f *followed) write(t *testing.T, b []byte) {
	t.Helper()
	if err := os.WriteFile(f.path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f.touch(t, f.clock())
}

func (f *followed) touch(t *testing.T, at time.Time) {
	t.Helper()
	if err := os.Chtimes(f.path, at, at); err != nil {
		t.Fatal(err)
	}
}

// replace replaces the file by another file, with a rename.
func (f *followed) replace(t *testing.T, b []byte) {
	t.Helper()
	if err := os.WriteFile(f.path+".new", b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		t.Fatal(err)
	}
}

// kvnos returns the key versions that the File has after its next check.
func (f *followed) kvnos(t *testing.T) string {
	t.Helper()
	f.advance(checkEvery)
	table, err := f.Table(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return kvnosOf(table)
}

func kvnosOf(table *Table) string {
	out := ""
	for e := range table.All() {
		out += fmt.Sprint(e.Kvno)
	}
	return out
}

// generation returns a keytab file with keys of these versions.
func generation(t testing.TB, kvnos ...uint32) []byte {
	t.Helper()
	var lines []string
	for _, n := range kvnos {
		lines = append(lines, fmt.Sprintf("HTTP/www %d 18 %d", n, n))
	}
	b, err := spelled(t, lines...).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func follow(t *testing.T, b []byte, changes ...func(*FileConfig)) *followed {
	t.Helper()
	f := &followed{path: filepath.Join(t.TempDir(), "keytab"), at: time.Date(2031, 5, 1, 0, 0, 0, 0, time.UTC)}
	f.write(t, b)
	f.touch(t, f.at.Add(-time.Hour))
	cfg := FileConfig{Path: f.path, Warn: func(n Notice) { f.warn = append(f.warn, n) }}
	for _, change := range changes {
		change(&cfg)
	}
	var err error
	if f.File, err = openFile(cfg, f.clock); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestKEY_12_Noticed checks that the File finds new keys at its next check, whatever
// happened to the file, and that it keeps the old keys and reports an error if it cannot
// read the file.
func TestKEY_12_Noticed(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(t *testing.T, f *followed)
		want   string // the key versions
		fails  bool
	}{
		{"nothing", func(t *testing.T, f *followed) {}, "1", false},
		{"written", func(t *testing.T, f *followed) { f.write(t, generation(t, 1, 2)) }, "12", false},
		{"replaced", func(t *testing.T, f *followed) { f.replace(t, generation(t, 2)) }, "2", false},
		{"replaced by one of the same size and time", func(t *testing.T, f *followed) {
			f.replace(t, generation(t, 2))
			f.touch(t, f.clock().Add(-time.Hour))
		}, "2", false},
		{"emptied", func(t *testing.T, f *followed) { f.write(t, nil) }, "1", true},
		{"no entries left", func(t *testing.T, f *followed) { f.write(t, []byte{5, 2}) }, "1", true},
		{"cut", func(t *testing.T, f *followed) { b := generation(t, 2); f.write(t, b[:len(b)-1]) }, "1", true},
		{"no keytab", func(t *testing.T, f *followed) { f.write(t, []byte("hello")) }, "1", true},
		{"removed", func(t *testing.T, f *followed) { remove(t, f.path) }, "1", true},
		{"a directory in its place", func(t *testing.T, f *followed) {
			remove(t, f.path)
			if err := os.Mkdir(f.path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "1", true},
		{"too long", func(t *testing.T, f *followed) {
			if err := os.Truncate(f.path, maxFile+1); err != nil {
				t.Fatal(err)
			}
		}, "1", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := follow(t, generation(t, 1))
			row.change(t, f)
			if got := f.kvnos(t); got != row.want {
				t.Errorf("keys of version %s, want %s", got, row.want)
			}
			if err := f.Err(); (err != nil) != row.fails {
				t.Errorf("Err: %v", err)
			}
			if row.fails && len(f.warn) != 1 {
				t.Errorf("warned of %v", f.warn)
			}
			// The File must be able to recover.
			if row.name == "a directory in its place" {
				remove(t, f.path)
			}
			f.replace(t, generation(t, 7))
			if got := f.kvnos(t); got != "7" || f.Err() != nil {
				t.Errorf("afterwards: keys of version %s, %v", got, f.Err())
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestKEY_12_SameSizeSameTime checks that the File reads a file again that was written
// twice within the resolution of its modification time, although size and time are the
// same.
func TestKEY_12_SameSizeSameTime(t *testing.T) {
	f := follow(t, generation(t, 1))
	stamp := f.clock()
	f.write(t, generation(t, 2))
	if got := f.kvnos(t); got != "2" {
		t.Fatalf("keys of version %s", got)
	}
	f.write(t, generation(t, 3))
	f.touch(t, stamp)
	if got := f.kvnos(t); got != "3" {
		t.Errorf("keys of version %s, want 3", got)
	}
}

// TestKEY_12_Unreadable removes the read permission of the file. Root can read every file.
func TestKEY_12_Unreadable(t *testing.T) {
	if os.Geteuid() == 0 || os.Getuid() < 0 {
		t.Skip("root can read every file")
	}
	f := follow(t, generation(t, 1))
	if err := os.Chmod(f.path, 0); err != nil {
		t.Fatal(err)
	}
	f.touch(t, f.clock())
	if got := f.kvnos(t); got != "1" || !errors.Is(f.Err(), fs.ErrPermission) {
		t.Errorf("keys of version %s, %v", got, f.Err())
	}
}

// TestKEY_12_OnceASecond checks that the File checks its file once a second, and also after
// the clock was set back.
func TestKEY_12_OnceASecond(t *testing.T) {
	f := follow(t, generation(t, 1))
	f.replace(t, generation(t, 2))
	f.advance(checkEvery - 1)
	table, _ := f.Table(context.Background())
	if got := kvnosOf(table); got != "1" {
		t.Errorf("before the second is over: keys of version %s", got)
	}
	f.advance(1)
	if table, _ = f.Table(context.Background()); kvnosOf(table) != "2" {
		t.Errorf("after it: keys of version %s", kvnosOf(table))
	}
	f.replace(t, generation(t, 3))
	f.advance(-time.Hour)
	if table, _ = f.Table(context.Background()); kvnosOf(table) != "3" {
		t.Errorf("the clock went back: keys of version %s", kvnosOf(table))
	}
}

// TestKEY_12_StrangersLooks checks what clients with tickets under unknown keys can cause.
// Refresh must not read a file that did not change, must read a broken file once only, and
// must not delay the regular check. If the content of the file did not change, the File
// keeps its Table.
func TestKEY_12_StrangersLooks(t *testing.T) {
	var readings int // each reading asks the clock first
	at := time.Now()
	path := filepath.Join(t.TempDir(), "keytab")
	sound := generation(t, 1)
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(sound)
	f, err := openFile(FileConfig{Path: path}, func() time.Time { readings++; return at })
	if err != nil {
		t.Fatal(err)
	}
	due := *f.nextCheck.Load()
	strangers := func(what string, most int) {
		t.Helper()
		before := readings
		for range 100 {
			if _, err := f.Refresh(context.Background(), f.current()); err != nil {
				t.Fatal(err)
			}
		}
		if n := readings - before; n > most {
			t.Errorf("%s: %d readings, want %d at most", what, n, most)
		}
		if !f.nextCheck.Load().Equal(due) {
			t.Errorf("%s: Refresh delayed the regular check", what)
		}
	}
	strangers("unchanged", 0)
	write([]byte("broken"))
	strangers("broken", 1)
	write(sound)
	same := f.current()
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	if f.current() != same {
		t.Error("Reload replaced the Table although the content is the same")
	}
}

// TestKEY_11_Refresh checks that Refresh checks the file at once.
func TestKEY_11_Refresh(t *testing.T) {
	f := follow(t, generation(t, 1))
	old, _ := f.Table(context.Background())
	same, err := f.Refresh(context.Background(), old)
	if same != old || err != nil {
		t.Errorf("without a change: another table, %v", err)
	}
	f.replace(t, generation(t, 1, 2))
	table, err := f.Refresh(context.Background(), old)
	if err != nil || kvnosOf(table) != "12" {
		t.Errorf("keys of version %s, %v", kvnosOf(table), err)
	}
	if kvnosOf(old) != "1" {
		t.Error("the old table was changed")
	}
	f.replace(t, generation(t, 9))
	if again, _ := f.Refresh(context.Background(), old); again != table {
		t.Error("Refresh with an old Table read the file again")
	}
}

// TestKEY_11_Reload checks that Reload reads the file at once and returns the error.
func TestKEY_11_Reload(t *testing.T) {
	f := follow(t, generation(t, 1))
	f.replace(t, generation(t, 2))
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	if table, _ := f.Table(context.Background()); kvnosOf(table) != "2" {
		t.Errorf("keys of version %s", kvnosOf(table))
	}
	f.write(t, []byte("junk"))
	for range 2 {
		if err := f.Reload(); status.ReasonOf(err) != status.ReasonNoCredentials || f.Err() == nil {
			t.Errorf("%v, Err %v", err, f.Err())
		}
	}
	if len(f.warn) != 1 {
		t.Errorf("%d warnings about one problem", len(f.warn))
	}
	if table, _ := f.Table(context.Background()); kvnosOf(table) != "2" {
		t.Errorf("after a failure: keys of version %s", kvnosOf(table))
	}
}

// TestKEY_11_WholeTables checks that every reader has a complete generation of keys while
// the file is replaced many times.
func TestKEY_11_WholeTables(t *testing.T) {
	f := follow(t, generation(t, 1, 1, 1))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				table, err := f.Table(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				switch kvnosOf(table) {
				case "111", "222":
				default:
					t.Errorf("keys of version %s", kvnosOf(table))
					return
				}
			}
		})
	}
	for i := range uint32(100) {
		n := 1 + i%2
		f.replace(t, generation(t, n, n, n))
		f.advance(checkEvery)
		if i%3 == 0 {
			if err := f.Reload(); err != nil {
				t.Error(err)
			}
		}
	}
	close(done)
	readers.Wait()
}

// TestOpenFile_Failures checks the errors of OpenFile, and the zero File.
func TestOpenFile_Failures(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk")
	if err := os.WriteFile(junk, []byte{5, 2, 0, 0, 0, 9}, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]status.Reason{
		"":                            status.ReasonArgument,
		dir:                           status.ReasonNoCredentials,
		filepath.Join(dir, "missing"): status.ReasonNoCredentials,
		junk:                          status.ReasonNoCredentials,
	} {
		if f, err := OpenFile(path); status.ReasonOf(err) != want || f != nil {
			t.Errorf("%q: %v, want %v", path, err, want)
		}
	}
	if _, err := OpenFile(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the cause is lost: %v", err)
	}
	refused := &File{cfg: FileConfig{Path: junk}} // root may read any file
	if err := refused.noAccess(&fs.PathError{Op: "open", Path: junk, Err: fs.ErrPermission}); status.ReasonOf(err) != status.ReasonNoCredentials ||
		!strings.Contains(err.Error(), fmt.Sprintf("this process, of user ID %d, may not read it", os.Geteuid())) {
		t.Error(err)
	}
	var zero File
	_, err := zero.Table(context.Background())
	_, err2 := zero.Refresh(context.Background(), nil)
	for _, err := range []error{err, err2, zero.Reload()} {
		if status.ReasonOf(err) != status.ReasonNoCredentials {
			t.Errorf("a File that was not opened: %v", err)
		}
	}
	if zero.Err() != nil {
		t.Error(zero.Err())
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, []byte{5, 2}, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFile(empty); err != nil {
		t.Errorf("a keytab without entries: %v", err)
	}
}
