package main

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

const patience = 30 * time.Second // for an answer on a machine with much load

// TestServe_ManyChannels checks that a client gets maxChannels sessions, and that unused
// sessions keep neither the connection nor the server from ending.
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
			t.Fatal("a request to open a session has no answer")
		}
	}
	if got != maxChannels {
		t.Errorf("%d sessions, want %d", got, maxChannels)
	}
	alice.Close()
	ended(t, end)
}

// TestServe_TooManySessions checks that an excess client leaves no goroutine behind,
// although it has sent requests.
func TestServe_TooManySessions(t *testing.T) {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	addr, end := startWith(t, realm, 0, sspi.PACPolicy{}, nil)
	for range 50 {
		alice, err := dial(t, addr, realm, "alice", "host/localhost")
		if err != nil {
			continue // the server closed the connection before dial returned
		}
		for range 40 {
			if _, _, err := alice.SendRequest("x", false, nil); err != nil {
				break
			}
		}
		alice.Close()
	}
	if log := end(); !strings.Contains(log, "too many sessions") {
		t.Errorf("the log has no line \"too many sessions\":\n%s", log)
	}
	noneLeft(t)
}

// TestServe_TooManySessionsChannels repeats it with clients that open channels.
func TestServe_TooManySessionsChannels(t *testing.T) {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	addr, end := startWith(t, realm, 0, sspi.PACPolicy{}, nil)
	for range 20 {
		alice, err := dial(t, addr, realm, "alice", "host/localhost")
		if err != nil {
			continue // the server closed the connection before dial returned
		}
		for range 60 { // some get no answer: x/crypto's client loses requests that it sends while it closes
			go func() { _, _, _ = alice.OpenChannel("session", nil) }()
		}
		_ = alice.Wait() // returns an error: the server has closed the connection
	}
	end()
	noneLeft(t)
}

// TestServe_RequestsAfterTheCommand checks that requests after the end of a session do not
// keep the server from ending.
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
		t.Fatal("the client has closed its connection, and the server does not end")
	}
}

// noneLeft waits until x/crypto serves no connection, of a client or of the server.
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
