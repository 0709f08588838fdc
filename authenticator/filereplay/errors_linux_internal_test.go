package filereplay

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

var errBroken = errors.New("broken")

// broken is a file that cannot be read from an offset on.
type broken int64

func (b broken) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > int64(b) {
		return 0, errBroken
	}
	return len(p), nil
}

// TestErrors_Read checks that an error of a read is an answer of none of the functions.
func TestErrors_Read(t *testing.T) {
	if p, err := find(broken(0), [seedLen]byte{}, [tagLen]byte{}, never); !errors.Is(err, errBroken) || p != (place{}) {
		t.Errorf("find: %+v, %v", p, err)
	}
	if pair, err := readPair(broken(0), seedLen); !errors.Is(err, errBroken) {
		t.Errorf("readPair: %v, %v", pair, err)
	}
	if _, found, err := mark(broken(0)); !errors.Is(err, errBroken) || found {
		t.Errorf("mark: %v, %v", found, err)
	}
}

// TestErrors_File checks the errors of a file that is closed, that cannot be read, and that
// cannot be written.
func TestErrors_File(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "replay")
	c, err := Open(t.Context(), Config{Path: path, Start: authenticator.AcceptOlder})
	if err != nil {
		t.Fatal(err)
	}
	open := func(path string, flag int) *os.File {
		t.Helper()
		f, err := os.OpenFile(path, flag, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	closed := open(path, os.O_RDWR)
	closed.Close()
	if err := checkFile(closed); !errors.Is(err, os.ErrClosed) {
		t.Errorf("checkFile: %v", err)
	}
	if at, err := isAt(closed, path); at || !errors.Is(err, os.ErrClosed) {
		t.Errorf("isAt: %v, %v", at, err)
	}
	if locked, err := tryLock(closed); locked || err == nil {
		t.Errorf("tryLock: %v, %v", locked, err)
	}
	if at, err := isAt(open(path, os.O_RDWR), filepath.Join(dir, "none")); at || err != nil {
		t.Errorf("isAt of a name that does not exist: %v, %v", at, err)
	}
	for name, f := range map[string]*os.File{
		"closed":            closed,
		"unreadable":        open(path, os.O_WRONLY),
		"empty, unwritable": open(filepath.Join(dir, "empty"), os.O_RDONLY|os.O_CREATE),
	} {
		before := c.known
		_, err := c.look(f, time.Now())
		if status.ReasonOf(err) != status.ReasonReplayCacheFailed {
			t.Errorf("look at a file that is %s: %v", name, err)
		}
		if c.known != before {
			t.Errorf("look at a file that is %s has changed the Cache", name)
		}
	}
}

// TestOpen_ReplacedWhileWaiting checks that a call that waits for the lock of a file uses the
// file that has its name when the lock is free.
func TestOpen_ReplacedWhileWaiting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "replay")
	c, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	held, err := openFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if locked, err := tryLock(held); !locked || err != nil {
		t.Fatal(locked, err)
	}
	type opened struct {
		f   *os.File
		err error
	}
	got := make(chan opened)
	go func() {
		f, err := c.open(t.Context())
		got <- opened{f, err}
	}()
	waitForOpen(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	o := <-got
	if o.err != nil {
		t.Fatal(o.err)
	}
	defer o.f.Close()
	if at, err := isAt(o.f, path); !at || err != nil {
		t.Errorf("open returned a file that is not at the path: %v", err)
	}
	var s syscall.Stat_t
	if err := syscall.Fstat(int(o.f.Fd()), &s); err != nil || s.Nlink != 1 {
		t.Errorf("open returned a file with %d names, %v", s.Nlink, err)
	}
}

// waitForOpen waits until this process has opened the file twice.
func waitForOpen(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skipf("this system does not list open files: %v", err)
		}
		n := 0
		for _, e := range entries {
			if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && to == path {
				n++
			}
		}
		if n >= 2 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the file was not opened")
		}
	}
}
