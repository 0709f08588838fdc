package krb5_test

import (
	"bytes"
	"encoding/asn1"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/status"
)

// TestPARSE_4_ObjectIdentifiers holds ValidOID to X.690, Section 8.19.2: the first
// byte of a subidentifier is not 0x80, so that each has one encoding; and to its
// own two limits.
func TestPARSE_4_ObjectIdentifiers(t *testing.T) {
	arcs := func(n int) asn1.ObjectIdentifier {
		return append(asn1.ObjectIdentifier{1, 2}, slices.Repeat(asn1.ObjectIdentifier{840}, n-2)...)
	}
	content := func(oid asn1.ObjectIdentifier) []byte {
		b, err := asn1.Marshal(oid)
		if err != nil {
			t.Fatal(err)
		}
		n := len(b)
		for len(derLength(n)) != len(b)-1-n {
			n--
		}
		return b[len(b)-n:]
	}
	for _, c := range []struct {
		name string
		oid  []byte
		want bool
	}{
		{"Kerberos", content(asn1.ObjectIdentifier{1, 2, 840, 113554, 1, 2, 2}), true},
		{"one number", []byte{0x2a}, true},
		{"64 arcs", content(arcs(64)), true},
		{"65 arcs", content(arcs(65)), false},
		{"1000 arcs", content(arcs(1000)), false},
		{"an arc of 1<<31 - 1", content(asn1.ObjectIdentifier{1, 2, 1<<31 - 1}), true},
		{"an arc of 1<<31", []byte{0x2a, 0x88, 0x80, 0x80, 0x80, 0x00}, true},
		{"an arc of 1<<31 + 1", []byte{0x2a, 0x88, 0x80, 0x80, 0x80, 0x01}, false},
		{"2.(1<<31)", []byte{0x88, 0x80, 0x80, 0x80, 0x50}, true},
		{"2.(1<<31 + 1)", []byte{0x88, 0x80, 0x80, 0x80, 0x51}, false},
		{"an arc of 1<<32", []byte{0x2a, 0x90, 0x80, 0x80, 0x80, 0x00}, false},
		{"an arc of 1<<64", []byte{0x2a, 0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, false},
		{"an arc of 1<<64 and a bit", []byte{0x2a, 0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, false},
		{"an arc that never ends", append([]byte{0x2a}, bytes.Repeat([]byte{0xff}, 1000)...), false},
		{"nothing", nil, false},
		{"only the beginning of an arc", []byte{0x2a, 0x86}, false},
		{"a padded arc", []byte{0x2a, 0x80, 0x86, 0x48}, false},
		{"a padded first arc", []byte{0x80, 0x2a, 0x03}, false},
		{"a padded zero", []byte{0x2a, 0x80, 0x00}, false},
		{"0x80 inside an arc", []byte{0x2a, 0x86, 0x80, 0x01}, true},
	} {
		if got := krb5.ValidOID(c.oid); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	for i, arc := range krb5.OIDKerberos { // Kerberos's OID padded at each of its arcs
		if i > 0 && krb5.OIDKerberos[i-1]&0x80 != 0 {
			continue
		}
		oid := slices.Insert(slices.Clone(krb5.OIDKerberos), i, 0x80)
		if krb5.ValidOID(oid) {
			t.Errorf("padded before %#x: accepted", arc)
		}
		_, err := krb5.CutFrame(der(0x60, der(6, oid), []byte{1, 0}))
		wantReason(t, "padded", err, status.ReasonMalformedToken)
	}
}

// TestMechanisms compares the constants with encoding/asn1.
func TestMechanisms(t *testing.T) {
	for _, c := range []struct {
		got  []byte
		want asn1.ObjectIdentifier
	}{
		{krb5.OIDKerberos, asn1.ObjectIdentifier{1, 2, 840, 113554, 1, 2, 2}},
		{krb5.OIDMSKerberos, asn1.ObjectIdentifier{1, 2, 840, 48018, 1, 2, 2}},
		{krb5.OIDUser2User, asn1.ObjectIdentifier{1, 2, 840, 113554, 1, 2, 2, 3}},
		{krb5.OIDSPNEGO, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 2}},
		{krb5.OIDNTLM, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 2, 10}},
		{krb5.OIDNegoEx, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 2, 30}},
		{krb5.OIDIAKERB, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 2, 5}},
	} {
		want, err := asn1.Marshal(c.want)
		if err != nil || !bytes.Equal(der(6, c.got), want) || !krb5.ValidOID(c.got) {
			t.Errorf("%v is %x, want %x", c.want, c.got, want)
		}
	}
}

// TestCutFrame reads tokens that gofork framed, and says what it makes of those
// that it refuses.
func TestCutFrame(t *testing.T) {
	spnego := der(0x60, der(6, krb5.OIDSPNEGO), []byte{0xa0})
	for _, c := range []struct {
		name  string
		token []byte
		want  krb5.Framed
		ok    bool
	}{
		{"AP-REQ", krbtest.Frame(krb5.OIDKerberos, 0x0100, []byte("inner")), krb5.Framed{Mechanism: krb5.OIDKerberos, TokID: 0x0100, Inner: []byte("inner")}, true},
		{"of Microsoft", krbtest.Frame(krb5.OIDMSKerberos, 0x0100, []byte("inner")), krb5.Framed{Mechanism: krb5.OIDMSKerberos, TokID: 0x0100, Inner: []byte("inner")}, true},
		{"user-to-user", krbtest.Frame(krb5.OIDUser2User, 0x0400, nil), krb5.Framed{Mechanism: krb5.OIDUser2User, TokID: 0x0400}, true},
		{"IAKERB", krbtest.Frame(krb5.OIDIAKERB, 0x0501, nil), krb5.Framed{Mechanism: krb5.OIDIAKERB, TokID: 0x0501}, true},
		{"unknown token id", krbtest.Frame(krb5.OIDKerberos, 0xffff, nil), krb5.Framed{Mechanism: krb5.OIDKerberos, TokID: 0xffff}, true},
		{"SPNEGO has no token id", spnego, krb5.Framed{Mechanism: krb5.OIDSPNEGO, Inner: []byte{0xa0}}, true},
		{"NTLM with nothing", der(0x60, der(6, krb5.OIDNTLM)), krb5.Framed{Mechanism: krb5.OIDNTLM}, true},
		{"Kerberos with half a token id", der(0x60, der(6, krb5.OIDKerberos), []byte{1}), krb5.Framed{}, false},
		{"Kerberos with no token id", der(0x60, der(6, krb5.OIDKerberos)), krb5.Framed{}, false},
		{"no mechanism", der(0x60), krb5.Framed{}, false},
		{"empty mechanism", der(0x60, der(6), []byte{1, 0}), krb5.Framed{}, false},
		{"relative mechanism", der(0x60, der(13, krb5.OIDKerberos), []byte{1, 0}), krb5.Framed{}, false},
		{"constructed mechanism", der(0x60, der(0x26, der(6, krb5.OIDKerberos)), []byte{1, 0}), krb5.Framed{}, false},
		{"primitive frame", der(0x40, der(6, krb5.OIDKerberos), []byte{1, 0}), krb5.Framed{}, false},
		{"a byte behind", append(krbtest.Frame(krb5.OIDKerberos, 0x0100, []byte("inner")), 0), krb5.Framed{}, false},
		{"indefinite", slices.Concat([]byte{0x60, 0x80}, der(6, krb5.OIDKerberos), []byte{1, 0, 0, 0}), krb5.Framed{}, false},
		{"long form of a short length", slices.Concat([]byte{0x60, 0x81, 13}, der(6, krb5.OIDKerberos), []byte{1, 0}), krb5.Framed{}, false},
		{"long form of the mechanism's", der(0x60, []byte{6, 0x81, 9}, krb5.OIDKerberos, []byte{1, 0}), krb5.Framed{}, false},
		{"an AP-REQ without frame", alice(t).apReq, krb5.Framed{}, false},
		{"NTLM without frame", []byte("NTLMSSP\x00\x01\x00\x00\x00"), krb5.Framed{}, false},
	} {
		got, err := krb5.CutFrame(slices.Clip(c.token))
		if !c.ok {
			wantReason(t, c.name, err, status.ReasonMalformedToken)
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if !bytes.Equal(got.Mechanism, c.want.Mechanism) || got.TokID != c.want.TokID || !bytes.Equal(got.Inner, c.want.Inner) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestCutFrame_Captured cuts every token that an AD domain's clients framed, at
// every byte too.
func TestCutFrame_Captured(t *testing.T) {
	framed := 0
	for _, c := range vectors.AD(t) {
		if c.Token[0] != 0x60 {
			continue
		}
		framed++
		f, err := krb5.CutFrame(c.Token)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if f.TokID != 0 {
			if got := krb5.AppendFrame(nil, f.Mechanism, f.TokID, f.Inner); !bytes.Equal(got, c.Token) {
				t.Errorf("%s: written as %x", c.Name, got)
			}
		}
		for n := range c.Token {
			_, err := krb5.CutFrame(slices.Clip(bytes.Clone(c.Token[:n])))
			wantReason(t, c.Name, err, status.ReasonMalformedToken)
		}
	}
	if framed < 5 {
		t.Errorf("only %d framed tokens", framed)
	}
}

// TestAppendFrame compares with gofork's encoder at lengths around those where
// the length of the length changes.
func TestAppendFrame(t *testing.T) {
	for _, n := range []int{0, 1, 100, 113, 114, 115, 116, 127, 128, 200, 241, 242, 243, 256, 65520, 65521, 65522, 65536, 1 << 20} {
		inner := bytes.Repeat([]byte{0xee}, n)
		for _, oid := range [][]byte{krb5.OIDKerberos, krb5.OIDUser2User, krb5.OIDIAKERB} {
			want := krbtest.Frame(oid, 0x0203, inner)
			if got := krb5.AppendFrame([]byte("before"), oid, 0x0203, inner); string(got) != "before"+string(want) {
				t.Errorf("%d bytes in a frame of %x differ from gofork's", n, oid)
			}
			if got := krb5.FrameOverhead(oid, n); got != len(want)-n {
				t.Errorf("the overhead of %d bytes is %d, want %d", n, got, len(want)-n)
			}
		}
	}
}
