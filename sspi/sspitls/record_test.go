package sspitls_test

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitls"
	"github.com/gosspi/kerberos/status"
)

// TestRecord checks that Record stores the certificate that the server presented, whichever
// function chose it.
func TestRecord(t *testing.T) {
	a, b := certificate(t, "a.example.com"), certificate(t, "b.example.com")
	byName := func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		switch hello.ServerName {
		case "b.example.com":
			return &b, nil
		case "none.example.com":
			return nil, errors.New("no such server")
		}
		return nil, nil
	}
	configs := map[string]*tls.Config{
		"fixed":          {Certificates: []tls.Certificate{a, b}},
		"GetCertificate": {Certificates: []tls.Certificate{a}, GetCertificate: byName},
		"GetConfigForClient": {Certificates: []tls.Certificate{a}, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			switch hello.ServerName {
			case "b.example.com":
				return &tls.Config{Certificates: []tls.Certificate{b}}, nil
			case "none.example.com":
				return nil, errors.New("no such server")
			}
			return nil, nil
		}},
	}
	for name, config := range configs {
		recorded := sspitls.Record(config)
		for _, server := range []string{"a.example.com", "b.example.com", "c.example.com", ""} {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				ctx := sspitls.WithRecord(t.Context())
				_, seen, err := handshake(t, ctx, recorded, clientConfig(server, version))
				_, before, err2 := handshake(t, t.Context(), config, clientConfig(server, version))
				if err != nil || err2 != nil {
					t.Fatalf("%s, %q: %v, %v", name, server, err, err2)
				}
				want := sspitls.EndPoint(seen.PeerCertificates[0])
				if got, err := sspitls.Recorded(ctx); err != nil || len(got) != 1 || !slices.Equal(data(got), data(want)) {
					t.Errorf("%s, %q: %q, and the client was shown %q", name, server, data(got), data(want))
				}
				if !slices.Equal(data(want), data(sspitls.EndPoint(before.PeerCertificates[0]))) {
					t.Errorf("%s, %q: Record changes which certificate is shown", name, server)
				}
			}
		}
	}
	for _, name := range []string{"GetCertificate", "GetConfigForClient"} {
		ctx := sspitls.WithRecord(t.Context())
		if _, _, err := handshake(t, ctx, sspitls.Record(configs[name]), clientConfig("none.example.com", tls.VersionTLS13)); err == nil || recorded(ctx) != nil {
			t.Errorf("%s refused, and %v was recorded", name, recorded(ctx))
		}
	}
}

// TestRecord_NoResumption checks that Record disables session resumption, because a resumed
// session presents no certificate.
func TestRecord_NoResumption(t *testing.T) {
	plain := &tls.Config{Certificates: []tls.Certificate{certificate(t, "a.example.com")}}
	theirs := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return plain, nil }}
	for name, c := range map[string]struct {
		config  *tls.Config
		resumes bool
	}{
		"plain": {plain, true}, "recorded": {sspitls.Record(plain), false}, "of the client": {sspitls.Record(theirs), false},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			client := clientConfig("a.example.com", version)
			client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			var resumed bool
			for range 2 {
				ctx := sspitls.WithRecord(t.Context())
				s, _, err := handshake(t, ctx, c.config, client)
				if err != nil {
					t.Fatal(err)
				}
				resumed = s.DidResume
				if !c.resumes && recorded(ctx) == nil {
					t.Errorf("%s: nothing recorded", name)
				}
			}
			if resumed != c.resumes {
				t.Errorf("%s, %s: resumed: %v", name, tls.VersionName(version), resumed)
			}
		}
	}
}

// TestRecord_NoCertificate checks the error of a configuration that has no certificate for a
// client.
func TestRecord_NoCertificate(t *testing.T) {
	config := sspitls.Record(&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }})
	c, err := config.GetCertificate(new(tls.ClientHelloInfo))
	if c != nil || err == nil || !strings.Contains(err.Error(), "no certificate for this client") {
		t.Errorf("%v, %v", c, err)
	}
}

// TestRecord_Without checks Recorded without WithRecord, without Record and without a
// certificate.
func TestRecord_Without(t *testing.T) {
	plain := &tls.Config{Certificates: []tls.Certificate{certificate(t, "a.example.com")}}
	ctx := sspitls.WithRecord(t.Context())
	if sspitls.WithRecord(ctx) != ctx {
		t.Error("a second place hides the first")
	}
	if _, _, err := handshake(t, ctx, plain, clientConfig("", tls.VersionTLS13)); err != nil || recorded(ctx) != nil {
		t.Errorf("without Record: %v, %v", recorded(ctx), err)
	}
	if _, _, err := handshake(t, context.Background(), sspitls.Record(plain), clientConfig("", tls.VersionTLS13)); err != nil {
		t.Errorf("without a place: %v", err)
	}
	if recorded(context.Background()) != nil {
		t.Error("recorded where there is no place")
	}
	if len(plain.Certificates) != 1 || plain.GetCertificate != nil || plain.SessionTicketsDisabled {
		t.Error("the config was changed")
	}
	for name, config := range map[string]*tls.Config{
		"nil": nil, "empty": {}, "empty chain": {Certificates: []tls.Certificate{{}}},
		"rubbish": {GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &tls.Certificate{Certificate: [][]byte{{0x30}}}, nil
		}},
	} {
		ctx := sspitls.WithRecord(t.Context())
		if _, _, err := handshake(t, ctx, sspitls.Record(config), clientConfig("", tls.VersionTLS13)); err == nil || recorded(ctx) != nil {
			t.Errorf("%s: %v, %v", name, recorded(ctx), err)
		}
	}
}

// recorded returns the recorded bindings, or nil.
func recorded(ctx context.Context) []sspi.ChannelBindings {
	b, err := sspitls.Recorded(ctx)
	if (b == nil) != (status.ReasonOf(err) == status.ReasonArgument) {
		panic("Recorded returns both bindings and an error, or neither")
	}
	return b
}

// TestBIND_9_NoCertificate checks a server that adds its certificate to a copy of the
// config after Record. The certificate is then unknown for every client, whether it names
// the server or not, and the handshake succeeds.
func TestBIND_9_NoCertificate(t *testing.T) {
	for name, config := range map[string]*tls.Config{
		"no certificate": {},
		"GetConfigForClient that leaves it": {
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil },
		},
	} {
		for _, server := range []string{"a.example.com", ""} {
			served := sspitls.Record(config).Clone()
			served.Certificates = []tls.Certificate{certificate(t, "a.example.com")}
			ctx := sspitls.WithRecord(t.Context())
			_, _, err := handshake(t, ctx, served, clientConfig(server, tls.VersionTLS13))
			got, unknown := sspitls.Recorded(ctx)
			if err != nil || got != nil || status.ReasonOf(unknown) != status.ReasonArgument {
				t.Errorf("%s, %q: %v, %v, %v", name, server, got, unknown, err)
			}
		}
	}
}
