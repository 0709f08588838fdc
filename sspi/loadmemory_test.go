package sspi_test

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// goMemory returns the memory that GOMEMLIMIT limits.
func goMemory() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}

// TestDOS_2_MemoryLimit checks that 64 goroutines that accept tokens of 64 KiB, good ones,
// replays and junk, stay within a GOMEMLIMIT of 64 MiB. The limit of the runtime is soft: it
// does not stop a program whose objects in use need more.
func TestDOS_2_MemoryLimit(t *testing.T) {
	const limit = 64 << 20
	s := newSite(t)
	big := func(q *krbtest.APReq) {
		filler := types.AuthorizationDataEntry{ADType: 9999, ADData: make([]byte, 60000)}
		q.Ticket.Part.AuthorizationData = types.AuthorizationData{krbtest.IfRelevant(filler)}
	}
	q := s.request(big)
	fragment := append([]byte("\x60\x82\xff\x00\x06\x06\x2b\x06\x01\x05\x05\x02"), make([]byte, 65000)...)
	junk := append([]byte("\x60\x82\xfd\xe9\x06\x09"), krbtest.OIDKerberos...)
	junk = append(junk, bytes.Repeat([]byte{1}, 0xfde9-11)...)
	var tokens [workers][]byte
	for i := range tokens {
		tokens[i] = q.Token()
	}
	s.realm, q = nil, nil
	debug.FreeOSMemory()
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit))
	var held [workers]*sspi.Context
	l := newLoad(t, func(i, n int) {
		switch n % 3 {
		case 0:
			want := status.ReasonReplay
			if n == 0 {
				want = status.ReasonNone
			}
			if got := s.outcome(t, tokens[i]); got != want {
				t.Errorf("a large token: %v, want %v", got, want)
			}
		case 1:
			if got := s.outcome(t, junk); got != status.ReasonWrongMessageType {
				t.Errorf("junk: %v", got)
			}
		case 2:
			held[i] = s.acceptor.NewContext(sspi.ContextConfig{})
			s.step(t, held[i], fragment)
		}
	})
	var most uint64
	for range 20 {
		l.await(workers)
		most = max(most, goMemory())
	}
	l.stop()
	t.Logf("at most %d KiB", most>>10)
	if most > limit+limit/8 {
		t.Errorf("the process used %d bytes with a limit of %d", most, limit)
	}
}

// TestCTX_8_TenThousandHalfOpen checks that 10,000 exchanges that wait for another token hold
// less than 4 KiB each and no goroutine while 64 goroutines accept others, and nothing when
// they are abandoned.
func TestCTX_8_TenThousandHalfOpen(t *testing.T) {
	const exchanges = 10000
	s := newSite(t)
	list := (&krbtest.NegTokenInit{Mechanisms: longestList(krbtest.OIDKerberos)}).Bytes()
	third := func() []byte { return s.request(dce).Token() }
	begin := func(i int) *sspi.Context {
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		switch i % 3 {
		case 0:
			s.step(t, c, list)
		case 1:
			s.step(t, c, list[:200])
		case 2:
			s.step(t, c, third())
		}
		return c
	}
	begin(2) // allocates the memory that all calls share
	before, goroutines := heap(), runtime.NumGoroutine()
	contexts := make([]*sspi.Context, exchanges)
	for i := range contexts {
		contexts[i] = begin(i)
	}
	each := (int64(heap()) - int64(before)) / exchanges
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, before the exchanges %d", n, goroutines)
	}
	t.Logf("%d bytes for each of %d exchanges", each, exchanges)
	if each >= halfOpen {
		t.Errorf("a half-open exchange holds %d bytes", each)
	}
	l := newLoad(t, func(int, int) {
		if got := s.outcome(t, s.request().Token()); got != status.ReasonNone {
			t.Errorf("a client beside the half-open exchanges: %v", got)
		}
	})
	l.await(2 * workers)
	l.stop()
	runtime.KeepAlive(contexts)
	clear(contexts)
	if left := int64(heap()) - int64(before); left > exchanges*halfOpen/8 {
		t.Errorf("%d bytes are left of the abandoned exchanges", left)
	}
}
