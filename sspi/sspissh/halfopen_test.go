package sspissh_test

import (
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

var errGone = errors.New("the client is gone")

// TestHalfOpen checks that a client can log in while a thousand others have stopped in the
// middle of a login, and that no memory or goroutine of this library remains after they
// have closed their connections.
func TestHalfOpen(t *testing.T) {
	const many = 1000
	s := newSite(t)
	s.start()
	standing, release := make(chan struct{}, many), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	var wg sync.WaitGroup
	places := make(chan struct{}, 50) // limits concurrent connections, so that the queue of the listener does not overflow
	for range many {
		// In DCE style the server expects a second token.
		c := s.initiate("alice", sspitest.Options{DCEStyle: true})
		c.reply = func([]byte) {
			standing <- struct{}{}
			<-places
			<-release
		}
		c.mic = func([]byte) ([]byte, error) { return nil, errGone }
		places <- struct{}{}
		wg.Go(func() {
			if s.dial("alice", with(c)) == nil {
				t.Error("the server accepted a client that stopped")
			}
		})
	}
	for range many {
		<-standing
	}
	s.good()
	free()
	wg.Wait()
	for range many {
		if o := <-s.ended; o.err == nil {
			t.Error("the server let one in that stopped")
		}
	}
	s.good()
	stack := make([]byte, 1<<24)
	stack = stack[:runtime.Stack(stack, true)]
	for _, g := range strings.Split(string(stack), "\n\n") {
		if strings.Contains(g, "sspissh.(*") || strings.Contains(g, "kerberos/sspi.(*") {
			t.Errorf("a goroutine is left:\n%s", g)
		}
	}
}

// TestHalfOpen_Memory measures the memory of a login that expects another token, without
// that of the SSH library.
func TestHalfOpen_Memory(t *testing.T) {
	const many, most = 1000, 4 << 10
	s := newSite(t)
	configs, tokens := make([]*ssh.ServerConfig, many), make([][]byte, many)
	for i := range tokens {
		var err error
		if tokens[i], _, err = s.initiate("alice", sspitest.Options{DCEStyle: true}).Next(nil); err != nil {
			t.Fatal(err)
		}
	}
	goroutines, before := runtime.NumGoroutine(), heap()
	for i := range configs {
		configs[i] = s.serverConfig()
		if _, _, more, err := configs[i].GSSAPIWithMICConfig.Server.AcceptSecContext(tokens[i]); err != nil || !more {
			t.Fatal(more, err)
		}
	}
	each := (int64(heap()) - int64(before)) / many
	t.Logf("%d bytes each", each)
	if each > most {
		t.Errorf("%d bytes each, want at most %d", each, most)
	}
	if got := runtime.NumGoroutine(); got > goroutines {
		t.Errorf("%d goroutines, before %d", got, goroutines)
	}
	runtime.KeepAlive(configs)
	runtime.KeepAlive(tokens)
}

// heap returns the number of live bytes.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestGone checks that the server's side ends if the client closes the connection at any
// step of a login, and that the next client can log in.
func TestGone(t *testing.T) {
	for name, leave := range map[string]func(*client, net.Conn){
		"before its token": func(c *client, conn net.Conn) {
			c.token = func(token []byte) []byte { conn.Close(); return token }
		},
		"after the answer": func(c *client, conn net.Conn) {
			c.reply = func([]byte) { conn.Close() }
		},
		"instead of the MIC": func(c *client, conn net.Conn) {
			c.mic = func([]byte) ([]byte, error) { conn.Close(); return nil, errGone }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			servers := make(chan ssh.GSSAPIServer, 2)
			s.config = func() *ssh.ServerConfig {
				config := s.serverConfig()
				servers <- config.GSSAPIWithMICConfig.Server
				return config
			}
			s.start()
			conn, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			c := s.initiate("alice", sspitest.Options{})
			leave(c, conn)
			config := &ssh.ClientConfig{User: "alice", Auth: []ssh.AuthMethod{with(c)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()}
			if _, _, _, err := ssh.NewClientConn(conn, s.addr, config); err == nil {
				t.Error("the server accepted a client that closed its connection")
			}
			if o := <-s.ended; o.err == nil {
				t.Error("the server let it in")
			}
			// x/crypto has ended the attempt, so a MIC is refused.
			wantReason(t, "a MIC after the end", (<-servers).VerifyMIC(one.field(), nil), status.ReasonContextState, "")
			s.good()
		})
	}
}
