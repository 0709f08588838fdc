package sspisasl_test

import (
	"errors"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestBIND_9_SASL checks a server on TLS whose certificate was not recorded: it refuses a
// client that sends channel bindings, and serves clients that know of none. GS2-KRB5 does not
// use the channel, so it is served.
func TestBIND_9_SASL(t *testing.T) {
	notRecorded := errors.New("no certificate was recorded")
	bound := endPoint("certificate")
	for _, m := range []sspisasl.Mechanism{sspisasl.GSSAPI, sspisasl.GSSSPNEGO, sspisasl.GS2KRB5} {
		for _, channel := range []*sspi.ChannelBindings{nil, &bound} {
			site := newSite(t)
			cfg := site.config()
			cfg.Layers = all
			cfg.Context.BindingsUnknown = notRecorded
			s := newServer(t, cfg, m)
			if m == sspisasl.GS2KRB5 {
				if _, _, err := s.Next(site.gs2("n,,", "n,,")); err != nil {
					t.Errorf("%s: %v", m, err)
				}
				continue
			}
			client := site.client(sspitest.Options{SPNEGO: m == sspisasl.GSSSPNEGO, ChannelBindings: channel})
			_, _, err := s.Next(say(t, client, nil))
			if unknown := status.ReasonOf(err) == status.ReasonBindingUnknown && errors.Is(err, notRecorded); unknown != (channel != nil) || !unknown && err != nil {
				t.Errorf("%s, bound %v: %v", m, channel != nil, err)
			}
		}
	}
}
