package sspi_test

import (
	"context"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/contextseal"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// FuzzCTX_12_Import encrypts any bytes under the right key, as a faulty exporter might.
// Import must refuse them, or return a context that works and that can be exported again.
func FuzzCTX_12_Import(f *testing.F) {
	s := newSite(f, exporting)
	for _, change := range []func(*krbtest.APReq){nothing, oneWay, dce, func(q *krbtest.APReq) {
		q.Flags |= flags.GSS_C_DELEG_FLAG
		q.Cred = q.Forward().Bytes()
	}} {
		c, _ := s.established(f, sspi.ContextConfig{AcceptDelegation: true}, change)
		sealed, err := c.Export()
		if err != nil {
			f.Fatal(err)
		}
		plaintext, _, err := contextseal.Open(exportKey, sealed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(plaintext)
	}
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		sealed, err := contextseal.Seal(exportKey, plaintext)
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.acceptor.Import(context.Background(), sealed)
		if (c == nil) != (err != nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if err != nil {
			switch r := status.ReasonOf(err); r {
			case status.ReasonMalformedToken, status.ReasonContextExpired, status.ReasonETypeRefused:
				return
			default:
				t.Fatal(err)
			}
		}
		if p := c.Peer(); p == nil || p.Client.IsZero() {
			t.Fatalf("the context has a peer: %v", p)
		}
		_, wrapErr := c.Wrap(nil, []byte("text"), true)
		if _, _, err := c.Unwrap(nil, []byte("no token")); err == nil {
			t.Fatal("junk was unwrapped")
		}
		again, err := c.Export()
		if err != nil {
			t.Fatal(err)
		}
		if c, err = s.acceptor.Import(context.Background(), again); err != nil {
			t.Fatalf("again: %v", err)
		}
		if _, err := c.Wrap(nil, []byte("text"), true); (err == nil) != (wrapErr == nil) && wrapErr != nil {
			t.Fatalf("before %v, then %v", wrapErr, err)
		}
	})
}
