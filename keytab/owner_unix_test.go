//go:build unix

package keytab

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"

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
// The mode is 0440. The File uses the keys of each generation, and the only notice, once
// for each generation, is that the group may read the file.
func TestKEY_13_KubernetesVolume(t *testing.T) {
	dir := t.TempDir()
	publish := func(version string, content []byte) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, version), 0o755); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, version, "http.keytab")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, 0o440); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(version, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	publish("..2026_11_30_1", generation(t, 1))
	path := filepath.Join(dir, "http.keytab")
	if err := os.Symlink(filepath.Join("..data", "http.keytab"), path); err != nil {
		t.Fatal(err)
	}
	var warned []Notice
	f, err := FileConfig{Path: path, Warn: func(n Notice) { warned = append(warned, n) }}.Open()
	if err != nil {
		t.Fatal(err)
	}
	kvno := func() (n uint32) {
		table, err := f.Table(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for e := range table.All() {
			n = max(n, e.Kvno)
		}
		return n
	}
	if got := kvno(); got != 1 {
		t.Errorf("keys of version %d, want 1", got)
	}
	publish("..2026_11_30_2", generation(t, 1, 2))
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := kvno(); got != 2 {
		t.Errorf("after the swap, keys of version %d, want 2", got)
	}
	for _, n := range warned {
		if n.Text != "the keytab file "+path+" may be read by its group: a process that can read it can forge any user's ticket for this service" {
			t.Errorf("warned of %+v", n)
		}
	}
	if len(warned) != 2 || f.Err() != nil {
		t.Errorf("%d notices, error %v", len(warned), f.Err())
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
