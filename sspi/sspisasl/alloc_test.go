package sspisasl_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/gosspi/kerberos/sspi/sspisasl"
)

// TestAllocations_Conn checks that a message in either direction does not allocate after
// the buffers exist.
func TestAllocations_Conn(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const runs = 100
	for _, l := range []sspisasl.Layer{sspisasl.Integrity, sspisasl.Confidentiality} {
		s, client := newSite(t).session(l, 0xffffff, 0)
		var sent []byte
		for range runs + 2 {
			sent = append(sent, frame(t, client, "0123456789", l == sspisasl.Confidentiality)...)
		}
		conn := s.Conn(wire{Reader: bytes.NewReader(sent), Writer: io.Discard})
		buf := make([]byte, 10)
		work := func() {
			if _, err := io.ReadFull(conn, buf); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write(buf); err != nil {
				t.Fatal(err)
			}
		}
		work()
		if got := testing.AllocsPerRun(runs, work); got > 0 {
			t.Errorf("%v: %v allocations", l, got)
		}
	}
}

func BenchmarkConn(b *testing.B) {
	s, _ := newSite(b).session(sspisasl.Confidentiality, 0xffffff, 0)
	conn := s.Conn(wire{Writer: io.Discard})
	message := make([]byte, 16<<10)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(message); err != nil {
			b.Fatal(err)
		}
	}
}
