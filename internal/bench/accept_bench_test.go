package bench

import (
	"context"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

const service = "HTTP/www.example.com"

// traffic holds first tokens of one client, which are all different, and the service of the
// tokens.
type traffic struct {
	realm  *krbtest.Realm
	keys   *keytab.Table
	tokens [][]byte
	ticket *krbtest.Ticket
	pac    sspi.PACMode // the mode of the acceptors
}

// newTraffic returns n tokens under one ticket of type 18, as MIT's client makes them.
func newTraffic(n int) *traffic {
	r := krbtest.NewRealm("EXAMPLE.COM")
	x := &traffic{realm: r, keys: r.Service(service), ticket: r.Ticket("alice", service)}
	request := x.ticket.APReq()
	for range n {
		x.tokens = append(x.tokens, request.Token())
	}
	return x
}

// acceptor returns an acceptor with a new replay cache.
func (x *traffic) acceptor(b *testing.B) *sspi.Acceptor {
	b.Helper()
	a, err := sspi.NewAcceptor(sspi.Config{
		Keys: x.keys, Time: x.realm.Now, PAC: sspi.PACPolicy{Mode: x.pac},
		Replay: authenticator.NewMemoryCache(0, authenticator.AcceptOlder),
	})
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// floor returns the floor for the same tokens.
func (x *traffic) floor(b *testing.B) (*floor, []pair) {
	b.Helper()
	pairs := make([]pair, len(x.tokens))
	for i, token := range x.tokens {
		frame, err := krb5.CutFrame(token)
		if err != nil {
			b.Fatal(err)
		}
		var req krb5.APReq
		if err := req.Parse(frame.Inner); err != nil {
			b.Fatal(err)
		}
		pairs[i] = pair{ticket: req.Ticket.EncPart.Cipher, authenticator: req.Authenticator.Cipher}
	}
	return newFloor(x.ticket.Key.KeyValue, x.ticket.Part.Key.KeyValue), pairs
}

// one accepts a token with the Go API.
func acceptOne(b *testing.B, a *sspi.Acceptor, token []byte) {
	c := a.NewContext(sspi.ContextConfig{})
	if _, _, err := c.Accept(context.Background(), token); err != nil {
		b.Fatal(err)
	}
}

// acceptAll returns the time that a new acceptor takes for all tokens.
func (x *traffic) acceptAll(b *testing.B, tokens [][]byte) float64 {
	a := x.acceptor(b)
	return cpu(func() {
		for _, token := range tokens {
			acceptOne(b, a, token)
		}
	})
}

// BenchmarkAccept measures a mutual accept of a small token, with a replay cache.
func BenchmarkAccept(b *testing.B) {
	x := newTraffic(2000)
	b.Run("Go face", func(b *testing.B) {
		b.ReportAllocs()
		a, i := x.acceptor(b), 0
		for b.Loop() {
			acceptOne(b, a, x.tokens[i])
			if i++; i == len(x.tokens) {
				b.StopTimer()
				a, i = x.acceptor(b), 0
				b.StartTimer()
			}
		}
	})
	b.Run("Windows face, into a buffer", func(b *testing.B) {
		b.ReportAllocs()
		h, i := x.acceptor(b).CredHandle(sspi.Kerberos), 0
		in := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{{BufferType: sspi.SECBUFFER_TOKEN}}}
		out := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{{BufferType: sspi.SECBUFFER_TOKEN}}}
		room := make([]byte, 1024)
		for b.Loop() {
			in.Buffers[0].Buffer, out.Buffers[0].Buffer = x.tokens[i], room
			var ctx sspi.CtxtHandle
			var attr flags.ASC_RET
			if code := sspi.AcceptSecurityContext(&h, nil, &in, 0, 0, &ctx, &out, &attr, nil); code != status.SEC_E_OK {
				b.Fatal(code, ctx.Err())
			}
			if i++; i == len(x.tokens) {
				b.StopTimer()
				h, i = x.acceptor(b).CredHandle(sspi.Kerberos), 0
				b.StartTimer()
			}
		}
	})
}

// BenchmarkAcceptOverFloor reports the cost of an accept as a multiple of the floor. The
// two alternate, each with all tokens.
func BenchmarkAcceptOverFloor(b *testing.B) {
	x := newTraffic(4000)
	f, pairs := x.floor(b)
	var accepts, floors, n float64
	for b.Loop() {
		accepts += x.acceptAll(b, x.tokens)
		floors += cpu(func() {
			for _, p := range pairs {
				if _, err := f.accept(p); err != nil {
					b.Fatal(err)
				}
			}
		})
		n += float64(len(pairs))
	}
	b.ReportMetric(accepts/floors, "x-floor")
	b.ReportMetric(accepts/n/1e3, "µs/accept")
	b.ReportMetric(floors/n/1e3, "µs/floor")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSPNEGOOverKerberos reports the cost of an accept in SPNEGO as a multiple of one
// without. The two alternate, with the same AP-REQs.
func BenchmarkSPNEGOOverKerberos(b *testing.B) {
	x := newTraffic(4000)
	wrapped := make([][]byte, len(x.tokens))
	for i, token := range x.tokens {
		wrapped[i] = (&krbtest.NegTokenInit{Mechanisms: [][]byte{krbtest.OIDMSKerberos, krbtest.OIDKerberos, krbtest.OIDNTLM}, Token: token}).Bytes()
	}
	var raw, spnego, n float64
	for b.Loop() {
		raw += x.acceptAll(b, x.tokens)
		spnego += x.acceptAll(b, wrapped)
		n += float64(len(x.tokens))
	}
	b.ReportMetric(spnego/raw, "spnego/kerberos")
	b.ReportMetric(spnego/n/1e3, "µs/spnego")
	b.ReportMetric(raw/n/1e3, "µs/kerberos")
	b.ReportMetric(0, "ns/op")
}
