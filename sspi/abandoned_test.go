package sspi_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/gosspi/kerberos/sspi"
)

// TestCTX_8_AbandonedContexts checks that a context that the program abandons in the middle
// of an exchange holds little memory and no goroutine.
func TestCTX_8_AbandonedContexts(t *testing.T) {
	const n, most = 500, 4096
	for _, state := range []string{"new", "retry", "third leg", "established", "failed first"} {
		t.Run(state, func(t *testing.T) {
			s := newSite(t)
			goroutines := runtime.NumGoroutine()
			var standings [n]*sspi.Context
			before := heap()
			for i := range standings {
				standings[i] = abandoned(t, s, state)
			}
			each := (int64(heap()) - int64(before)) / n
			t.Logf("%d bytes each", each)
			if each > most {
				t.Errorf("%d bytes each, want at most %d", each, most)
			}
			if got := runtime.NumGoroutine(); got > goroutines {
				t.Errorf("%d goroutines, before %d", got, goroutines)
			}
			collected := make(chan struct{})
			runtime.AddCleanup(standings[0], func(c chan struct{}) { close(c) }, collected)
			clear(standings[:])
			for range 100 {
				runtime.GC()
				select {
				case <-collected:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
			t.Error("an abandoned context is not collected")
		})
	}
}

// abandoned returns a context in the given state. Nothing else keeps a reference to its
// exchange.
func abandoned(t *testing.T, s *site, state string) *sspi.Context {
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	h := c.Handle()
	var l *leg
	switch state {
	case "new":
		return c
	case "retry":
		l = s.second(&h, s.request(late).Token())
	case "third leg":
		l = s.second(&h, s.request(dce).Token())
	case "established":
		l = s.second(&h, s.request().Token())
	case "failed first":
		l = s.second(&h, s.request(wrongKey).Token())
	}
	l.req = extendedError
	l.call()
	return c
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
