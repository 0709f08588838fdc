package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/keytab"
)

// webServer is examples/httpd.
type webServer struct {
	p   *process
	url string // http://localhost:PORT/
}

// web is shared by the tests with examples/httpd. HTTP clients request the service HTTP of
// the host's name, so there is only one service.
var web struct {
	once sync.Once
	svc  *service

	buildOnce sync.Once
	program   string
	err       error
}

// webService returns HTTP/localhost. The KDC marks it as trusted for delegation.
func webService(t testing.TB, r *realm) *service {
	t.Helper()
	web.once.Do(func() {
		svc := r.service(t, "HTTP", 18, 18)
		r.admins(t, "modprinc", "+ok_as_delegate", svc.principal())
		web.svc = svc
	})
	if web.svc == nil {
		t.Fatal("another test failed to make the service")
	}
	return web.svc
}

// staleKeytab returns a keytab of the service with a key that the service never had.
func staleKeytab(t testing.TB, svc *service, kvno uint8) string {
	t.Helper()
	kt := keytab.New()
	if err := kt.AddEntry(svc.principal(), realmName, "another password", time.Now(), kvno, 18); err != nil {
		t.Fatal(err)
	}
	b, err := kt.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "stale.keytab")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

var listening = regexp.MustCompile(`(?m)^listening on \S+:(\d+)$`)

// startWeb builds examples/httpd once and starts it. The server chooses a free port and
// prints it. With a certificate it serves TLS.
func startWeb(t testing.TB, r *realm, keytab string, args ...string) *webServer {
	t.Helper()
	web.buildOnce.Do(func() {
		web.program, web.err = build(world.dir, "our-httpd", "github.com/gosspi/kerberos/examples/httpd")
	})
	if web.err != nil {
		t.Fatal(web.err)
	}
	args = append([]string{"-addr", "127.0.0.1:0", "-keytab", keytab}, args...)
	p, err := start(r.env(), nil, web.program, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	if err := p.Await("its address", listening.MatchString); err != nil {
		t.Fatal(err)
	}
	scheme := "http"
	if slices.Contains(args, "-cert") {
		scheme = "https"
	}
	return &webServer{p, scheme + "://localhost:" + listening.FindStringSubmatch(p.Out.String())[1] + "/"}
}

// ourWeb starts a web server with the keytab of its service.
func ourWeb(t testing.TB, r *realm, args ...string) *webServer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keytab")
	webService(t, r).keytab(t, file)
	return startWeb(t, r, file, args...)
}

// logged waits until the log has a line with all of the texts.
func (w *webServer) logged(t testing.TB, texts ...string) {
	t.Helper()
	err := w.p.Await("a line with "+strings.Join(texts, " and "), func(out string) bool {
		for line := range strings.Lines(out) {
			all := true
			for _, text := range texts {
				all = all && strings.Contains(line, text)
			}
			if all && strings.HasSuffix(line, "\n") {
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Error(err)
	}
}

// certificate writes a self-signed certificate for localhost, and its key.
func certificate(t testing.TB) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},

		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
