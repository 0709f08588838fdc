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
	ended := make(chan struct{})
	go func() { end(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the client has gone, and the server does not end")
	}
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
	stacks := make([]byte, 1<<20)
	for last := time.Now().Add(patience); ; runtime.Gosched() {
		left := strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "handleGlobalPacket")
		if left == 0 {
			return
		}
		if time.Now().After(last) {
			t.Fatalf("%d goroutines are left, each with its connection", left)
		}
	}
}
