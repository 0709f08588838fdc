package sspisasl_test

import (
	"bytes"
	"testing"

	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestPARSE_20_CutToken checks that the server refuses a truncated token at once, because
// SASL delimits tokens. The challenge beside the error is SPNEGO's reject.
func TestPARSE_20_CutToken(t *testing.T) {
	site := newSite(t)
	token := say(t, site.client(sspitest.Options{SPNEGO: true}), nil)
	for _, n := range []int{1, 2, 10, len(token) / 2, len(token) - 1} {
		s := newServer(t, site.config(), sspisasl.GSSSPNEGO)
		challenge, done, err := s.Next(token[:n])
		if status.ReasonOf(err) != status.ReasonMalformedToken || done || !bytes.Equal(challenge, []byte("\xa1\x07\x30\x05\xa0\x03\x0a\x01\x02")) {
			t.Errorf("%d bytes of %d: %x, %v, %v", n, len(token), challenge, done, err)
		}
	}
	next(t, newServer(t, site.config(), sspisasl.GSSSPNEGO), token)
}
