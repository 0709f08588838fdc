package testkdc

import (
	"encoding/binary"
	"net"
	"testing"
	"time"
)

// TestDOS_KDCReplays fills the store of authenticators: it refuses more until the records
// expire, and forgets none before.
func TestDOS_KDCReplays(t *testing.T) {
	var s replays
	now := time.Unix(1_900_000_000, 0)
	claim := func(n uint64, at time.Time) int32 {
		if r := s.claim(binary.BigEndian.AppendUint64(nil, n), now.Unix(), at); r != nil {
			return r.code
		}
		return 0
	}
	for n := range uint64(maxReplays) {
		if got := claim(n, now); got != 0 {
			t.Fatalf("authenticator %d: %d", n, got)
		}
	}
	last := now.Add(skew)
	if got := claim(1<<40, last); got != 29 {
		t.Errorf("one authenticator more: %d, want 29", got)
	}
	for _, n := range []uint64{0, maxReplays - 1} {
		if got := claim(n, last); got != 34 {
			t.Errorf("authenticator %d again: %d, want 34", n, got)
		}
	}
	if got := claim(1<<40, last.Add(3*time.Second)); got != 0 || len(s.expiry) != 1 {
		t.Errorf("after the records expired: %d, %d records", got, len(s.expiry))
	}
}

// TestServer_Late checks that a connection that arrives while the server closes is closed.
func TestServer_Late(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	if new(Server).add(here) {
		t.Error("a closed server serves a connection")
	}
	if _, err := there.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
}
