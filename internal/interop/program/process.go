package program

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Patience limits every wait for another program. It is long enough for a loaded machine:
// on an idle machine no wait takes a second.
const Patience = 2 * time.Minute

// Process is a program that runs beside the test.
type Process struct {
	Name string
	Cmd  *exec.Cmd
	Out  *Transcript
	done chan struct{} // closed when the process has ended and was reaped
	err  error         // of Wait; read it after done
}

// Start runs a program whose environment is env, a search path, and a locale. The caller
// must end the process with Stop.
func Start(env []string, stdin io.Reader, program string, args ...string) (*Process, error) {
	path := Find(program)
	if path == "" {
		return nil, fmt.Errorf("%s is not installed", program)
	}
	p := &Process{Name: program, Cmd: exec.Command(path, args...), Out: newTranscript(), done: make(chan struct{})}
	p.Cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/nonexistent"}, env...)
	p.Cmd.Stdin, p.Cmd.Stdout, p.Cmd.Stderr = stdin, p.Out, p.Out
	p.Cmd.WaitDelay = time.Second
	endWithUs(p.Cmd)
	if err := p.Cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.Cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Await waits until ready returns true for the output of the process.
func (p *Process) Await(what string, ready func(out string) bool) error {
	timeout := time.NewTimer(Patience)
	defer timeout.Stop()
	for {
		out, changed := p.Out.now()
		if ready(out) {
			return nil
		}
		select {
		case <-changed:
		case <-p.done:
			if ready(p.Out.String()) {
				return nil
			}
			return fmt.Errorf("%s ended (%v) without %s:\n%s", p.Name, p.err, what, p.Out)
		case <-timeout.C:
			return fmt.Errorf("%s: no %s after %v:\n%s", p.Name, what, Patience, p.Out)
		}
	}
}

// Done returns a channel that is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop ends the process at once, by its own id, and reaps it.
func (p *Process) Stop() {
	_ = p.Cmd.Process.Kill() // an error means that it has ended
	<-p.done
}

// Exit waits until the process ends by itself.
func (p *Process) Exit() (code int, err error) {
	select {
	case <-p.done:
	case <-time.After(Patience):
		p.Stop()
		return 0, fmt.Errorf("%s did not end in %v:\n%s", p.Name, Patience, p.Out)
	}
	var failed *exec.ExitError
	if p.err != nil && !errors.As(p.err, &failed) {
		return 0, p.err
	}
	return p.Cmd.ProcessState.ExitCode(), nil
}

// Result is the end of a program. Code is -1 if a signal ended the program.
type Result struct {
	Code int
	Out  string
}

// Run runs a program to its end.
func Run(t testing.TB, env []string, stdin, program string, args ...string) Result {
	t.Helper()
	p, err := Start(env, strings.NewReader(stdin), program, args...)
	if err != nil {
		t.Fatal(err)
	}
	code, err := p.Exit()
	if err != nil {
		t.Fatal(err)
	}
	return Result{code, p.Out.String()}
}

// Find returns the path of a program, or "" if the machine does not have it. It looks in
// the folders of daemons too, which the search path of many users lacks.
func Find(program string) string {
	if filepath.IsAbs(program) {
		if _, err := os.Stat(program); err != nil {
			return ""
		}
		return program
	}
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"} {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return ""
	}
	return path
}
