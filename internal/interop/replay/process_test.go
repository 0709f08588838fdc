package replay

import (
	"bytes"
	"net"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/interop/program"
	"github.com/gosspi/kerberos/internal/interop/replay/acceptor"
)

// answerLimit bounds the wait for the answer to one token. It is longer than the limit of
// the acceptor, and bounds the wait for an acceptor that was stopped.
const answerLimit = 5 * time.Second

// lost is the verdict where no answer arrived. The acceptor may have accepted the token.
const lost = 'L'

// process is an acceptor process.
type process struct {
	name string
	path string
	env  []string
	args []string

	mu      sync.Mutex
	running *program.Process
	address string
}

var listening = regexp.MustCompile(`(?m)^listening on (\S+)$`)

// start starts the process, and waits until it listens.
func (p *process) start() error {
	running, err := program.Start(p.env, nil, p.path, p.args...)
	if err != nil {
		return err
	}
	if err := running.Await("its address", listening.MatchString); err != nil {
		running.Stop()
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running, p.address = running, listening.FindStringSubmatch(running.Out.String())[1]
	return nil
}

// kill ends the process by SIGKILL.
func (p *process) kill() {
	p.mu.Lock()
	running := p.running
	p.mu.Unlock()
	running.Stop()
}

// signal sends a signal to the process, such as SIGSTOP and SIGCONT.
func (p *process) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.running.Cmd.Process.Signal(s); err != nil {
		t.Errorf("%s: %v: %v", p.name, s, err)
	}
}

// client is a connection to a process. It is not safe for concurrent use.
type client struct {
	p    *process
	conn net.Conn
}

// verdict is the answer to a token.
type verdict struct {
	kind byte // of package acceptor, or lost
	text string
}

// present sends a token, on a new connection if the last one failed.
func (c *client) present(token []byte) verdict {
	answer, err := c.exchange(token)
	switch {
	case err != nil:
		c.close()
		return verdict{lost, err.Error()}
	case len(answer) == 0:
		return verdict{lost, "an empty answer"}
	}
	return verdict{answer[0], string(answer[1:])}
}

func (c *client) exchange(token []byte) ([]byte, error) {
	if c.conn == nil {
		c.p.mu.Lock()
		address := c.p.address
		c.p.mu.Unlock()
		conn, err := net.DialTimeout("tcp", address, answerLimit)
		if err != nil {
			return nil, err
		}
		c.conn = conn
	}
	if err := c.conn.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return nil, err
	}
	if err := acceptor.WriteFrame(c.conn, token); err != nil {
		return nil, err
	}
	return acceptor.ReadFrame(c.conn)
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// accepts reports whether the verdict is an accept of the user.
func (v verdict) accepts() bool {
	return v.kind == acceptor.Accepted && bytes.Equal([]byte(v.text), []byte(user+"@"+realmName))
}
