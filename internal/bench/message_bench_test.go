package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
)

// sizes are those of published measurements of other implementations.
var sizes = []int{100, 4 << 10, 64 << 10}

// established returns a context that accepts the same token many times, and its client.
func established(b *testing.B) (*sspi.Context, *krbtest.Initiator) {
	b.Helper()
	x := newTraffic(0)
	request := x.ticket.APReq()
	request.Flags = flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_CONF_FLAG | flags.GSS_C_INTEG_FLAG
	client := request.Start()
	token, _, err := client.Next(nil)
	if err != nil {
		b.Fatal(err)
	}
	c := x.acceptor(b).NewContext(sspi.ContextConfig{})
	reply, _, err := c.Accept(context.Background(), token)
	if err != nil {
		b.Fatal(err)
	}
	if _, _, err := client.Next(reply); err != nil {
		b.Fatal(err)
	}
	return c, client
}

// BenchmarkWrapUnwrap measures wrapping a message and unwrapping a message of the same
// length.
func BenchmarkWrapUnwrap(b *testing.B) {
	c, client := established(b)
	for _, conf := range []bool{true, false} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("sealed %v/%d bytes", conf, n), func(b *testing.B) {
				message := make([]byte, n)
				token, err := client.Wrap(message, conf)
				if err != nil {
					b.Fatal(err)
				}
				var wrapped, opened []byte
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					if wrapped, err = c.Wrap(wrapped[:0], message, conf); err != nil {
						b.Fatal(err)
					}
					if opened, _, err = c.Unwrap(opened[:0], token); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkMIC measures signing a message and verifying a MIC.
func BenchmarkMIC(b *testing.B) {
	c, client := established(b)
	for _, n := range sizes {
		b.Run(fmt.Sprintf("%d bytes", n), func(b *testing.B) {
			message := make([]byte, n)
			theirs, err := client.GetMIC(message)
			if err != nil {
				b.Fatal(err)
			}
			var mic []byte
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if mic, err = c.GetMIC(mic[:0], message); err != nil {
					b.Fatal(err)
				}
				if err := c.VerifyMIC(message, theirs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
