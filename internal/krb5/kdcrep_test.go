package krb5_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
)

// cuts checks that parse accepts whole, and refuses each part of it, trailing bytes and a
// changed tag.
func cuts(t *testing.T, name string, whole []byte, parse func([]byte) error) {
	t.Helper()
	if err := parse(whole); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for n := range whole {
		if parse(whole[:n]) == nil {
			t.Errorf("%s: %d of %d bytes are accepted", name, n, len(whole))
		}
	}
	if parse(append(bytes.Clone(whole), 0)) == nil {
		t.Errorf("%s: a trailing byte is accepted", name)
	}
	changed := bytes.Clone(whole)
	changed[0] ^= 1
	if parse(changed) == nil {
		t.Errorf("%s: another tag is accepted", name)
	}
}

// TestTGSRep reads a TGS-REP and its encrypted part that gokrb5 encoded.
func TestTGSRep(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	k := r.Ticket("alice", "HTTP/www.example.com")
	m := k.TGSRep()
	m.Nonce, m.Key, m.Usage = 0xfedcba98, r.NewKey(18), 8
	whole := m.Bytes()
	var rep krb5.TGSRep
	cuts(t, "TGS-REP", whole, rep.Parse)
	if err := rep.Parse(whole); err != nil {
		t.Fatal(err)
	}
	if got := string(krb5.AppendPrincipal(nil, rep.Client, rep.ClientRealm)); got != "alice@EXAMPLE.COM" {
		t.Errorf("the client is %s", got)
	}
	for _, x := range []struct {
		path string
		with []byte
		want status.Reason
	}{
		{"6d 30 a0 02", derInt(4), status.ReasonWrongVersion},
		{"6d 30 a1 02", derInt(11), status.ReasonWrongMessageType},
		{"6d 30 a3", []byte{}, status.ReasonMalformedToken},
		{"6d 30 a4", []byte{}, status.ReasonMalformedToken},
		{"6d 30 a5", []byte{}, status.ReasonMalformedToken},
		{"6d 30 a6", []byte{}, status.ReasonMalformedToken},
		{"6d 30 a6", der(0xa7, derInt(1)), status.ReasonMalformedToken},
	} {
		b, n := replaced(t, whole, x.path, x.with)
		if n != 1 {
			t.Fatalf("%d elements at %s", n, x.path)
		}
		wantReason(t, fmt.Sprintf("%s = %x", x.path, x.with), new(krb5.TGSRep).Parse(b), x.want)
	}
	plain, err := krbtest.Decrypt(m.Key, 8, rep.EncPart.Cipher)
	if err != nil {
		t.Fatal(err)
	}
	var part krb5.EncTGSRepPart
	cuts(t, "EncTGSRepPart", plain, part.Parse)
	if err := part.Parse(plain); err != nil {
		t.Fatal(err)
	}
	if int64(part.Nonce) != m.Nonce || !bytes.Equal(part.Key.Value, k.Part.Key.KeyValue) || part.EndTime.Unix != k.Part.EndTime.Unix() ||
		string(krb5.AppendPrincipal(nil, part.Service, part.Realm)) != "HTTP/www.example.com@EXAMPLE.COM" {
		t.Errorf("%+v", part)
	}
}

// TestForUser compares a PA-FOR-USER and a PA-PAC-OPTIONS with their DER.
func TestForUser(t *testing.T) {
	m := krb5.ForUser{
		User: krb5.Name{Type: 1, Components: krb5.AppendComponent(nil, "alice")}, Realm: []byte("R"),
		Checksum: krb5.Checksum{Type: -138, Sum: []byte("sum")}, Package: []byte("Kerberos"),
	}
	want := der(0x30, der(0xa0, principalName(1, "alice")), der(0xa1, derString("R")),
		der(0xa2, pair(-138, "sum")), der(0xa3, derString("Kerberos")))
	if got := m.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	want = der(0x30, der(0xa0, der(3, []byte{0, 0x10, 0, 0, 0})))
	if got := krb5.AppendPACOptions(nil, krb5.PACOptionRBCD); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

// TestCAMMAC reads an AD-CAMMAC with every field.
func TestCAMMAC(t *testing.T) {
	verifier := func(fields ...[]byte) []byte {
		return der(0x30, append(fields, der(0xa3, pair(16, "sum")))...)
	}
	elements := der(0x30, der(0x30, der(0xa0, derInt(97)), der(0xa1, der(4, der(0x30, der(12, []byte("otp")))))))
	named := verifier(der(0xa0, principalName(1, "krbtgt", "R")), der(0xa1, derInt(3)), der(0xa2, derInt(18)))
	whole := der(0x30, der(0xa0, elements), der(0xa1, named), der(0xa2, verifier(der(0xa2, derInt(17)))),
		der(0xa3, der(0x30, verifier(), named, der(0xa5, []byte("a later alternative")))))
	var m krb5.CAMMAC
	cuts(t, "AD-CAMMAC", whole, m.Parse)
	if err := m.Parse(whole); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Elements, elements) || !m.HasService || !m.Service.HasEType || m.Service.EType != 17 || m.Service.MAC.Type != 16 || string(m.Service.MAC.Sum) != "sum" {
		t.Errorf("%+v", m)
	}
	for name, b := range map[string][]byte{
		"no elements":                 der(0x30, der(0xa2, verifier())),
		"an empty list of verifiers":  der(0x30, der(0xa0, elements), der(0xa3, der(0x30))),
		"seventeen verifiers":         der(0x30, der(0xa0, elements), der(0xa3, der(0x30, bytes.Repeat(verifier(), 17)))),
		"a verifier without checksum": der(0x30, der(0xa0, elements), der(0xa2, der(0x30, der(0xa2, derInt(17))))),
		"fields in another order":     der(0x30, der(0xa0, elements), der(0xa2, verifier()), der(0xa1, named)),
		"an unknown field":            der(0x30, der(0xa0, elements), der(0xa4, derInt(1))),
	} {
		if m.Parse(b) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestAppendIndicators reads lists of UTF-8 strings, and refuses every other list.
func TestAppendIndicators(t *testing.T) {
	text := func(s string) []byte { return der(12, []byte(s)) }
	got, err := krb5.AppendIndicators([]string{"a"}, der(0x30, text("b"), text("é")))
	if err != nil || len(got) != 3 || got[1] != "b" || got[2] != "é" {
		t.Errorf("%q, %v", got, err)
	}
	cuts(t, "indicators", der(0x30, text("otp")), func(b []byte) error { _, err := krb5.AppendIndicators(nil, b); return err })
	for name, b := range map[string][]byte{
		"an empty string":        der(0x30, text("")),
		"a long string":          der(0x30, text(string(bytes.Repeat([]byte("x"), 1025)))),
		"no UTF-8":               der(0x30, text("\xff")),
		"another kind of string": der(0x30, derString("otp")),
		"65 strings":             der(0x30, bytes.Repeat(text("x"), 65)),
	} {
		if _, err := krb5.AppendIndicators(nil, b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
