package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// full is a listener in a process that at first can open no more files.
type full struct {
	net.Listener
	left int
}

func (f *full) Accept() (net.Conn, error) {
	if f.left--; f.left >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return f.Listener.Accept()
}

// TestServer_NoMoreFiles: strangers who open connections do not end the server.
func TestServer_NoMoreFiles(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := &server{log: slog.New(slog.DiscardHandler)}
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx, &full{Listener: l, left: 2}) }()

	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFrame(conn, frame{flags: frameNoop}); err != nil { // messages, no context
		t.Fatal(err)
	}
	if err := writeFrame(conn, frame{flags: frameData, body: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	if _, err := readFrame(conn, maxMessage); err != nil {
		t.Errorf("no answer: %v", err)
	}
	conn.Close() // or it has its grace
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestServer_SilentClient: who says nothing is hung up on, and sooner if the server
// ends. With a clock of its own.
func TestServer_SilentClient(t *testing.T) {
	const begun = 10 * time.Second // when the server is told to end
	for name, c := range map[string]struct {
		ends bool
		want time.Duration
	}{
		"the server goes on": {false, idle},
		"the server ends":    {true, begun + grace},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			begin := time.Now()
			if c.ends {
				time.AfterFunc(begun, cancel)
			}
			ours, theirs := net.Pipe()
			defer ours.Close()
			(&server{log: slog.New(slog.DiscardHandler)}).handle(ctx, theirs)
			if took := time.Since(begin); took != c.want {
				t.Errorf("%s: it took %v, want %v", name, took, c.want)
			}
		})
	}
}
