package main

import (
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi/sspitest"
)

const patience = 30 * time.Second // with what must come; for loaded machines

// TestServe_ManyChannels: a client that opens more sessions than it uses gets some, and
// keeps neither its connection nor the server from ending.
func TestServe_ManyChannels(t *testing.T) {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	addr, end := start(t, realm)
	alice, err := dial(t, addr, realm, "alice", "host/localhost")
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan error)
	for range 5 * maxChannels {
		go func() {
			_, _, err := alice.OpenChannel("session", nil)
			answers <- err
		}()
	}
	got := 0
	for range 5 * maxChannels {
		select {
		case err := <-answers:
			if refused, ok := errors.AsType[*ssh.OpenChannelError](err); err != nil && (!ok || refused.Reason != ssh.ResourceShortage) {
				t.Error(err)
			} else if err == nil {
				got++
			}
		case <-time.After(patience):
			t.Fatal("a session that is not answered")
		}
	}
	if got != maxChannels {
		t.Errorf("%d sessions, want %d", got, maxChannels)
	}
	alice.Close()
	ended(t, end)
}

// TestServe_TooManySessions: a client that there is no place for leaves nothing behind,
// whatever it had on the way.
func TestServe_TooManySessions(t *testing.T) {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	end := startFull(t, realm, l)
	for range 50 {
		alice, err := dial(t, l.Addr().String(), realm, "alice", "host/localhost")
		if err != nil {
			continue // it was refused before it could tell
		}
		for range 40 {
			if _, _, err := alice.SendRequest("x", false, nil); err != nil {
				break
			}
		}
		alice.Close()
	}
	if log := end(); !strings.Contains(log, "too many sessions") {
		t.Errorf("no line of the log says so:\n%s", log)
	}
	noneLeft(t)
}

// TestServe_TooManySessionsChannels: the same with sessions on the way.
func TestServe_TooManySessionsChannels(t *testing.T) {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	end := startFull(t, realm, l)
	for range 20 {
		alice, err := dial(t, l.Addr().String(), realm, "alice", "host/localhost")
		if err != nil {
			continue // it was refused before it could tell
		}
		for range 60 { // some are never answered: x/crypto's client loses those it sends as it ends
			go func() { _, _, _ = alice.OpenChannel("session", nil) }()
		}
		_ = alice.Wait() // an error means that it was hung up on
	}
	end()
	noneLeft(t)
}

// TestServe_RequestsAfterTheCommand: what a client asks of a session that is over does
// not keep the server from ending.
func TestServe_RequestsAfterTheCommand(t *testing.T) {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	addr, end := start(t, realm)
	alice, err := dial(t, addr, realm, "alice", "host/localhost")
	if err != nil {
		t.Fatal(err)
	}
	c, requests, err := alice.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	_, _ = c.SendRequest("exec", false, ssh.Marshal(struct{ Command string }{"id"}))
	for range 200 {
		_, _ = c.SendRequest("x", false, nil) // fails once the session is closed
	}
	alice.Close()
	ended(t, end)
	noneLeft(t)
}

// ended waits for the server to end.
func ended(t *testing.T, end func() string) {
	t.Helper()
	done := make(chan struct{})
	go func() { end(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the client has gone, and the server does not end")
	}
}

// noneLeft waits until x/crypto serves no connection any more, on either side.
func noneLeft(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for last := time.Now().Add(patience); ; runtime.Gosched() {
		left := strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "(*mux).loop")
		if left == 0 {
			return
		}
		if time.Now().After(last) {
			t.Fatalf("%d connections are left", left)
		}
	}
}
