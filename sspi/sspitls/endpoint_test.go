package sspitls_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitls"
	"github.com/gosspi/kerberos/status"
)

const endPointPrefix = "tls-server-end-point:"

// made is a certificate that openssl made, and the hashes that openssl computed.
type made struct {
	name        string
	hashes      []string
	certificate *x509.Certificate
}

func certificates(t *testing.T) []made {
	t.Helper()
	rest, err := os.ReadFile("testdata/certificates.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []made
	for len(rest) > 0 {
		line, _, _ := strings.Cut(string(rest), "\n")
		fields := strings.Fields(line)
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || len(fields) < 2 {
			t.Fatalf("certificates.txt: %q", line)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatalf("%s: %v", fields[0], err)
		}
		out = append(out, made{fields[0], fields[1:], c})
	}
	return out
}

// TestEndPoint_OpenSSL compares with openssl's hash for certificates with each signature
// algorithm.
func TestEndPoint_OpenSSL(t *testing.T) {
	all := certificates(t)
	if len(all) != 20 {
		t.Errorf("%d certificates", len(all))
	}
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, b := range sspitls.EndPoint(c.certificate) {
				value, ok := strings.CutPrefix(string(b.ApplicationData), endPointPrefix)
				if !ok || b.InitiatorAddrType != 0 || b.AcceptorAddrType != 0 || b.InitiatorAddress != nil || b.AcceptorAddress != nil {
					t.Errorf("%+v", b)
				}
				got = append(got, hex.EncodeToString([]byte(value)))
			}
			if strings.Join(got, " ") != strings.Join(c.hashes, " ") {
				t.Errorf("got %v, openssl has %v", got, c.hashes)
			}
		})
	}
}

// TestEndPoint_Unknown checks nil certificates and unknown signature algorithms.
func TestEndPoint_Unknown(t *testing.T) {
	if got := sspitls.EndPoint(nil); got != nil {
		t.Errorf("nil: %v", got)
	}
	if got := sspitls.EndPoint(new(x509.Certificate)); got != nil {
		t.Errorf("empty: %v", got)
	}
	for _, raw := range []string{"\x00", "\x30\x00", "\x30\x03\x30\x00\x30", "\x30\x04\x30\x00\x30\x00", "\x30\x08\x30\x00\x30\x04\x06\x02\x2a\x03"} {
		if got := sspitls.EndPoint(&x509.Certificate{Raw: []byte(raw)}); len(got) != 2 {
			t.Errorf("%x: %d bindings, want those of SHA-512 and SHA-256", raw, len(got))
		}
	}
}

// TestEndPoint_PSSParameters truncates and changes the parameters of RSASSA-PSS.
func TestEndPoint_PSSParameters(t *testing.T) {
	const pss = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
	der := func(content string) string { return string([]byte{0x30, byte(len(content))}) + content }
	for _, c := range []struct {
		name, params string
		lengths      []int // the lengths of the hashes
	}{
		{"empty", der(""), []int{32}},
		{"absent", "", []int{64, 32}},
		{"not a sequence", "\x05\x00", []int{64, 32}},
		{"an unknown hash", der("\xa0\x06" + der("\x06\x02\x2a\x03")), []int{64, 32}},
		{"no OID", der("\xa0\x02" + der("")), []int{64, 32}},
		{"cut", der("\xa0\x06\x30"), []int{64, 32}},
		{"SHA-512", der("\xa0\x0d" + der("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03")), []int{64}},
	} {
		raw := der(der("") + der(pss+c.params))
		var got []int
		for _, b := range sspitls.EndPoint(&x509.Certificate{Raw: []byte(raw)}) {
			got = append(got, len(b.ApplicationData)-len(endPointPrefix))
		}
		if len(got) != len(c.lengths) || got[0] != c.lengths[0] {
			t.Errorf("%s: hashes of %v bytes, want %v", c.name, got, c.lengths)
		}
	}
}

// TestEndPoints checks that EndPoints returns the bindings of all certificates of a config,
// with and without Leaf, and an error if it cannot know the certificates.
func TestEndPoints(t *testing.T) {
	all := certificates(t)
	config := new(tls.Config)
	var want []sspi.ChannelBindings
	for i, c := range all {
		pair := tls.Certificate{Certificate: [][]byte{c.certificate.Raw}}
		if i%2 == 0 {
			pair.Leaf = c.certificate
		}
		config.Certificates = append(config.Certificates, pair)
		want = append(want, sspitls.EndPoint(c.certificate)...)
	}
	got, err := sspitls.EndPoints(config)
	if err != nil || !slices.Equal(data(got), data(want)) {
		t.Errorf("%d bindings, want %d: %v", len(got), len(want), err)
	}
	getCertificate := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &config.Certificates[0], nil }
	for name, bad := range map[string]*tls.Config{
		"nil": nil, "empty": {},
		"GetCertificate":     {GetCertificate: getCertificate, Certificates: config.Certificates},
		"GetConfigForClient": {GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return config, nil }},
		"empty chain":        {Certificates: []tls.Certificate{{}}},
		"rubbish":            {Certificates: []tls.Certificate{{Certificate: [][]byte{{0x30}}}}},
	} {
		if got, err := sspitls.EndPoints(bad); got != nil || status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// data returns the application data of the bindings.
func data(bindings []sspi.ChannelBindings) []string {
	var out []string
	for _, b := range bindings {
		out = append(out, string(b.ApplicationData))
	}
	return out
}
