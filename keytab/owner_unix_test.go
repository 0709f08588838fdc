//go:build unix

package keytab

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gosspi/kerberos/status"
)

// TestKEY_13_ReadableByOthers checks that the File uses the keys of a file that users other
// than its owner may read, and reports a warning.
func TestKEY_13_ReadableByOthers(t *testing.T) {
	for mode, warns := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true, 0o644: true, 0o620: false} {
		path := filepath.Join(t.TempDir(), "keytab")
		if err := os.WriteFile(path, generation(t, 1), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		var warned []Notice
		f, err := FileConfig{Path: path, Warn: func(n Notice) { warned = append(warned, n) }}.Open()
		if err != nil {
			t.Fatalf("mode %o: %v", mode, err)
		}
		if got := len(warned) == 1; got != warns || len(warned) > 1 {
			t.Errorf("mode %o: warned of %v", mode, warned)
		}
		for _, n := range warned { // the text names no failure, because the keys are used
			readers := map[bool]string{true: "every user", false: "its group"}[mode&0o004 != 0]
			if n.Text != "the keytab file "+path+" may be read by "+readers+": a process that can read it can forge any user's ticket for this service" || n.File != path || n.Level != slog.LevelWarn {
				t.Errorf("mode %o: %+v", mode, n)
			}
		}
		if f.Err() != nil {
			t.Errorf("mode %o: %v", mode, f.Err())
		}
	}
}

// TestKEY_13_KubernetesVolume uses a volume as Kubernetes mounts a Secret: the file is a
// link into a directory that is a link too, and Kubernetes replaces that link atomically.
// The mode is 0440. All generations have the same size and time. The File finds a new
// generation by itself, at its next check or because a client needs a newer key, and uses
// its keys. The only notice, once for each generation, is that the group may read the file.
func TestKEY_13_KubernetesVolume(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "http.keytab")
	f := &followed{path: path, at: time.Date(2031, 5, 1, 0, 0, 0, 0, time.UTC)}
	written := f.at.Add(-time.Hour)
	publish := func(kvno uint32) {
		t.Helper()
		version := fmt.Sprint("..2026_11_30_", kvno)
		file := filepath.Join(dir, version, "http.keytab")
		for _, err := range []error{
			os.Mkdir(filepath.Join(dir, version), 0o755),
			os.WriteFile(file, generation(t, kvno), 0o600),
			os.Chtimes(file, written, written),
			os.Chmod(file, 0o440),
			os.Symlink(version, filepath.Join(dir, "..data_tmp")),
			os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	publish(1)
	if err := os.Symlink(filepath.Join("..data", "http.keytab"), path); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.File, err = openFile(FileConfig{Path: path, Warn: func(n Notice) { f.warn = append(f.warn, n) }}, f.clock); err != nil {
		t.Fatal(err)
	}
	has := func(when, want string) *Table {
		t.Helper()
		table, err := f.Table(t.Context())
		if err != nil || kvnosOf(table) != want {
			t.Errorf("%s: keys of version %s, error %v; want version %s", when, kvnosOf(table), err, want)
		}
		return table
	}
	has("at the start", "1")
	publish(2)
	has("before the next check", "1")
	f.advance(checkEvery)
	old := has("at the next check", "2")
	seen := f.seen
	f.advance(checkEvery)
	has("at a check without a new generation", "2")
	if f.seen != seen {
		t.Error("a check without a new generation reads the file")
	}
	publish(3)
	if table, err := f.Refresh(t.Context(), old); err != nil || kvnosOf(table) != "3" {
		t.Errorf("for a client with a newer key: keys of version %s, error %v", kvnosOf(table), err)
	}
	publish(4)
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	has("after Reload", "4")
	for _, n := range f.warn {
		if n.Text != "the keytab file "+path+" may be read by its group: a process that can read it can forge any user's ticket for this service" {
			t.Errorf("warned of %+v", n)
		}
	}
	if len(f.warn) != 4 || f.Err() != nil {
		t.Errorf("%d notices, error %v", len(f.warn), f.Err())
	}
}

// TestKEY_13_RequireOwner checks that RequireOwner refuses a file of another user, and a
// link of another user to a file of this user.
func TestKEY_13_RequireOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can change the owner of a file")
	}
	dir := t.TempDir()
	mine, theirs := filepath.Join(dir, "mine"), filepath.Join(dir, "theirs")
	for _, path := range []string{mine, theirs} {
		if err := os.WriteFile(path, generation(t, 1), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link, theirLink := filepath.Join(dir, "link"), filepath.Join(dir, "their-link")
	for _, path := range []string{link, theirLink} {
		if err := os.Symlink(mine, path); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{theirs, theirLink} {
		if err := os.Lchown(path, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]bool{mine: true, link: true, theirs: false, theirLink: false} {
		if _, err := OpenFile(path); err != nil {
			t.Errorf("%s, without RequireOwner: %v", filepath.Base(path), err)
		}
		_, err := FileConfig{Path: path, RequireOwner: true}.Open()
		if (err == nil) != want || err != nil && status.ReasonOf(err) != status.ReasonNoCredentials {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
}

// TestKEY_12_Pipe checks that OpenFile refuses a pipe without waiting for a writer.
func TestKEY_12_Pipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip("cannot make a pipe:", err)
	}
	if _, err := OpenFile(path); status.ReasonOf(err) != status.ReasonNoCredentials {
		t.Error(err)
	}
	f := follow(t, generation(t, 1))
	remove(t, f.path)
	if err := syscall.Mkfifo(f.path, 0o600); err != nil {
		t.Fatal(err)
	}
	f.advance(checkEvery)
	if table, err := f.Table(context.Background()); err != nil || kvnosOf(table) != "1" || f.Err() == nil {
		t.Errorf("%v, Err %v", err, f.Err())
	}
}

// TestKEY_13_NoLink checks that openTrusted returns the error of the operating system if
// the file does not exist.
func TestKEY_13_NoLink(t *testing.T) {
	if file, err := openTrusted(filepath.Join(t.TempDir(), "none")); file != nil || !os.IsNotExist(err) {
		t.Errorf("%v, %v", file, err)
	}
}
