package krbtest_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/spnego"

	"github.com/gosspi/kerberos/internal/krbtest"
)

const service = "HTTP/www.example.com"

func request() *krbtest.APReq {
	return krbtest.NewRealm("EXAMPLE.COM").Ticket("alice", service).APReq()
}

// TestNegTokenInit_ReadByGokrb5 checks that gokrb5 parses a first token to the values that
// the test encoded.
func TestNegTokenInit_ReadByGokrb5(t *testing.T) {
	n := request().Start().Negotiate()
	n.Mechanisms = [][]byte{krbtest.OIDKerberos, krbtest.OIDNTLM, krbtest.OIDNegoEx, krbtest.OIDIAKERB, krbtest.OIDOther, krbtest.OIDUser2User}
	n.EditInit = func(i *krbtest.NegTokenInit) {
		i.ReqFlags = &asn1.BitString{Bytes: []byte{0x36}, BitLength: 7}
		i.MIC = []byte("a signature")
	}
	token, done, err := n.Next(nil)
	if err != nil || done {
		t.Fatal(done, err)
	}
	var s spnego.SPNEGOToken
	if err := s.Unmarshal(token); err != nil || !s.Init || s.Resp {
		t.Fatalf("%+v, %v", s, err)
	}
	got := s.NegTokenInit
	names := make([]string, 0, len(got.MechTypes))
	for _, m := range got.MechTypes {
		names = append(names, m.String())
	}
	want := []string{
		"1.2.840.113554.1.2.2", "1.3.6.1.4.1.311.2.2.10", "1.3.6.1.4.1.311.2.2.30", "1.3.6.1.5.2.5",
		"1.3.6.1.4.1.32473.1", "1.2.840.113554.1.2.2.3",
	}
	if !slices.Equal(names, want) {
		t.Errorf("mechanisms %v", names)
	}
	if got.ReqFlags.BitLength != 7 || string(got.MechListMIC) != "a signature" {
		t.Errorf("flags %v, MIC %q", got.ReqFlags, got.MechListMIC)
	}
	var inner spnego.KRB5Token
	if err := inner.Unmarshal(got.MechTokenBytes); err != nil || !inner.IsAPReq() {
		t.Errorf("the token in it: %v", err)
	}
}

// TestNegTokenResp_ReadByGokrb5 checks the same for later tokens, and the parsing of
// gokrb5's encoding.
func TestNegTokenResp_ReadByGokrb5(t *testing.T) {
	for name, row := range map[string]krbtest.NegTokenResp{
		"all":    {State: krbtest.NegRequestMIC, Mechanism: krbtest.OIDMSKerberos, Token: []byte("token"), MIC: []byte("MIC")},
		"token":  {State: krbtest.NegIncomplete, Token: bytes.Repeat([]byte("t"), 70_000)},
		"state":  {State: krbtest.NegCompleted},
		"reject": {State: krbtest.NegReject},
	} {
		b := row.Bytes()
		var got spnego.NegTokenResp
		if err := got.Unmarshal(b); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if int(got.State()) != int(row.State) || !bytes.Equal(got.ResponseToken, row.Token) || !bytes.Equal(got.MechListMIC, row.MIC) {
			t.Errorf("%s: %+v", name, got)
		}
		if row.Mechanism != nil && !got.SupportedMech.Equal(gssapi.OIDMSLegacyKRB5.OID()) {
			t.Errorf("%s: mechanism %v", name, got.SupportedMech)
		}
		again, err := got.Marshal()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: gokrb5 makes %x of %x, %v", name, again, b, err)
		}
		back, err := krbtest.ParseNegTokenResp(b)
		if err != nil || !bytes.Equal(back.Bytes(), b) {
			t.Errorf("%s: %+v, %v", name, back, err)
		}
	}
}

// TestNegTokenResp_AsOnTheWire checks MIT's last token in DCE style.
func TestNegTokenResp_AsOnTheWire(t *testing.T) {
	want := []byte{0xa1, 0x07, 0x30, 0x05, 0xa0, 0x03, 0x0a, 0x01, 0x00}
	if got := (&krbtest.NegTokenResp{State: krbtest.NegCompleted}).Bytes(); !bytes.Equal(got, want) {
		t.Errorf("%x", got)
	}
}

// TestNegTokenResp_Strict checks that every other encoding of a token is refused.
func TestNegTokenResp_Strict(t *testing.T) {
	whole := (&krbtest.NegTokenResp{State: krbtest.NegIncomplete, Mechanism: krbtest.OIDKerberos, Token: []byte("token"), MIC: []byte{}}).Bytes()
	for n := range whole {
		if r, err := krbtest.ParseNegTokenResp(whole[:n]); err == nil {
			t.Errorf("cut to %d bytes: %+v", n, r)
		}
	}
	for name, b := range map[string][]byte{
		"bytes behind it":  append(bytes.Clone(whole), 0),
		"an unknown field": (&krbtest.NegTokenResp{More: []byte{0xa4, 0x02, 0x05, 0x00}}).Bytes(),
		"a state of 4":     (&krbtest.NegTokenResp{State: 4}).Bytes(),
		"a state of -2":    (&krbtest.NegTokenResp{State: -2}).Bytes(),
		"a NegTokenInit":   (&krbtest.NegTokenInit{Mechanisms: [][]byte{krbtest.OIDKerberos}, Bare: true}).Bytes(),
		"a long length":    {0xa1, 0x81, 0x07, 0x30, 0x05, 0xa0, 0x03, 0x0a, 0x01, 0x00},
		"a field twice":    {0xa1, 0x0c, 0x30, 0x0a, 0xa0, 0x03, 0x0a, 0x01, 0x00, 0xa0, 0x03, 0x0a, 0x01, 0x00},
	} {
		if r, err := krbtest.ParseNegTokenResp(b); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestNegTokenInit2 checks that the hints have the tag of the MIC, which then has the next
// tag.
func TestNegTokenInit2(t *testing.T) {
	i := &krbtest.NegTokenInit{
		Mechanisms: [][]byte{krbtest.OIDKerberos}, Hints: []byte("x"), MIC: []byte("m"), More: []byte{0xa5, 0x00}, Bare: true,
	}
	want := []byte("\xa0\x21\x30\x1f\xa0\x0d\x30\x0b\x06\x09" + string(krbtest.OIDKerberos) +
		"\xa3\x07\x30\x05\xa0\x03\x1b\x01x" + "\xa4\x03\x04\x01m" + "\xa5\x00")
	if got := i.Bytes(); !bytes.Equal(got, want) {
		t.Errorf("%x\nwant %x", got, want)
	}
}

// TestFragments checks that the fragments together are the token.
func TestFragments(t *testing.T) {
	token := []byte("0123456789")
	for n, want := range map[int]int{1: 1, 2: 2, 3: 3, 10: 10, 11: 10} {
		parts := krbtest.Fragments(token, n)
		if len(parts) != want || !bytes.Equal(slices.Concat(parts...), token) {
			t.Errorf("%d: %q", n, parts)
		}
	}
}
