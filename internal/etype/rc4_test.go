package etype

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/gosspi/kerberos/status"
)

// TestArcfour_StringToKey checks keys from passwords, which Windows calls NT hashes. The
// first row is from RFC 4757, the last was made with iconv and OpenSSL.
func TestArcfour_StringToKey(t *testing.T) {
	for password, want := range map[string]string{
		"foo":      "ac8e657f83df82beea5d43bdaf7800cc",
		"password": "8846f7eaee8fb117ad06bdd830b7586c",
		"":         "31d6cfe0d16ae931b73c59d7e0c089c0",
		"grüße𝄞":   "f9db988a6cd27f3e978ce67c4f0c8c35",
	} {
		for _, iterations := range []uint32{0, 4096} {
			got, err := StringToKey(RC4, password, "a salt", iterations)
			if err != nil || hex.EncodeToString(got) != want {
				t.Errorf("%q: %x, %v, want %s", password, got, err, want)
			}
		}
	}
	k, err := StringToKey(RC4, "caf\xe9", "", 0)
	wantReason(t, "Latin-1", err, status.ReasonArgument)
	if k != nil {
		t.Error("a key beside an error")
	}
}

// TestArcfour_MessageTypes checks the usages of RFC 4757, Section 3. If two usages have the
// same number, a ciphertext for one opens for the other, and for no further usage.
func TestArcfour_MessageTypes(t *testing.T) {
	k := newKey(t, RC4, 1)
	number := func(usage uint32) uint32 {
		if n, ok := map[uint32]uint32{3: 8, 23: 13}[usage]; ok {
			return n
		}
		return usage
	}
	for a := range uint32(40) {
		c := encrypt(t, k, []byte("text"), a)
		for b := range uint32(40) {
			_, err := k.Decrypt(nil, c, b)
			if want := number(a) == number(b); (err == nil) != want {
				t.Errorf("from usage %d to %d: %v", a, b, err)
			}
		}
	}
}

// TestArcfour_NoPRF checks that PRF returns an error, because RFC 4757 does not define one.
func TestArcfour_NoPRF(t *testing.T) {
	out, err := newKey(t, RC4, 1).PRF([]byte("dst"), []byte("text"))
	wantReason(t, "PRF", err, status.ReasonETypeRefused)
	if string(out) != "dst" {
		t.Errorf("dst is %q", out)
	}
}

// TestMessageCipher checks that only RC4 has message ciphers, that the number and the
// content have different keys, and that all keys are wiped. Package message tests the
// tokens of RFC 4757.
func TestMessageCipher(t *testing.T) {
	for _, id := range allIDs {
		c, err := newKey(t, id, 1).MessageCipher()
		if id != RC4 {
			wantReason(t, id.String(), err, status.ReasonArgument)
			if c != nil {
				t.Errorf("%v: a cipher beside an error", id)
			}
		} else if err != nil {
			t.Error(err)
		}
	}
	_, err := new(Key).MessageCipher()
	wantReason(t, "no key", err, status.ReasonArgument)

	c, err := newKey(t, RC4, 1).MessageCipher()
	if err != nil {
		t.Fatal(err)
	}
	streams := make(map[string]string)
	stream := func(what string, f func(b []byte)) {
		b := make([]byte, 40)
		f(b)
		if other, ok := streams[string(b)]; ok {
			t.Errorf("%s and %s: one keystream", what, other)
		}
		streams[string(b)] = what
		again := make([]byte, 40)
		f(again)
		wantBytes(t, what, again, b)
	}
	label := []byte{0, 0, 0, 7}
	stream("number", func(b []byte) { c.Number(b, label) })
	for _, n := range []uint32{0, 7, 1 << 24, 1<<32 - 1} {
		stream(fmt.Sprint("content ", n), func(b []byte) { c.Content(n, []Segment{{B: b}}) })
	}
	whole, parts := make([]byte, 40), make([]byte, 44)
	c.Content(7, []Segment{{B: whole}})
	c.Content(7, []Segment{{B: parts[:9]}, {B: parts[9:13], SignOnly: true}, {}, {B: parts[13:]}})
	wantBytes(t, "in parts", append(parts[:9:9], parts[13:]...), whole)
	wantBytes(t, "only signed", parts[9:13], make([]byte, 4))

	keys := *c.secret
	c.Wipe()
	if *keys != (messageKeys{}) {
		t.Error("keys remain")
	}
}
