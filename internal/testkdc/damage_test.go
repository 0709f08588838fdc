package testkdc_test

import (
	"bytes"
	"runtime"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/testkdc"
)

// requests returns a valid AS-REQ and a valid TGS-REQ.
func (w *world) requests(t testing.TB) (as, tgs []byte) {
	t.Helper()
	as = w.stamped(w.asReq(), w.alice[0], w.realm.Now()).Append(nil)
	return as, w.sealed(t, w.tgsReq("HTTP", "www.example.com"), w.login(t, w.asReq()), tgsOptions{})
}

// TestPARSE_1_KDCTruncations cuts both requests at every byte: the answer is silence, because a
// part of a message is no message.
func TestPARSE_1_KDCTruncations(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	as, tgs := w.requests(t)
	for _, request := range [][]byte{as, tgs} {
		for n := range request {
			if answer := w.kdc.Answer(slices.Clip(bytes.Clone(request[:n])), loopback); answer != nil {
				t.Errorf("%d of %d bytes: answered with %d", n, len(request), code(answer))
			}
		}
		if got := code(w.kdc.Answer(request, loopback)); got != -1 {
			t.Errorf("the whole request: %d", got)
		}
	}
}

// TestPARSE_1_KDCBitFlips changes each bit of both requests. Nothing protects the body of an
// AS-REQ and the options and name-types of an AP-REQ (RFC 4120, Section 10); a change there may
// get a ticket, but only one for the same client. Every other change gets a KRB-ERROR or
// silence.
func TestPARSE_1_KDCBitFlips(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	as, tgs := w.requests(t)
	var q krb5.KDCReq
	if err := q.Parse(as); err != nil {
		t.Fatal(err)
	}
	var stamp krb5.EncryptedData
	for _, value := range q.Each() {
		if err := stamp.Parse(value); err != nil {
			t.Fatal(err)
		}
	}
	counts := make(map[int32]int)
	for i, request := range [][]byte{as, tgs} {
		for bit := range 8 * len(request) {
			b := slices.Clip(bytes.Clone(request))
			b[bit/8] ^= 1 << (bit % 8)
			answer := w.kdc.Answer(b, loopback)
			got := code(answer)
			counts[got]++
			if got != -1 {
				continue
			}
			if i == 0 {
				w.checkFlippedAS(t, as, b, stamp.Cipher)
			} else {
				checkFlippedTGS(t, tgs, b)
			}
		}
	}
	t.Logf("answers by code: %v", counts)
}

// checkFlippedAS fails if the ticket that answers b is not for the client that proved its key.
func (w *world) checkFlippedAS(t *testing.T, as, b, cipher []byte) {
	t.Helper()
	var q krb5.KDCReq
	if err := q.Parse(b); err != nil || !bytes.Contains(b, cipher) || !q.Client.Equal(name(1, "alice")) || string(q.Realm) != realmName {
		t.Errorf("a ticket for %x, changed from %x: %v", b, as, err)
	}
}

// checkFlippedTGS fails if b differs from the request in a protected field.
func checkFlippedTGS(t *testing.T, tgs, b []byte) {
	t.Helper()
	normal := func(request []byte) []byte {
		var q krb5.KDCReq
		var ap krb5.APReq
		if err := q.Parse(request); err != nil {
			t.Fatal(err)
		}
		for _, value := range q.Each() {
			if err := ap.Parse(value); err != nil {
				t.Fatal(err)
			}
		}
		ap.Options &= flags.APUseSessionKey
		ap.Ticket.Service.Type = 0
		q.PAData = krb5.AppendPAData(nil, krb5.PATGSReq, ap.Append(nil))
		return q.Append(nil)
	}
	if !bytes.Equal(normal(tgs), normal(b)) {
		t.Errorf("a ticket for %x, changed from %x", b, tgs)
	}
}

// TestDOS_KDCMemory answers 10,000 AS-REQs, and 1000 refused TGS-REQs: the heap stays flat.
func TestDOS_KDCMemory(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	as, tgs := w.requests(t)
	bad := bytes.Clone(tgs)
	bad[len(bad)/2] ^= 1
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	run := func(n int) {
		for i := range n {
			if code(w.kdc.Answer(as, loopback)) != -1 || i%10 == 0 && code(w.kdc.Answer(bad, loopback)) < 0 {
				t.Fatal("unexpected answer")
			}
		}
	}
	run(100)
	before := heap()
	run(10_000)
	after := heap()
	t.Logf("heap %d before, %d after", before, after)
	const room = 256 << 10
	if after > before+room {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
}
