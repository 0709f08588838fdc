package sspihttp_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/gosspi/kerberos/sspi/sspitest"
)

// goroutines waits until at most n goroutines are left.
func goroutines(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > n; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), n)
		}
	}
}

// heap returns the number of bytes in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestFlood_HalfOpen checks that a client can log in while a thousand clients have begun a
// login and do not continue it, and that no memory or goroutine remains after these clients
// have closed their connections.
func TestFlood_HalfOpen(t *testing.T) {
	const n = 1000
	s := open(t, nil)
	s.get(t, s.login(t, "alice", sspitest.Options{})).check(t, "before", 200, "")
	before, heapBefore := runtime.NumGoroutine(), heap()
	o := sspitest.Options{DCEStyle: true, SPNEGO: true}
	var open []*connection
	var last *sspitest.Initiator
	var field string
	for range n {
		c := s.dial(t)
		open = append(open, c)
		last = s.client(t, "alice", o)
		a := c.get(t, next(t, last, ""))
		a.check(t, "begin", 401, "")
		field = a.token(t)
	}
	// The number includes the memory of net/http and of this test for each connection.
	if grown := int64(heap()) - int64(heapBefore); grown > n*48<<10 {
		t.Errorf("%d KiB for each that is half open", grown/n>>10)
	} else {
		t.Logf("%d KiB for each that is half open", grown/n>>10)
	}
	s.get(t, s.login(t, "bob", sspitest.Options{})).check(t, "a good client", 200, "bob@EXAMPLE.COM, 0 bytes")
	open[n-1].get(t, next(t, last, field)).check(t, "one goes on", 200, "alice@EXAMPLE.COM, 0 bytes")
	for _, c := range open {
		c.Close()
	}
	goroutines(t, before)
	s.get(t, s.login(t, "bob", sspitest.Options{})).check(t, "afterwards", 200, "bob@EXAMPLE.COM, 0 bytes")
}

// TestFlood_Gone checks clients that close the connection in the middle of a header, before
// they read the answer, or between two tokens.
func TestFlood_Gone(t *testing.T) {
	s := open(t, nil)
	s.get(t, s.login(t, "alice", sspitest.Options{})).check(t, "before", 200, "")
	before := runtime.NumGoroutine()
	for range 50 {
		c := s.dial(t)
		if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: www.example.com\r\nAuthorization: Negotiate YII")); err != nil {
			t.Fatal(err)
		}
		c.Close()
		c = s.dial(t)
		c.send(t, s.login(t, "alice", sspitest.Options{DCEStyle: true}))
		c.Close()
		c = s.dial(t)
		c.get(t, s.login(t, "alice", sspitest.Options{DCEStyle: true})).check(t, "begin", 401, "")
		c.Close()
	}
	goroutines(t, before)
	s.get(t, s.login(t, "bob", sspitest.Options{})).check(t, "afterwards", 200, "bob@EXAMPLE.COM, 0 bytes")
}
