package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait for another program. It is for loaded machines:
// nothing here takes a second on an idle one.
const patience = 2 * time.Minute

// transcript is what a process has written so far, both streams in order of
// arrival.
type transcript struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{} // closed and made anew with each write
}

func newTranscript() *transcript { return &transcript{changed: make(chan struct{})} }

func (tr *transcript) Write(b []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.text.Write(b)
	close(tr.changed)
	tr.changed = make(chan struct{})
	return len(b), nil
}

func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String()
}

// process is a program that runs beside the test.
type process struct {
	name string
	cmd  *exec.Cmd
	out  *transcript
	done chan struct{} // closed when it has ended and was reaped
	err  error         // of Wait; read it after done
}

// start runs a program in a bare environment: what env says and nothing else.
// The caller ends it with stop.
func start(env []string, stdin io.Reader, program string, args ...string) (*process, error) {
	path := find(program)
	if path == "" {
		return nil, fmt.Errorf("%s is not installed", program)
	}
	p := &process{name: program, cmd: exec.Command(path, args...), out: newTranscript(), done: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/nonexistent"}, env...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, p.out, p.out
	p.cmd.WaitDelay = time.Second
	endWithUs(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// await waits until ready is true of what the process has written.
func (p *process) await(what string, ready func(out string) bool) error {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		p.out.mu.Lock()
		out, changed := p.out.text.String(), p.out.changed
		p.out.mu.Unlock()
		if ready(out) {
			return nil
		}
		select {
		case <-changed:
		case <-p.done:
			if ready(p.out.String()) {
				return nil
			}
			return fmt.Errorf("%s ended (%v) without %s:\n%s", p.name, p.err, what, p.out)
		case <-timeout.C:
			return fmt.Errorf("%s: no %s after %v:\n%s", p.name, what, patience, p.out)
		}
	}
}

// stop ends the process at once, by its own id, and reaps it.
func (p *process) stop() {
	_ = p.cmd.Process.Kill() // an error means that it has ended
	<-p.done
}

// exit waits for the process to end by itself.
func (p *process) exit() (code int, err error) {
	select {
	case <-p.done:
	case <-time.After(patience):
		p.stop()
		return 0, fmt.Errorf("%s did not end in %v:\n%s", p.name, patience, p.out)
	}
	var failed *exec.ExitError
	if p.err != nil && !errors.As(p.err, &failed) {
		return 0, p.err
	}
	return p.cmd.ProcessState.ExitCode(), nil
}

// result is how a program ended. A program that a signal killed has code -1.
type result struct {
	code int
	out  string
}

// run runs a program to its end.
func run(t testing.TB, env []string, stdin, program string, args ...string) result {
	t.Helper()
	p, err := start(env, strings.NewReader(stdin), program, args...)
	if err != nil {
		t.Fatal(err)
	}
	code, err := p.exit()
	if err != nil {
		t.Fatal(err)
	}
	return result{code, p.out.String()}
}

// build compiles a package of this module and returns the program's path.
func build(dir, name, pkg string) (string, error) {
	path := dir + string(os.PathSeparator) + name
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, pkg).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build %s: %v\n%s", pkg, err, out)
	}
	return path, nil
}
