package sspideleg_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/gosspi/kerberos/sspi/sspideleg"
	"github.com/gosspi/kerberos/status"
)

// TestWriteCCache checks that WriteCCache writes a file with mode 0600, new or in place of
// another, and leaves no other file.
func TestWriteCCache(t *testing.T) {
	d := delegate(t, "alice")
	want, err := sspideleg.MarshalCCache(d)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "ccache")
	for _, before := range []string{"", "an older and much longer cache" + string(want)} {
		if before != "" {
			if err := os.WriteFile(path, []byte(before), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := sspideleg.WriteCCache(path, d); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v; want %d", len(got), err, len(want))
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode(); runtime.GOOS != "windows" && mode != 0o600 {
			t.Errorf("its mode is %v", mode)
		}
	}
	alone(t, dir, "ccache")
}

// TestWriteCCache_OldReaders checks that a program that has opened the old file continues
// to read it.
func TestWriteCCache_OldReaders(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is read cannot be replaced there")
	}
	d := delegate(t, "alice")
	path := filepath.Join(t.TempDir(), "ccache")
	if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := sspideleg.WriteCCache(path, d); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, err := f.Read(b); err != nil || string(b[:n]) != "before" {
		t.Errorf("%q, %v", b[:n], err)
	}
}

// TestWriteCCache_Refusals checks that a refusal leaves all files unchanged.
func TestWriteCCache_Refusals(t *testing.T) {
	d := delegate(t, "alice")
	dir := t.TempDir()
	t.Chdir(dir) // the folder of an empty path
	target := filepath.Join(dir, "target")
	if err := os.WriteFile(target, []byte("of somebody else"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link": target, "dangling": filepath.Join(dir, "nothing")} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
		if err := sspideleg.WriteCCache(filepath.Join(dir, name), d); status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%s: %v", name, err)
		}
		if now, err := os.Readlink(filepath.Join(dir, name)); err != nil || now != to {
			t.Errorf("%s: it leads to %q, %v", name, now, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := sspideleg.WriteCCache(filepath.Join(dir, "folder"), d); status.ReasonOf(err) != status.ReasonArgument {
		t.Errorf("a folder: %v", err)
	}
	for _, path := range []string{filepath.Join(dir, "missing", "ccache"), filepath.Join(target, "ccache"), ""} {
		if err := sspideleg.WriteCCache(path, d); status.ReasonOf(err) != status.ReasonInternal {
			t.Errorf("%q: %v", path, err)
		}
	}
	if err := sspideleg.WriteCCache(filepath.Join(dir, "new"), nil); status.ReasonOf(err) != status.ReasonNoCredentials {
		t.Errorf("nil: %v", err)
	}
	if b, err := os.ReadFile(target); err != nil || string(b) != "of somebody else" {
		t.Errorf("%q, %v", b, err)
	}
	alone(t, dir, "dangling", "folder", "link", "target")
}

// alone checks that a folder contains only the files with these names.
func alone(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(names) {
		t.Errorf("there are %v", entries)
		return
	}
	for i, e := range entries {
		if e.Name() != names[i] {
			t.Errorf("there are %v", entries)
		}
	}
}
