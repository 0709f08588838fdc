package testkdc_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/testkdc"
)

// stream is a connection over TCP on which a client has sent in.
type stream struct {
	in  *bytes.Reader
	out bytes.Buffer
}

func (s *stream) Read(b []byte) (int, error)  { return s.in.Read(b) }
func (s *stream) Write(b []byte) (int, error) { return s.out.Write(b) }

// overStream returns what the function of the TCP port writes to a client that sent in.
func (w *world) overStream(in []byte) []byte {
	s := stream{in: bytes.NewReader(in)}
	w.kdc.ServeStream(&s, loopback)
	return s.out.Bytes()
}

func framed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// unframed fails unless b is nothing, or one answer after its length.
func unframed(t *testing.T, b []byte) []byte {
	t.Helper()
	switch {
	case len(b) == 0:
		return nil
	case len(b) < 4 || int(binary.BigEndian.Uint32(b)) != len(b)-4:
		t.Fatalf("the answer %x has a wrong length", b)
	}
	return b[4:]
}

// checkAnswer fails unless an answer is a KRB-ERROR, a ticket or silence.
func checkAnswer(t *testing.T, answer []byte) {
	t.Helper()
	if answer != nil && code(answer) == -1 && len(answer) < 200 {
		t.Fatalf("the answer %x is no message", answer)
	}
}

// restart gives the world a KDC without memory and the same randomness again, so that an input
// always has the same result.
func (w *world) restart() {
	w.realm.Rand = rand.NewChaCha8([32]byte{})
	w.kdc = testkdc.New(w.db, testkdc.Config{Life: testkdc.DefaultLife, RenewableLife: testkdc.DefaultRenewableLife, RC4: true})
}

// fuzzed sends each input to the functions of both ports, which answer alike.
func fuzzed(f *testing.F, requests func(w *world) [][]byte) {
	w := newWorld(f, testkdc.Config{})
	for _, request := range requests(w) {
		f.Add(request)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w.restart()
		b = slices.Clip(bytes.Clone(b))
		before := bytes.Clone(b)
		udp := w.kdc.AnswerDatagram(b, loopback)
		if !bytes.Equal(b, before) {
			t.Fatal("the input was changed")
		}
		tcp := unframed(t, w.overStream(framed(b)))
		checkAnswer(t, udp)
		checkAnswer(t, tcp)
		const tooBig, tooLong = 52, 61
		if u, v := code(udp), code(tcp); u != v && u != tooBig && v != tooLong {
			t.Fatalf("%d over UDP, %d over TCP", u, v)
		}
		if len(udp) > 1472 {
			t.Fatalf("%d bytes over UDP", len(udp))
		}
	})
}

// FuzzASReq sends requests to both ports. The realm is deterministic, so that a
// changed request may still have a good timestamp or ticket.
func FuzzASReq(f *testing.F) {
	fuzzed(f, func(w *world) [][]byte {
		enterprise := w.asReq()
		enterprise.Client, enterprise.Options = name(10, "alice@example.com"), krb5.KDCCanonicalize
		full := w.stamped(w.asReq(), w.alice[0], w.realm.Now())
		full.Addresses, full.From, full.RenewTill = krb5Address(127, 0, 0, 1), full.Till, full.Till
		full.PAData = krb5.AppendPAData(full.PAData, krb5.PAPACRequest, (&krb5.PACRequest{Include: true}).Append(nil))
		return [][]byte{w.asReq().Append(nil), w.stamped(enterprise, w.alice[0], w.realm.Now()).Append(nil), full.Append(nil)}
	})
}

// FuzzTGSReq does the same with requests for tickets of each kind.
func FuzzTGSReq(f *testing.F) {
	fuzzed(f, func(w *world) [][]byte {
		have := w.login(f, w.asReq())
		plain, renew, forward, toUser := w.tgsReq("HTTP", "www.example.com"), w.tgsReq("krbtgt", realmName), w.tgsReq("krbtgt", realmName), w.tgsReq("alice")
		renew.Options = krb5.KDCRenew
		forward.Options, forward.Addresses = krb5.KDCForwarded, krb5Address(127, 0, 0, 1)
		toUser.Options, toUser.Tickets = krb5.KDCEncTktInSkey, have.ticket
		return [][]byte{
			w.sealed(f, plain, have, tgsOptions{subkey: w.realm.NewKey(18)}), w.sealed(f, renew, have, tgsOptions{}),
			w.sealed(f, forward, have, tgsOptions{}), w.sealed(f, toUser, have, tgsOptions{}),
		}
	})
}

// FuzzStream sends the bytes of a connection to the TCP port, with the length of the request
// among them.
func FuzzStream(f *testing.F) {
	w := newWorld(f, testkdc.Config{})
	as, tgs := w.requests(f)
	f.Add(framed(as))
	f.Add(framed(tgs))
	f.Fuzz(func(t *testing.T, b []byte) {
		w.restart()
		b = slices.Clip(bytes.Clone(b))
		answer := unframed(t, w.overStream(b))
		checkAnswer(t, answer)
		if len(b) < 4 {
			if answer != nil {
				t.Fatalf("answered %x before the length", answer)
			}
			return
		}
		size, rest := binary.BigEndian.Uint32(b), b[4:]
		want := int32(0)
		switch {
		case size > krb5.MaxKDCReq:
			want = 61
		case int(size) <= len(rest):
			want = code(w.kdc.Answer(slices.Clip(bytes.Clone(rest[:size])), loopback))
		}
		if got := code(answer); got != want {
			t.Fatalf("answered with %d, want %d", got, want)
		}
	})
}
