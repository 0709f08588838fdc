package etype

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/status"
)

func newUsage(t testing.TB, k *Key, usage uint32) *Usage {
	t.Helper()
	u, err := k.Usage(usage)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// pieces splits a copy of b at the ends, and adds an empty segment before and after each
// piece. Each piece has its own memory of the exact length.
func pieces(b []byte, ends ...int) []Segment {
	segs := []Segment{{}, {SignOnly: true}}
	from := 0
	for _, end := range append(ends, len(b)) {
		segs = append(segs, Segment{B: slices.Clip(bytes.Clone(b[from:end]))}, Segment{}, Segment{SignOnly: true})
		from = end
	}
	return segs
}

func confidential(segs []Segment) []byte {
	var b []byte
	for _, s := range segs {
		if !s.SignOnly {
			b = append(b, s.B...)
		}
	}
	return b
}

// TestUsage_EverySplit checks that a text in several segments is sealed and opened as in
// one. The tests of Encrypt compare the result for one segment with the vectors and with
// gokrb5.
func TestUsage_EverySplit(t *testing.T) {
	eachType(t, func(t *testing.T, k *Key) {
		u := newUsage(t, k, 2)
		confounder := randomBytes(99, k.profile.ConfounderLen)
		for _, n := range []int{0, 1, 15, 16, 17, 31, 32, 33, 40, 65} {
			plaintext := randomBytes(uint64(n), n)
			text := append(bytes.Clone(confounder), plaintext...)
			sealed := encrypt(t, k, plaintext, 2)
			want, wantMAC := k.profile.split(sealed)
			check := func(ends ...int) {
				segs, mac := pieces(text, ends...), make([]byte, len(wantMAC))
				if err := u.Seal(segs, mac); err != nil {
					t.Fatal(err)
				}
				if got := confidential(segs); !bytes.Equal(got, want) || !bytes.Equal(mac, wantMAC) {
					t.Errorf("%d bytes cut at %v: sealed %x %x, want %x %x", n, ends, got, mac, want, wantMAC)
				}
				if err := u.Open(segs, mac); err != nil {
					t.Errorf("%d bytes cut at %v: %v", n, ends, err)
				}
				if got := confidential(segs); !bytes.Equal(got, text) {
					t.Errorf("%d bytes cut at %v: opened %x, want %x", n, ends, got, text)
				}
			}
			check()
			for a := range len(text) + 1 {
				check(a)
				for b := a; b <= len(text); b++ {
					check(a, b)
				}
			}
			ends := make([]int, len(text))
			for i := range ends {
				ends[i] = i
			}
			check(ends...) // each byte is a segment
		}
	})
}

// TestUsage_SignOnly checks that bytes that are only signed stay unchanged, are covered by
// the checksum at their position, and are not part of the ciphertext.
func TestUsage_SignOnly(t *testing.T) {
	eachType(t, func(t *testing.T, k *Key) {
		u := newUsage(t, k, 2)
		text := randomBytes(3, 16+45)
		plain := pieces(text)
		mac := make([]byte, k.Profile().ChecksumLen)
		if err := u.Seal(plain, mac); err != nil {
			t.Fatal(err)
		}
		ciphertext, signOnly := confidential(plain), []byte("only signed")
		seen := map[string]int{string(mac): -1}
		for at := range len(text) + 1 {
			segs := []Segment{{B: bytes.Clone(text[:at])}, {B: bytes.Clone(signOnly), SignOnly: true}, {B: bytes.Clone(text[at:])}}
			if err := u.Seal(segs, mac); err != nil {
				t.Fatal(err)
			}
			if k.profile.construction != rc4HMAC { // the keystream of RC4 depends on the checksum
				wantBytes(t, "ciphertext", confidential(segs), ciphertext)
			}
			wantBytes(t, "signed", segs[1].B, signOnly)
			if other, ok := seen[string(mac)]; ok {
				t.Errorf("signed bytes at %d and at %d: one checksum", at, other)
			}
			seen[string(mac)] = at
			bad := clone(segs)
			bad[1].B[0] ^= 1
			wantAltered(t, u, bad, mac)
			if err := u.Open(segs, mac); err != nil {
				t.Errorf("signed bytes at %d: %v", at, err)
			}
			wantBytes(t, "plaintext", confidential(segs), text)
		}
	})
}

func clone(segs []Segment) []Segment {
	out := slices.Clone(segs)
	for i := range out {
		out[i].B = slices.Clip(bytes.Clone(out[i].B))
	}
	return out
}

func wantAltered(t *testing.T, u *Usage, segs []Segment, mac []byte) {
	t.Helper()
	before := clone(segs)
	err := u.Open(segs, mac)
	wantReason(t, "Open", err, status.ReasonMessageAltered)
	if err != nil && err.Error() != errAltered().Error() {
		t.Errorf("Open tells what was wrong: %v", err)
	}
	for i, s := range segs {
		want := make([]byte, len(s.B))
		if s.SignOnly {
			want = before[i].B
		}
		wantBytes(t, fmt.Sprintf("segment %d", i), s.B, want)
	}
}

// TestMSG_11_Open checks that every failure has the same error, and leaves zeros.
func TestMSG_11_Open(t *testing.T) {
	eachType(t, func(t *testing.T, k *Key) {
		u := newUsage(t, k, 2)
		segs := []Segment{{B: []byte("signed"), SignOnly: true}, {B: randomBytes(4, 20)}, {B: []byte("signed too"), SignOnly: true}, {B: randomBytes(5, 13)}}
		mac := make([]byte, k.Profile().ChecksumLen)
		if err := u.Seal(segs, mac); err != nil {
			t.Fatal(err)
		}
		for i := range segs {
			for bit := range 8 * len(segs[i].B) {
				bad := clone(segs)
				bad[i].B[bit/8] ^= 1 << (bit % 8)
				wantAltered(t, u, bad, mac)
			}
		}
		for bit := range 8 * len(mac) {
			bad := bytes.Clone(mac)
			bad[bit/8] ^= 1 << (bit % 8)
			wantAltered(t, u, clone(segs), bad)
		}
		for _, bad := range [][]byte{nil, mac[:len(mac)-1], append(bytes.Clone(mac), 0), make([]byte, len(mac))} {
			wantAltered(t, u, clone(segs), bad)
		}
		for n := range k.profile.ConfounderLen {
			wantAltered(t, u, []Segment{{B: randomBytes(6, n)}, {B: []byte("signed, as long as one likes"), SignOnly: true}}, mac)
		}
		wantAltered(t, u, nil, mac)
		wantAltered(t, newUsage(t, k, 3), clone(segs), mac)
		wantAltered(t, newUsage(t, newKey(t, k.Profile().ID, 2), 2), clone(segs), mac)
		swapped := clone(segs)
		swapped[0], swapped[2] = swapped[2], swapped[0]
		wantAltered(t, u, swapped, mac)
		if err := u.Open(clone(segs), mac); err != nil {
			t.Error(err)
		}
	})
}

func TestUsage_SealArguments(t *testing.T) {
	eachType(t, func(t *testing.T, k *Key) {
		u := newUsage(t, k, 2)
		n, short := k.Profile().ChecksumLen, k.profile.ConfounderLen-1
		for _, c := range []struct {
			what      string
			text, mac int
		}{{"no room for the confounder", short, n}, {"no text", 0, n}, {"no mac", 16, 0}, {"a short mac", 16, n - 1}, {"a long mac", 16, n + 1}} {
			text, mac := randomBytes(1, c.text), randomBytes(2, c.mac)
			segs := []Segment{{B: []byte("signed, as long as one likes"), SignOnly: true}, {B: text}}
			wantReason(t, c.what, u.Seal(segs, mac), status.ReasonInternal)
			wantBytes(t, c.what+": text", text, randomBytes(1, c.text))
			wantBytes(t, c.what+": mac", mac, randomBytes(2, c.mac))
		}
	})
}

// TestUsage_Parts checks that the checksum of parts is equal to that of the whole.
func TestUsage_Parts(t *testing.T) {
	eachType(t, func(t *testing.T, k *Key) {
		u := newUsage(t, k, 2)
		text := randomBytes(8, 150)
		want, err := k.Checksum(nil, text, 2)
		if err != nil {
			t.Fatal(err)
		}
		for a := range len(text) + 1 {
			for b := a; b <= len(text); b += 13 {
				parts := [][]byte{text[:a], nil, text[a:b], text[b:], {}}
				if got := u.Sum(nil, parts...); !bytes.Equal(got, want) {
					t.Fatalf("cut at %d and %d: %x, want %x", a, b, got, want)
				}
				if !u.Verify(want, parts...) {
					t.Fatalf("cut at %d and %d: refused", a, b)
				}
			}
		}
		for name, bad := range map[string][]byte{"short": want[:len(want)-1], "long": append(bytes.Clone(want), 0), "nil": nil} {
			if u.Verify(bad, text) {
				t.Errorf("a %s checksum is accepted", name)
			}
		}
		if u.Verify(want, text[1:], text[:1]) || u.Verify(want) {
			t.Error("a checksum of other bytes is accepted")
		}
	})
}
