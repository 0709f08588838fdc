package authenticator

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/ticket"
)

// watch makes Check use the returned scratch until the end of the test.
func watch(t *testing.T) *scratch {
	t.Helper()
	s := new(scratch)
	scratches = sync.Pool{New: func() any { return s }}
	t.Cleanup(func() { scratches = sync.Pool{New: func() any { return new(scratch) }} })
	return s
}

// TestCheck_Wipes checks that Check overwrites the authenticator's plaintext, which
// contains the subkey, whether it accepts or refuses.
func TestCheck_Wipes(t *testing.T) {
	const service = "HTTP/www.example.com"
	for name, change := range map[string]func(*krbtest.APReq){
		"accepted":  func(*krbtest.APReq) {},
		"refused":   func(q *krbtest.APReq) { q.SetTime(q.Time().Add(-time.Hour)) },
		"malformed": func(q *krbtest.APReq) { q.Authenticator.Cusec = 1_000_000 },
		"long": func(q *krbtest.APReq) {
			q.Extensions = append([]byte{0, 0, 0, 9, 0, 0, 0x40, 0}, make([]byte, 1<<14)...)
		},
	} {
		s := watch(t)
		s.plain = []byte("too short for it")
		r := krbtest.NewRealm("EXAMPLE.COM")
		q := r.Ticket("alice", service).APReq()
		change(q)
		opened, err := ticket.Open(q.Bytes(), &ticket.Params{Keys: r.Service(service), Now: r.Now(), Skew: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Check(opened, &Params{Now: r.Now(), Skew: time.Minute})
		if (err == nil) != (name == "accepted" || name == "long") {
			t.Fatalf("%s: %v", name, err)
		}
		left := s.plain[:cap(s.plain)]
		if len(s.plain) != 0 || len(left) < 64 || !bytes.Equal(left, make([]byte, len(left))) {
			t.Errorf("%s: %d bytes, %x", name, len(left), left[:64])
		}
	}
}

// TestCheck_KeepsNoLongScratch checks that Check does not keep the buffer of one oversized
// authenticator, which would make every later wipe long.
func TestCheck_KeepsNoLongScratch(t *testing.T) {
	for size, kept := range map[int]bool{maxKept: true, maxKept + 1: false} {
		watch(t)
		s := &scratch{plain: make([]byte, size)}
		if cap(s.plain) != size {
			t.Skipf("a slice of %d bytes has room for %d", size, cap(s.plain))
		}
		s.release()
		found := false
		for range 100 { // a pool may drop values
			found = found || scratches.Get() == any(s)
		}
		if found && !kept {
			t.Errorf("Check kept a scratch of %d bytes", size)
		}
	}
}
