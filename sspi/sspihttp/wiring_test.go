package sspihttp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/sspi/sspitls"
	"github.com/gosspi/kerberos/status"
)

// getOverTLS sends a login over a new connection to address. If serverName is not empty,
// the ClientHello names the server.
func getOverTLS(t *testing.T, address, serverName, field string) answer {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			d := &tls.Dialer{Config: &tls.Config{ServerName: serverName, InsecureSkipVerify: true}}
			return d.DialContext(ctx, network, address)
		},
	}}
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", field)
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}

// writePair writes a certificate and its key to files for ServeTLS.
func writePair(t *testing.T, pair tls.Certificate) (cert, key string) {
	t.Helper()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for file, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// TestBIND_9_ServersOwnCertificate checks certificates that sspitls.Record does not see:
// net/http adds the files of ServeTLS to a copy of the config, and httptest adds its own
// certificate. The server refuses a bound client, whatever it is bound to and whether it
// names the server or not, and the error says where the certificate belongs.
func TestBIND_9_ServersOwnCertificate(t *testing.T) {
	donor := httptest.NewTLSServer(nil)
	defer donor.Close()
	pair := donor.TLS.Certificates[0]
	files := func(t *testing.T, s *site) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		cert, key := writePair(t, pair)
		s.srv.Config.TLSConfig = sspitls.Record(nil)
		ended := make(chan error, 1)
		go func() { ended <- s.srv.Config.ServeTLS(l, cert, key) }()
		t.Cleanup(func() {
			s.srv.Config.Close()
			if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		})
		return l.Addr().String()
	}
	startTLS := func(_ *testing.T, s *site) string {
		s.srv.TLS = sspitls.Record(&tls.Config{MinVersion: tls.VersionTLS12})
		s.srv.StartTLS()
		return s.srv.Listener.Addr().String()
	}
	for name, start := range map[string]func(*testing.T, *site) string{"ServeTLS": files, "httptest": startTLS} {
		t.Run(name, func(t *testing.T) {
			s := build(t, nil)
			address := start(t, s)
			for _, serverName := range []string{"", "www.example.com"} {
				for _, data := range [][]byte{
					sspitls.EndPoint(pair.Leaf)[0].ApplicationData,
					[]byte("tls-server-end-point:another"),
				} {
					o := sspitest.Options{ChannelBindings: &sspi.ChannelBindings{ApplicationData: data}}
					a := getOverTLS(t, address, serverName, s.login(t, "alice", o))
					a.check(t, "SNI "+serverName, 500, "Internal Server Error\n")
					res := s.last(t)
					if status.ReasonOf(res.Err) != status.ReasonBindingUnknown || !strings.Contains(res.Err.Error(), "put the certificate into the tls.Config before Record") {
						t.Errorf("SNI %q: %v", serverName, res.Err)
					}
				}
				getOverTLS(t, address, serverName, s.login(t, "alice", sspitest.Options{})).check(t, "not bound, SNI "+serverName, 200, "alice@EXAMPLE.COM, 0 bytes")
			}
		})
	}
}

// TestBIND_9_NotRecorded checks each way in which the certificate of a TLS request can be
// unknown, and that the error names the missing configuration.
func TestBIND_9_NotRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		place  bool // the context is from sspitls.WithRecord
		change func(*sspihttp.Config)
		says   string
	}{
		"no ConnContext":   {false, nil, "set http.Server.ConnContext to Middleware.ConnContext"},
		"no Record":        {true, nil, "put the certificate into the tls.Config before Record"},
		"Bindings is none": {true, func(cfg *sspihttp.Config) { cfg.Bindings = func(*http.Request) []sspi.ChannelBindings { return nil } }, "Config.Bindings returned no channel bindings"},
		"required": {
			false, func(cfg *sspihttp.Config) { cfg.Context.BindingPolicy = sspi.BindingRequired },
			"set http.Server.ConnContext to Middleware.ConnContext",
		},
	} {
		s := build(t, c.change)
		r := httptest.NewRequest("GET", "https://www.example.com/", nil)
		if c.place {
			r = r.WithContext(s.m.ConnContext(t.Context(), nil))
		}
		r.Header.Set("Authorization", s.login(t, "alice", sspitest.Options{ChannelBindings: &sspi.ChannelBindings{ApplicationData: []byte("x")}}))
		w := httptest.NewRecorder()
		s.m.Wrap(http.HandlerFunc(greet)).ServeHTTP(w, r)
		read(t, w.Result()).check(t, name, 500, "")
		if res := s.last(t); status.ReasonOf(res.Err) != status.ReasonBindingUnknown || !strings.Contains(res.Err.Error(), c.says) {
			t.Errorf("%s: %v", name, res.Err)
		}
	}
}

// TestHTTP_3_WithoutConnContext checks that PerConnectionWithoutProxy without ConnContext
// refuses every request with an error that says so.
func TestHTTP_3_WithoutConnContext(t *testing.T) {
	s := build(t, func(cfg *sspihttp.Config) { cfg.PerConnectionWithoutProxy = true })
	s.srv.Config.ConnContext = nil
	s.srv.Start()
	for name, field := range map[string]string{"no login": "", "login": s.login(t, "alice", sspitest.Options{})} {
		s.get(t, field).check(t, name, 500, "Internal Server Error\n")
		if res := s.last(t); status.ReasonOf(res.Err) != status.ReasonArgument || !strings.Contains(res.Err.Error(), "ConnContext") {
			t.Errorf("%s: %v", name, res.Err)
		}
	}
}
