package interop

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
)

// These are the frames of gss-sample that the tests read.
const (
	frameContext     = 0x02
	frameContextNext = 0x11
)

// wireFrame is a frame of gss-sample.
type wireFrame struct {
	flags byte
	body  []byte
}

func readWire(r io.Reader) (wireFrame, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return wireFrame{}, err
	}
	f := wireFrame{flags: head[0], body: make([]byte, min(binary.BigEndian.Uint32(head[1:]), 1<<20))}
	_, err := io.ReadFull(r, f.body)
	return f, err
}

func writeWire(w io.Writer, f wireFrame) error {
	b := binary.BigEndian.AppendUint32([]byte{f.flags}, uint32(len(f.body)))
	_, err := w.Write(append(b, f.body...))
	return err
}

// relay forwards the bytes between a client and a server, and stores the context tokens.
type relay struct {
	l      net.Listener
	target string
	// before, if not nil, gets the client's first token before the server does.
	before func(token []byte)
	// between, if not nil, is called after the server's answer has arrived and before the
	// client gets it.
	between func()

	mu         sync.Mutex
	fromClient [][]byte
	fromServer [][]byte
}

func startRelay(t testing.TB, target int, before func(token []byte)) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{l: l, target: address(target), before: before}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { r.pass(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return r
}

func (r *relay) port() int { return r.l.Addr().(*net.TCPAddr).Port }

// pass connects to the server only after the client's first token has arrived, so that a
// server that serves one connection at a time is free for before.
func (r *relay) pass(client net.Conn) {
	defer client.Close()
	_ = client.SetDeadline(time.Now().Add(patience)) // a new connection accepts a deadline
	hello, err := readWire(client)
	if err != nil {
		return
	}
	first, err := readWire(client)
	if err != nil {
		return
	}
	if r.before != nil {
		r.before(first.body)
	}
	server, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	defer server.Close()
	_ = server.SetDeadline(time.Now().Add(patience))
	r.keep(&r.fromClient, first)
	if writeWire(server, hello) != nil || writeWire(server, first) != nil {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		defer server.(*net.TCPConn).CloseWrite()
		r.copy(server, client, &r.fromClient, nil)
	})
	defer wg.Wait()
	defer client.(*net.TCPConn).CloseWrite()
	r.copy(client, server, &r.fromServer, r.between)
}

func (r *relay) copy(to io.Writer, from io.Reader, kept *[][]byte, once func()) {
	for {
		f, err := readWire(from)
		if err != nil {
			return
		}
		r.keep(kept, f)
		if once != nil {
			once()
			once = nil
		}
		if writeWire(to, f) != nil {
			return
		}
	}
}

func (r *relay) keep(kept *[][]byte, f wireFrame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.flags == frameContext {
		*kept = append(*kept, f.body)
	}
}

// tokens returns the context tokens so far, of both sides.
func (r *relay) tokens() (client, server [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fromClient, r.fromServer
}

// present sends a first token to a server and returns the answer, or nil if the server
// closes the connection without one.
func present(port int, token []byte) ([]byte, error) {
	conn, err := net.Dial("tcp", address(port))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	for _, f := range []wireFrame{{flags: frameContextNext}, {frameContext, token}} {
		if err := writeWire(conn, f); err != nil {
			return nil, err
		}
	}
	f, err := readWire(conn)
	if err == io.EOF {
		return nil, nil
	}
	return f.body, err
}

// krbError decodes an error token with gokrb5: GSS framing, TOK_ID 03 00,
// KRB-ERROR.
func krbError(token []byte) (*messages.KRBError, error) {
	var tok spnego.KRB5Token
	if err := tok.Unmarshal(token); err != nil {
		return nil, err
	}
	if !tok.IsKRBError() {
		return nil, fmt.Errorf("not a KRB-ERROR: %x", token)
	}
	return &tok.KRBError, nil
}
