package replay

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/replay/acceptor"
)

// allLogins is the number of logins in the test of each backend.
const allLogins = 10_000

// TestReplay_File logs in through two processes with a replay file, while processes are
// killed and stopped, another program holds the lock, the disk is full, and the file is
// removed.
func TestReplay_File(t *testing.T) {
	r := theRealm(t, "prlimit", "util-linux")
	file := filepath.Join(t.TempDir(), "replay")
	b := newBackend(t, r, buildAcceptor(t, "file", ".", "./file"), []string{file}, []string{file})
	b.faults = append(b.processFaults(),
		lockHeld(file, 100),
		fault{
			name:    "no file may be larger than 16 KiB",
			begin:   func(t testing.TB) { b.limitFiles(t, r, "16384:") },
			end:     func(t testing.TB) { b.limitFiles(t, r, "unlimited:") },
			refuses: true, attempts: 300,
		},
		fault{
			name: "other users may write to the file",
			begin: func(t testing.TB) {
				if err := os.Chmod(file, 0o666); err != nil {
					t.Error(err)
				}
			},
			end: func(t testing.TB) {
				if err := os.Chmod(file, 0o600); err != nil {
					t.Error(err)
				}
			},
			refuses: true,
		},
		fault{
			name: "the file is removed",
			begin: func(t testing.TB) {
				if err := os.Remove(file); err != nil {
					t.Error(err)
				}
			},
			end: func(testing.TB) {},
		},
	)
	n := logins(t, allLogins)
	b.run(t, r, n).check(t, n)
}

// processFaults are faults of the acceptor processes.
func (b *backend) processFaults() []fault {
	first, second := b.processes[0], b.processes[1]
	restart := func(t testing.TB) {
		if err := first.start(); err != nil {
			t.Error(err)
		}
	}
	return []fault{
		{name: "acceptor 1 is killed", begin: func(testing.TB) { first.kill() }, end: restart},
		{
			name:  "acceptor 2 is stopped",
			begin: func(t testing.TB) { second.signal(t, syscall.SIGSTOP) },
			end:   func(t testing.TB) { second.signal(t, syscall.SIGCONT) }, attempts: 24,
		},
		{name: "acceptor 1 is killed again and again", attempts: 20, end: restart, begin: func(t testing.TB) {
			for range 20 {
				first.kill()
				restart(t)
			}
			first.kill()
		}},
	}
}

// lockHeld is the fault that a program holds the lock of the file.
func lockHeld(file string, attempts int) fault {
	var held *os.File
	return fault{
		name: "another program holds the lock", refuses: true, attempts: attempts,
		begin: func(t testing.TB) {
			var err error
			if held, err = os.OpenFile(file, os.O_RDWR, 0); err != nil {
				t.Error(err)
				return
			}
			const setLockWait = 38 // F_OFD_SETLKW
			if err := syscall.FcntlFlock(held.Fd(), setLockWait, &syscall.Flock_t{Type: syscall.F_WRLCK}); err != nil {
				t.Error(err)
			}
		},
		end: func(testing.TB) { held.Close() },
	}
}

func (b *backend) limitFiles(t testing.TB, r *realm, limit string) {
	for _, p := range b.processes {
		p.mu.Lock()
		pid := p.running.Cmd.Process.Pid
		p.mu.Unlock()
		if err := r.run(nil, "", "prlimit", "--pid", strconv.Itoa(pid), "--fsize="+limit); err != nil {
			t.Error(err)
		}
	}
}

// newMITBackend returns a backend of one process with package filereplay and one with MIT's
// library, which share a file. The caller launches them.
func newMITBackend(t testing.TB, r *realm, file string) *backend {
	t.Helper()
	b := &backend{processes: [2]*process{
		{name: "acceptor 1", path: buildAcceptor(t, "file", ".", "./file"), env: r.env(), args: []string{"-keytab", r.path("keytab"), file}},
		{name: "acceptor 2 (MIT)", path: r.gss, env: append(r.env(), "KRB5RCACHENAME=file2:"+file), args: []string{"accept"}},
	}}
	return b
}

// TestReplay_FileWithMIT logs in through a process with package filereplay and a process
// with MIT's library, which share a file.
func TestReplay_FileWithMIT(t *testing.T) {
	r := theRealm(t)
	file := filepath.Join(t.TempDir(), "replay")
	b := newMITBackend(t, r, file)
	for _, p := range b.processes {
		p.launch(t)
	}
	b.faults = append(b.processFaults(), lockHeld(file, 16)) // MIT's library has no limit for its wait
	n := logins(t, allLogins)
	b.run(t, r, n).check(t, n)
}

// TestReplay_FileETypes checks, for each encryption type, that a token that MIT's library
// accepted is a replay for package filereplay, and the reverse, whichever made the file.
func TestReplay_FileETypes(t *testing.T) {
	r := theRealm(t)
	for etype := range etypes {
		for maker := range 2 {
			t.Run(fmt.Sprintf("%d/%s", etype, [2]string{"ours", "MIT"}[maker]), func(t *testing.T) {
				r.sessionKeys(t, etype)
				file := filepath.Join(t.TempDir(), "replay")
				b := newMITBackend(t, r, file)
				pair := b.clients()
				defer pair.close()
				for i := range 2 { // the first process makes the file, MIT's with its first token
					p := (i + maker) % 2
					b.processes[p].launch(t)
					if v := pair[p].present(r.token(t)); !v.accepts() {
						t.Fatalf("%s: %c %s", pair[p].p.name, v.kind, v.text)
					}
				}
				order := [2]int{1, 0}
				for i := range 100 {
					token := r.token(t)
					if v := pair[order[i%2]].present(token); !v.accepts() {
						t.Fatalf("login %d: %s: %c %s", i, pair[order[i%2]].p.name, v.kind, v.text)
					}
					for _, c := range pair {
						if v := c.present(token); v.kind != acceptor.Replayed {
							t.Fatalf("login %d, again: %s: %c %s", i, c.p.name, v.kind, v.text)
						}
					}
				}
			})
		}
	}
}
