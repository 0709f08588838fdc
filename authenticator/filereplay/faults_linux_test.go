package filereplay_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/filereplay"
	"github.com/gosspi/kerberos/authenticator/replaytest"
	"github.com/gosspi/kerberos/status"
)

// holdLock locks a file by another open file description, as another process does, until
// release is called.
func holdLock(t testing.TB, path string) (release func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	const setLock = 37 // F_OFD_SETLK
	if err := syscall.FcntlFlock(f.Fd(), setLock, &syscall.Flock_t{Type: syscall.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	return func() { f.Close() }
}

func TestREPLAY_7_FileLocked(t *testing.T) {
	path := fresh(t)
	replaytest.Late(t, open(t, path), func(t *testing.T) func() { return holdLock(t, path) })
}

// TestREPLAY_7_FileLockedForOpen checks that Open, and a call that waits for another call of
// the same Cache, end with their contexts.
func TestREPLAY_7_FileLockedForOpen(t *testing.T) {
	path := fresh(t)
	c := open(t, path)
	release := holdLock(t, path)
	defer release()
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := filereplay.Open(soon, filereplay.Config{Path: path}); status.ReasonOf(err) != status.ReasonCanceled || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open: %v", err)
	}
	ctx, end := context.WithCancel(t.Context())
	const calls = 8
	errs := make(chan error, calls)
	for range calls {
		go func() {
			_, err := c.Store(ctx, use(now(), 0))
			errs <- err
		}()
	}
	end()
	for range calls {
		if err := <-errs; status.ReasonOf(err) != status.ReasonCanceled {
			t.Errorf("Store: %v", err)
		}
	}
}

// TestFile_Refused checks each kind of file that is not the service's own: Open refuses it,
// and so does Store if it takes the place of the file later.
func TestFile_Refused(t *testing.T) {
	other := 65534
	for name, row := range map[string]struct {
		make func(path string) error
		says string
	}{
		"a symbolic link": {func(path string) error {
			if err := os.WriteFile(path+".target", nil, 0o600); err != nil {
				return err
			}
			return os.Symlink(path+".target", path)
		}, "symbolic link"},
		"a symbolic link to nothing": {func(path string) error { return os.Symlink(path+".nothing", path) }, "symbolic link"},
		"a folder":                   {func(path string) error { return os.Mkdir(path, 0o700) }, "is a directory"},
		"a FIFO":                     {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "no regular file"},
		"a hard link": {func(path string) error {
			if err := os.WriteFile(path+".target", nil, 0o600); err != nil {
				return err
			}
			return os.Link(path+".target", path)
		}, "hard link"},
		"a file of another user": {func(path string) error {
			if os.Geteuid() != 0 {
				return errors.ErrUnsupported
			}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
			return os.Chown(path, other, -1)
		}, "user 65534 owns it"},
		"a file that its group can read": {func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o640))
		}, "the mode must be 0600"},
		"a file that all can write": {func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o602))
		}, "the mode must be 0600"},
	} {
		t.Run(name, func(t *testing.T) {
			path := fresh(t)
			if err := row.make(path); errors.Is(err, errors.ErrUnsupported) {
				t.Skip("only root can make it")
			} else if err != nil {
				t.Fatal(err)
			}
			refuses := func(when string, err error) {
				t.Helper()
				if status.ReasonOf(err) != status.ReasonReplayCacheFailed || !strings.Contains(err.Error(), row.says) {
					t.Errorf("%s: %v, want %v and %q", when, err, status.ReasonReplayCacheFailed, row.says)
				}
			}
			none, err := filereplay.Open(t.Context(), filereplay.Config{Path: path})
			refuses("Open", err)
			if none != nil {
				t.Error("Open returned a Cache with the error")
			}
			later := fresh(t)
			c := open(t, later)
			if err := os.Remove(later); err != nil {
				t.Fatal(err)
			}
			if err := row.make(later); err != nil {
				t.Fatal(err)
			}
			got, err := c.Store(t.Context(), use(now(), 0))
			refuses("Store", err)
			if got {
				t.Error("Store returned true")
			}
		})
	}
}

// TestFile_Folder checks that Open refuses a folder in which another user can replace the
// file.
func TestFile_Folder(t *testing.T) {
	for name, row := range map[string]struct {
		mode  os.FileMode
		owner int
		bad   bool
	}{
		"private":       {0o700, -1, false},
		"readable":      {0o755, -1, false},
		"like /var/tmp": {0o777 | os.ModeSticky, -1, false},
		"for a group":   {0o775, -1, true},
		"for all":       {0o777, -1, true},
		"another's":     {0o755, 65534, true},
	} {
		folder := filepath.Join(t.TempDir(), "folder")
		if err := errors.Join(os.Mkdir(folder, 0o700), os.Chmod(folder, row.mode)); err != nil {
			t.Fatal(err)
		}
		if row.owner >= 0 {
			if os.Geteuid() != 0 {
				continue // only root can give a folder away
			}
			if err := os.Chown(folder, row.owner, -1); err != nil {
				t.Fatal(err)
			}
		}
		_, err := filereplay.Open(t.Context(), filereplay.Config{Path: filepath.Join(folder, "replay")})
		if (err != nil) != row.bad || row.bad && status.ReasonOf(err) != status.ReasonReplayCacheFailed {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := filereplay.Open(t.Context(), filereplay.Config{Path: "/nonexistent/replay"}); status.ReasonOf(err) != status.ReasonReplayCacheFailed {
		t.Errorf("no folder: %v", err)
	}
}

// TestFile_TooShort checks that a file of 1 to 15 bytes is refused and stays as it is.
func TestFile_TooShort(t *testing.T) {
	later := fresh(t)
	c := open(t, later)
	for size := 1; size < 16; size++ {
		path := fresh(t)
		for _, p := range []string{path, later} {
			if err := os.WriteFile(p, make([]byte, size), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := filereplay.Open(t.Context(), filereplay.Config{Path: path})
		if status.ReasonOf(err) != status.ReasonReplayCacheFailed || !strings.Contains(err.Error(), fmt.Sprintf("it has %d bytes", size)) {
			t.Errorf("%d bytes: Open: %v", size, err)
		}
		if got, err := c.Store(t.Context(), use(now(), 0)); got || status.ReasonOf(err) != status.ReasonReplayCacheFailed {
			t.Errorf("%d bytes: Store = %v, %v", size, got, err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() != int64(size) {
			t.Errorf("%d bytes: %v, %v", size, info, err)
		}
	}
}

// The child processes of these tests are the test binary with this variable: a task and a
// path.
const childTask = "FILEREPLAY_CHILD"

func TestMain(m *testing.M) {
	switch task, path, _ := strings.Cut(os.Getenv(childTask), " "); task {
	case "":
		os.Exit(m.Run())
	case "store":
		storeForever(path)
	case "limit":
		storeToLimit(path)
	}
}

func child(t *testing.T, task, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childTask+"="+task+" "+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// childUse makes the record number i of the process pid.
func childUse(at time.Time, pid, i int) authenticator.Record {
	r := authenticator.Record{Time: at, Now: at, Until: at.Add(skew + time.Second)}
	copy(r.Tag[:], fmt.Sprintf("%d-%d............", pid, i))
	return r
}

// storeForever prints the number of each record when Store has returned.
func storeForever(path string) {
	at := time.Now()
	c, err := filereplay.Open(context.Background(), filereplay.Config{Path: path, Start: authenticator.AcceptOlder})
	for i := 0; err == nil; i++ {
		var fresh bool
		if fresh, err = c.Store(context.Background(), childUse(at, os.Getpid(), i)); fresh {
			fmt.Println(i)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestFile_SurvivesKill checks that a process that is killed at any moment leaves a file
// with all records that it was told of, and no lock.
func TestFile_SurvivesKill(t *testing.T) {
	path := fresh(t)
	at := now()
	var stored []authenticator.Record
	for round := range 20 {
		cmd, out := child(t, "store", path)
		n := 0
		for n < 50+7*round && out.Scan() {
			n++
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for out.Scan() { // those before the signal came
			n++
		}
		_ = cmd.Wait() // it was killed
		if n < 50 {
			t.Fatal("the child stored nothing")
		}
		for i := range n {
			stored = append(stored, childUse(at, cmd.Process.Pid, i))
		}
	}
	c := open(t, path)
	for i, r := range stored {
		if got := present(t, c, r); got != status.ReasonReplay {
			t.Fatalf("record %d of %d: %v, want %v", i, len(stored), got, status.ReasonReplay)
		}
	}
	expect(t, c, use(now(), 0), status.ReasonNone)
}

// storeToLimit stores records of which some are above the greatest size of a file that the
// process may write, and prints the outcome of each.
func storeToLimit(path string) {
	signal.Ignore(syscall.SIGXFSZ)
	limit := &syscall.Rlimit{Cur: 16384 + 8, Max: 16384 + 8} // in the middle of a record
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, limit); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	at := time.Now()
	c, err := filereplay.Open(context.Background(), filereplay.Config{Path: path, Start: authenticator.AcceptOlder})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for i := range 2000 {
		fresh, err := c.Store(context.Background(), childUse(at, 0, i))
		fmt.Println(fresh, status.ReasonOf(err) == status.ReasonReplayCacheFailed, err)
	}
}

// TestFile_DiskFull checks that a record that does not fit on the disk refuses, that all
// others stay, and that the next process goes on.
func TestFile_DiskFull(t *testing.T) {
	path := fresh(t)
	at := now()
	cmd, out := child(t, "limit", path)
	var stored, refused []authenticator.Record
	for i := 0; out.Scan(); i++ {
		switch text := out.Text(); {
		case text == "true false <nil>":
			stored = append(stored, childUse(at, 0, i))
		case strings.HasPrefix(text, "false true ") && strings.Contains(text, "file too large"):
			refused = append(refused, childUse(at, 0, i))
		default:
			t.Fatalf("record %d: %s", i, text)
		}
	}
	if err := cmd.Wait(); err != nil || len(stored) < 800 || len(refused) < 300 {
		t.Fatalf("%v: %d stored, %d refused", err, len(stored), len(refused))
	}
	c := open(t, path)
	for _, r := range stored {
		expect(t, c, r, status.ReasonReplay)
	}
	for _, r := range refused {
		expect(t, c, r, status.ReasonNone)
		expect(t, c, r, status.ReasonReplay)
	}
}
