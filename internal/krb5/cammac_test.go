package krb5_test

import (
	"bytes"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// TestAD_3_OtherVerifiers checks the list of other verifiers of an AD-CAMMAC (RFC 7751,
// Section 4): 1 to 16 well-formed elements, of which those of other alternatives are skipped.
func TestAD_3_OtherVerifiers(t *testing.T) {
	elements := der(0xa0, der(0x30))
	verifier := der(0x30, der(0xa3, der(0x30, der(0xa0, derInt(16)), der(0xa1, der(4, []byte("checksum")))))) // a Verifier-MAC
	other := der(0xa0, []byte{5, 0})
	for name, row := range map[string]struct {
		list []byte
		ok   bool
	}{
		"a Verifier-MAC":            {verifier, true},
		"another alternative":       {other, true},
		"16 of both":                {bytes.Repeat(append(bytes.Clone(other), verifier...), 8), true},
		"none":                      {nil, false},
		"17 Verifier-MACs":          {bytes.Repeat(verifier, 17), false},
		"17 alternatives":           {bytes.Repeat(other, 17), false},
		"an alternative, cut":       {other[:len(other)-1], false},
		"an indefinite alternative": {[]byte{0xa0, 0x80, 0, 0}, false},
		"a Verifier-MAC, cut":       {verifier[:len(verifier)-1], false},
		"a Verifier-MAC, empty":     {der(0x30), false},
	} {
		var c krb5.CAMMAC
		err := c.Parse(der(0x30, elements, der(0xa3, der(0x30, row.list))))
		if row.ok && (err != nil || string(c.Elements) != "\x30\x00") {
			t.Errorf("%s: %x, %v", name, c.Elements, err)
		}
		if !row.ok {
			wantReason(t, name, err, status.ReasonMalformedToken)
			if c.Elements != nil {
				t.Errorf("%s: %x", name, c.Elements)
			}
		}
	}
}

// TestAD_3_IndicatorList checks the list of an AD-AUTHENTICATION-INDICATOR: one SEQUENCE, with
// nothing behind it.
func TestAD_3_IndicatorList(t *testing.T) {
	otp := der(12, []byte("otp"))
	if got, err := krb5.AppendIndicators([]string{"pkinit"}, der(0x30, otp)); err != nil || len(got) != 2 || got[1] != "otp" {
		t.Errorf("%q, %v", got, err)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "a SET": der(0x31, otp), "a byte behind": append(der(0x30, otp), 0), "cut": der(0x30, otp)[:4], "a string": otp,
	} {
		got, err := krb5.AppendIndicators(nil, b)
		wantReason(t, name, err, status.ReasonMalformedToken)
		if len(got) != 0 {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestPARSE_10_LongKDCReq checks the limit of an AS-REQ's length.
func TestPARSE_10_LongKDCReq(t *testing.T) {
	var sample krb5.KDCReq
	if err := sample.Parse(asReq()); err != nil {
		t.Fatal(err)
	}
	request := func(length int) []byte {
		for pad := length; ; pad-- {
			padata := der(0xa3, der(0x30, der(0x30, der(0xa1, derInt(133)), der(0xa2, der(4, make([]byte, pad))))))
			b := der(0x6a, der(0x30, der(0xa1, derInt(5)), der(0xa2, derInt(10)), padata, der(0xa4, sample.Body)))
			if len(b) < length {
				t.Fatalf("no AS-REQ has %d bytes", length)
			} else if len(b) == length {
				return b
			}
		}
	}
	if err := new(krb5.KDCReq).Parse(request(krb5.MaxKDCReq)); err != nil {
		t.Error(err)
	}
	wantReason(t, "a byte more", new(krb5.KDCReq).Parse(request(krb5.MaxKDCReq+1)), status.ReasonMalformedToken)
}
