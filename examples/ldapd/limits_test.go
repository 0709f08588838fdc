package main

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// TestGone: clients that leave in the middle of something leave nothing behind:
// start's cleanup waits for every goroutine.
func TestGone(t *testing.T) {
	w := start(t, allLayers)
	for n := range 8 {
		c := w.dial(t)
		_, token := w.initiate(t, sspitest.Options{})
		bind := c.next(saslOp("GSSAPI", token))
		if n < 7 { // in the middle of the first leg
			c.write(bind[:len(bind)*n/7])
		} else { // after it
			c.write(bind)
			c.must(opBindResponse)
		}
		c.conn.Close()
	}
	w.getsIn(t)
}

// TestHalfOpen: a thousand clients that begin and do not go on, and a good one.
func TestHalfOpen(t *testing.T) {
	w := start(t, allLayers)
	for range 1000 {
		c := w.dial(t)
		_, token := w.initiate(t, sspitest.Options{})
		c.write(c.next(saslOp("GSSAPI", token)))
		if r := c.must(opBindResponse); r.code != saslBindInProgress {
			t.Fatalf("%+v", r)
		}
	}
	w.getsIn(t)
	w.srv.door.mu.Lock()
	waiting := len(w.srv.door.waiting)
	w.srv.door.mu.Unlock()
	if waiting > maxWaiting {
		t.Errorf("%d connections wait to log in", waiting)
	}
}

// TestHalfOpen_AtOnce: the same, all at a time.
func TestHalfOpen_AtOnce(t *testing.T) {
	w := start(t, allLayers)
	in := w.dial(t)
	if r := in.gssapi(w, sspisasl.Confidentiality, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				conn, err := net.Dial("tcp", w.addr)
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { conn.Close() })
			}
		})
	}
	wg.Wait()
	w.getsIn(t)
	in.isAlice("GSSAPI", sspisasl.Confidentiality) // who is in stays
}

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

// TestServe_NoMoreFiles: strangers who open connections do not end the server, and
// those who wait make room.
func TestServe_NoMoreFiles(t *testing.T) {
	_, srv, _ := newServer(t, allLayers)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ours, theirs := net.Pipe()
	srv.door.enter(ours)
	ended := make(chan error, 1)
	go func() { ended <- srv.serve(ctx, &full{Listener: l, left: 3}) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, conn: conn}
	c.whoAmI()
	conn.Close()
	if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("who waited longest: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestDoor_Full(t *testing.T) {
	w := start(t, allLayers)
	w.srv.door.mu.Lock()
	w.srv.door.inside = map[net.Conn]bool{}
	for range maxInside - 1 {
		one, _ := net.Pipe()
		w.srv.door.inside[one] = true
	}
	w.srv.door.mu.Unlock()
	last := w.dial(t)
	if r := last.gssapi(w, sspisasl.NoLayer, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
	if r := w.dial(t).gssapi(w, sspisasl.NoLayer, ""); r.code != busy {
		t.Fatalf("%+v", r)
	}
	last.simple("", "") // makes room
	if r := w.dial(t).gssapi(w, sspisasl.NoLayer, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
}

// TestShutdown: clients are told, whether they have logged in or not.
func TestShutdown(t *testing.T) {
	w := start(t, allLayers)
	waiting, in := w.dial(t), w.dial(t)
	waiting.whoAmI()
	if r := in.gssapi(w, sspisasl.Confidentiality, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
	w.end()
	waiting.disconnected(unavailable)
	in.disconnected(unavailable)
}

// TestDeadlines: with a clock of its own. Nobody has to wait for a client that
// does not go on, nor does one that drips its bytes get more time.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, srv, _ := newServer(t, allLayers)
		ours, theirs := net.Pipe()
		begin := time.Now()
		var took time.Duration
		go func() {
			srv.handle(t.Context(), theirs)
			took = time.Since(begin)
		}()
		for _, b := range []byte("\x30\x84\x00\x00\x00\x40") {
			time.Sleep(time.Second)
			if _, err := ours.Write([]byte{b}); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if took != toLogIn {
			t.Errorf("the session ended after %v, want %v", took, toLogIn)
		}
	})
}
