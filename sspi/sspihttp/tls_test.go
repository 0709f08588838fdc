package sspihttp_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/sspi/sspitls"
	"github.com/gosspi/kerberos/status"
)

// secure is a site over TLS. It does not use the TLS server of httptest, which adds its own
// certificate to the config.
type secure struct {
	*site
	url         string
	client      *http.Client
	certificate *x509.Certificate
}

// openTLS starts a site over TLS with httptest's certificate. wrap makes its config.
func openTLS(t *testing.T, wrap func(*tls.Config) *tls.Config, change func(*sspihttp.Config)) *secure {
	t.Helper()
	donor := httptest.NewTLSServer(nil)
	t.Cleanup(donor.Close)
	s := &secure{site: build(t, change), client: donor.Client(), certificate: donor.Certificate()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{
		Handler: s.m.Wrap(http.HandlerFunc(greet)), ConnContext: s.m.ConnContext,
		TLSConfig: wrap(&tls.Config{Certificates: donor.TLS.Certificates}),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	s.url = "https://" + l.Addr().String()
	return s
}

func (s *secure) get(t *testing.T, o sspitest.Options) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", s.login(t, "alice", o))
	res, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}

func plain(c *tls.Config) *tls.Config { return c }

// byCallback returns a config that returns its certificates by GetCertificate.
func byCallback(c *tls.Config) *tls.Config {
	return sspitls.Record(&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &c.Certificates[0], nil }})
}

// TestBindings checks each kind of client with each policy, over TLS.
func TestBindings(t *testing.T) {
	const (
		none  = "none"
		right = "right"
		wrong = "wrong"
		aware = "none, and knows of them"
	)
	type want map[string]any // of type authenticator.Binding or status.Reason
	for name, c := range map[string]struct {
		wrap   func(*tls.Config) *tls.Config
		policy sspi.BindingPolicy
		want   want
	}{
		"default":        {sspitls.Record, 0, want{none: authenticator.BindingMissing, right: authenticator.BindingMatched, wrong: status.ReasonBindingMismatch, aware: status.ReasonBindingMissing}},
		"GetCertificate": {byCallback, 0, want{none: authenticator.BindingMissing, right: authenticator.BindingMatched, wrong: status.ReasonBindingMismatch, aware: status.ReasonBindingMissing}},
		"required":       {sspitls.Record, sspi.BindingRequired, want{none: status.ReasonBindingMissing, right: authenticator.BindingMatched, wrong: status.ReasonBindingMismatch, aware: status.ReasonBindingMissing}},
		"not recorded":   {plain, 0, want{none: authenticator.BindingUnchecked, right: status.ReasonBindingUnknown, wrong: status.ReasonBindingUnknown, aware: status.ReasonBindingMissing}},
		"required, and not recorded": {plain, sspi.BindingRequired, want{
			none: status.ReasonBindingUnknown, right: status.ReasonBindingUnknown, wrong: status.ReasonBindingUnknown, aware: status.ReasonBindingUnknown,
		}},
		"proxied": {plain, sspi.BindingProxied, want{none: status.ReasonBindingMissing, right: authenticator.BindingOfProxy, wrong: authenticator.BindingOfProxy, aware: status.ReasonBindingMissing}},
	} {
		s := openTLS(t, c.wrap, func(cfg *sspihttp.Config) { cfg.Context.BindingPolicy = c.policy })
		for kind, expected := range c.want {
			var o sspitest.Options
			switch kind {
			case right:
				o.ChannelBindings = &sspitls.EndPoint(s.certificate)[0]
			case wrong:
				o.ChannelBindings = &sspi.ChannelBindings{ApplicationData: []byte("tls-server-end-point:another")}
			case aware:
				o.BindingAware = true
			}
			a := s.get(t, o)
			res := s.last(t)
			switch expected := expected.(type) {
			case authenticator.Binding:
				a.check(t, name+", "+kind, 200, "alice@EXAMPLE.COM, 0 bytes")
				if res.Peer == nil || res.Peer.Binding != expected {
					t.Errorf("%s, %s: record %+v, want binding %d", name, kind, res, expected)
				}
			case status.Reason:
				code := map[bool]int{true: 500, false: 401}[expected == status.ReasonBindingUnknown]
				a.check(t, name+", "+kind, code, "")
				if got := status.ReasonOf(res.Err); got != expected {
					t.Errorf("%s, %s: %v, want %v", name, kind, got, expected)
				}
			}
		}
	}
}

// TestBindings_NoTLS checks that no client is bound without TLS, and that the server
// refuses all clients then if it requires bindings.
func TestBindings_NoTLS(t *testing.T) {
	bound := sspitest.Options{ChannelBindings: &sspi.ChannelBindings{ApplicationData: []byte("x")}}
	s := open(t, nil)
	s.get(t, s.login(t, "alice", bound)).check(t, "bound", 200, "")
	if got := s.last(t).Peer.Binding; got != authenticator.BindingUnchecked {
		t.Errorf("binding %d", got)
	}
	s = open(t, func(cfg *sspihttp.Config) { cfg.Context.BindingPolicy = sspi.BindingRequired })
	s.get(t, s.login(t, "alice", bound)).check(t, "required", 500, "")
	if err := s.last(t).Err; status.ReasonOf(err) != status.ReasonBindingUnknown || !strings.Contains(err.Error(), "did not come over TLS") {
		t.Error(err)
	}
}

// TestBindings_Given checks that the bindings of Config.Context and of Config.Bindings both
// count, and that requests do not share them.
func TestBindings_Given(t *testing.T) {
	fixed := append(make([]sspi.ChannelBindings, 0, 8), sspi.ChannelBindings{ApplicationData: []byte("fixed")})
	s := openTLS(t, plain, func(cfg *sspihttp.Config) {
		cfg.Context.ChannelBindings = fixed
		cfg.Context.BindingPolicy = sspi.BindingRequired
		cfg.Bindings = func(r *http.Request) []sspi.ChannelBindings {
			return []sspi.ChannelBindings{{ApplicationData: []byte("of the request to " + r.Host)}}
		}
	})
	for data, code := range map[string]int{"fixed": 200, "of the request to " + s.url[len("https://"):]: 200, "of another": 401} {
		s.get(t, sspitest.Options{ChannelBindings: &sspi.ChannelBindings{ApplicationData: []byte(data)}}).check(t, data, code, "")
	}
	if fixed[:2][1].ApplicationData != nil {
		t.Error("the middleware wrote after the end of the caller's slice")
	}
}
