package sspisasl_test

import (
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// Server has the shape of emersion/go-sasl's.
var _ interface {
	Next(response []byte) (challenge []byte, done bool, err error)
} = (*sspisasl.Server)(nil)

// TestGSSAPI_AsCyrus: what Cyrus SASL sends, byte for byte where it is not a
// token.
func TestGSSAPI_AsCyrus(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags flags.GSS
		offer uint32
		head  uint32
		layer sspisasl.Layer
	}{
		{"maxssf=256", plain | flags.GSS_C_INTEG_FLAG | flags.GSS_C_CONF_FLAG, 0x07_010000, 0x04_ffffff, sspisasl.Confidentiality},
		{"maxssf=1", plain | flags.GSS_C_INTEG_FLAG, 0x03_010000, 0x02_ffffff, sspisasl.Integrity},
		{"maxssf=0", plain | flags.GSS_C_INTEG_FLAG, 0x03_010000, 0x01_000000, sspisasl.NoLayer},
		{"no protection", plain, 0x01_000000, 0x01_000000, sspisasl.NoLayer},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := newSite(t)
			s := newServer(t, site.config(), sspisasl.GSSAPI)
			client := site.client(sspitest.Options{Flags: c.flags})
			if got := offer(t, s, client); got != c.offer {
				t.Errorf("the offer is %08x, want %08x", got, c.offer)
			}
			if challenge, done := next(t, s, choice(t, client, c.head, "")); !done || challenge != nil {
				t.Errorf("%x, %v", challenge, done)
			}
			if s.Layer() != c.layer || s.Peer().Client.String() != "alice@EXAMPLE.COM" || s.AuthorizationID() != "" {
				t.Errorf("%v, %v, %q", s.Layer(), s.Peer().Client, s.AuthorizationID())
			}
			over(t, s)
		})
	}
}
