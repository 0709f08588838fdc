package sspitls_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitls"
	"github.com/gosspi/kerberos/status"
)

// certificate returns a self-signed certificate for the server name.
func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

// handshake makes a TLS connection over loopback, with ctx at the server. The server sends
// a byte, so that the client has received its session ticket.
func handshake(t *testing.T, ctx context.Context, server, client *tls.Config) (atServer, atClient tls.ConnectionState, err error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		raw, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer raw.Close()
		s := tls.Server(raw, server)
		if err = s.HandshakeContext(ctx); err == nil {
			_, err = s.Write([]byte{1})
		}
		atServer = s.ConnectionState()
		done <- err
	}()
	c, err := tls.Dial("tcp", l.Addr().String(), client)
	if err == nil {
		defer c.Close()
		_, err = c.Read(make([]byte, 1))
		atClient = c.ConnectionState()
	}
	err = errors.Join(<-done, err)
	return atServer, atClient, err
}

func clientConfig(name string, version uint16) *tls.Config {
	return &tls.Config{ServerName: name, InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}
}

// TestExporter checks that both ends of a connection have the same bindings, and two
// connections different ones.
func TestExporter(t *testing.T) {
	server := &tls.Config{Certificates: []tls.Certificate{certificate(t, "a.example.com")}}
	for version, n := range map[uint16]int{tls.VersionTLS12: 2, tls.VersionTLS13: 1} {
		var last []sspi.ChannelBindings
		for range 2 {
			s, c, err := handshake(t, t.Context(), server, clientConfig("a.example.com", version))
			if err != nil {
				t.Fatal(err)
			}
			here, err1 := sspitls.Exporter(&s)
			there, err2 := sspitls.Exporter(&c)
			if err1 != nil || err2 != nil || len(here) != n || !slices.Equal(data(here), data(there)) || slices.Equal(data(here), data(last)) {
				t.Errorf("%s: %q and %q, %v, %v", tls.VersionName(version), data(here), data(there), err1, err2)
			}
			for _, b := range here {
				if value, ok := strings.CutPrefix(string(b.ApplicationData), "tls-exporter:"); !ok || len(value) != 32 {
					t.Errorf("%q", b.ApplicationData)
				}
			}
			last = here
			value, err := c.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
			if err != nil || string(here[0].ApplicationData) != "tls-exporter:"+string(value) {
				t.Errorf("%s: the first is not RFC 9266's", tls.VersionName(version))
			}
		}
	}
}

func TestUnique(t *testing.T) {
	server := &tls.Config{Certificates: []tls.Certificate{certificate(t, "a.example.com")}}
	s, c, err := handshake(t, t.Context(), server, clientConfig("", tls.VersionTLS12))
	if err != nil {
		t.Fatal(err)
	}
	here, err1 := sspitls.Unique(&s)
	there, err2 := sspitls.Unique(&c)
	if err1 != nil || err2 != nil || len(here) != 1 || !slices.Equal(data(here), data(there)) ||
		string(here[0].ApplicationData) != "tls-unique:"+string(c.TLSUnique) {
		t.Errorf("%q and %q, %v, %v", data(here), data(there), err1, err2)
	}
	s, _, err = handshake(t, t.Context(), server, clientConfig("", tls.VersionTLS13))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := sspitls.Unique(&s); got != nil || status.ReasonOf(err) != status.ReasonUnsupported {
		t.Errorf("TLS 1.3: %v, %v", got, err)
	}
}

// TestConnection_NotComplete checks that a connection whose handshake is not complete has
// no bindings.
func TestConnection_NotComplete(t *testing.T) {
	for _, state := range []*tls.ConnectionState{nil, {}, {Version: tls.VersionTLS12, TLSUnique: []byte("early")}} {
		if got, err := sspitls.Exporter(state); got != nil || status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("Exporter: %v, %v", got, err)
		}
		if got, err := sspitls.Unique(state); got != nil || status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("Unique: %v, %v", got, err)
		}
	}
}

// TestExporter_Renegotiation checks that a connection with renegotiation has no bindings,
// because its keys may change.
func TestExporter_Renegotiation(t *testing.T) {
	server := &tls.Config{Certificates: []tls.Certificate{certificate(t, "a.example.com")}}
	client := clientConfig("", tls.VersionTLS12)
	client.Renegotiation = tls.RenegotiateOnceAsClient
	_, c, err := handshake(t, t.Context(), server, client)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := sspitls.Exporter(&c); got != nil || status.ReasonOf(err) != status.ReasonUnsupported {
		t.Errorf("%q, %v", data(got), err)
	}
}
