package etype_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"math/rand/v2"
	"testing"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/crypto/common"
	"github.com/jcmturner/gokrb5/v8/crypto/rfc3961"
	"github.com/jcmturner/gokrb5/v8/crypto/rfc4757"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
)

// These tests compare every operation with gokrb5's, for random keys and texts.

// source returns random bytes, the same in every run.
type source struct{ *rand.ChaCha8 }

func newSource(seed byte) source { return source{rand.NewChaCha8([32]byte{seed})} }

func (s source) bytes(n int) []byte {
	b := make([]byte, n)
	_, _ = s.Read(b)
	return b
}

func (s source) below(n int) int { return int(s.Uint64() % uint64(n)) }

// usage returns a key usage of RFC 4120, Section 7.5.1, or RFC 4121, Section 2, or any
// number.
func (s source) usage() uint32 {
	if s.below(2) == 0 {
		return uint32(s.below(2048))
	}
	return uint32(1 + s.below(25))
}

// usageOf returns a usage that gokrb5 maps correctly for RC4. For 9 gokrb5 has the number
// of RFC 4757, Section 3, and not that of Windows. Above 127 it has none.
func (s source) usageOf(id etype.ID) uint32 {
	u := s.usage()
	for id == etype.RC4 && (u == 9 || u > 127) {
		u = s.usage()
	}
	return u
}

// keys returns a random key as a Key of this package and as a key of gokrb5.
func (s source) keys(t *testing.T, id etype.ID) (*etype.Key, types.EncryptionKey) {
	t.Helper()
	b := s.bytes(krbtest.KeyLen(keytab.EType(id)))
	k, err := etype.New(id, b)
	if err != nil {
		t.Fatal(err)
	}
	return k, types.EncryptionKey{KeyType: int32(id), KeyValue: b}
}

// eachID calls f several times for each type.
func eachID(t *testing.T, seed byte, f func(t *testing.T, s source, id etype.ID)) {
	for _, id := range []etype.ID{etype.AES128SHA1, etype.AES256SHA1, etype.AES128SHA2, etype.AES256SHA2, etype.RC4} {
		t.Run(id.String(), func(t *testing.T) { f(t, newSource(seed+byte(id)), id) })
	}
}

func wantSame(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %x, gokrb5 has %x", what, got, want)
	}
}

func TestGokrb5_Encryption(t *testing.T) {
	eachID(t, 0, func(t *testing.T, s source, id etype.ID) {
		for n := range 204 {
			k, theirs := s.keys(t, id)
			usage := s.usageOf(id)
			if n%2 == 1 {
				k.Prepare(usage)
			}
			if n > 200 {
				n = 1 << 16 / (n - 200) // some long texts, with and without a partial block
			}
			plaintext, confounder := s.bytes(n), s.bytes(k.Profile().ConfounderLen)
			what := fmt.Sprintf("usage %d, %d bytes", usage, n)
			want := krbtest.Encrypt(bytes.NewReader(confounder), theirs, usage, plaintext)
			got, err := k.Encrypt(nil, confounder, plaintext, usage)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, what, got, want)
			back, err := k.Decrypt(nil, want, usage)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			wantSame(t, what, back, plaintext)
			back, err = krbtest.Decrypt(theirs, usage, got)
			if err != nil {
				t.Fatalf("%s: gokrb5 does not open it: %v", what, err)
			}
			wantSame(t, what, plaintext, back)
		}
	})
}

// TestGokrb5_Refusals checks that both packages refuse the same altered ciphertexts.
func TestGokrb5_Refusals(t *testing.T) {
	eachID(t, 50, func(t *testing.T, s source, id etype.ID) {
		for i := range 400 {
			k, theirs := s.keys(t, id)
			usage := s.usageOf(id)
			b := krbtest.Encrypt(s, theirs, usage, s.bytes(s.below(60)))
			switch i % 4 {
			case 0: // unchanged
			case 1:
				b[s.below(len(b))] ^= byte(1 << s.below(8))
			case 2:
				b = b[:s.below(len(b))]
			case 3:
				usage ^= 64
			}
			got, gotErr := k.Decrypt(nil, b, usage)
			want, err := krbtest.Decrypt(theirs, usage, b)
			if (gotErr == nil) != (err == nil) || (gotErr == nil) != (i%4 == 0) {
				t.Errorf("case %d: etype %v, gokrb5 %v", i%4, gotErr, err)
			}
			if gotErr == nil {
				wantSame(t, "plaintext", got, want)
			}
		}
	})
}

func TestGokrb5_Checksum(t *testing.T) {
	eachID(t, 100, func(t *testing.T, s source, id etype.ID) {
		for n := range 201 {
			k, theirs := s.keys(t, id)
			usage, text := s.usageOf(id), s.bytes(n)
			if n%2 == 1 {
				k.Prepare(usage)
			}
			want := krbtest.Checksum(theirs, usage, text)
			if want.CksumType != k.Profile().ChecksumType {
				t.Errorf("checksum type %d, gokrb5 has %d", k.Profile().ChecksumType, want.CksumType)
			}
			got, err := k.Checksum(nil, text, usage)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, fmt.Sprintf("usage %d, %d bytes", usage, n), got, want.Checksum)
			if !k.VerifyChecksum(want.Checksum, text, usage) {
				t.Errorf("usage %d, %d bytes: gokrb5's checksum is refused", usage, n)
			}
		}
	})
}

// TestGokrb5_SignOnly computes the checksum over segments with gokrb5's Ki and the standard
// library's HMAC: over the whole plaintext in types 17 and 18 (RFC 3961, Section 5.3) and
// 23 (RFC 4757, Section 5), and over a zero vector and the whole ciphertext in types 19 and
// 20 (RFC 8009, Section 5).
func TestGokrb5_SignOnly(t *testing.T) {
	hashes := map[etype.ID]func() hash.Hash{
		etype.AES128SHA1: sha1.New, etype.AES256SHA1: sha1.New, etype.AES128SHA2: sha256.New, etype.AES256SHA2: sha512.New384, etype.RC4: md5.New,
	}
	eachID(t, 150, func(t *testing.T, s source, id etype.ID) {
		et, err := crypto.GetEtype(int32(id))
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			k, theirs := s.keys(t, id)
			usage := s.usageOf(id)
			u, err := k.Usage(usage)
			if err != nil {
				t.Fatal(err)
			}
			segs := []etype.Segment{
				{B: s.bytes(s.below(20)), SignOnly: true},
				{B: s.bytes(16 + s.below(40))},
				{B: s.bytes(s.below(20)), SignOnly: true},
				{B: s.bytes(s.below(40))},
			}
			before := bytes.Join([][]byte{segs[0].B, segs[1].B, segs[2].B, segs[3].B}, nil)
			mac := make([]byte, k.Profile().ChecksumLen)
			if err := u.Seal(segs, mac); err != nil {
				t.Fatal(err)
			}
			after := bytes.Join([][]byte{segs[0].B, segs[1].B, segs[2].B, segs[3].B}, nil)

			ki := rfc4757.HMAC(theirs.KeyValue, rfc4757.UsageToMSMsgType(usage))
			if id != etype.RC4 {
				if ki, err = et.DeriveKey(theirs.KeyValue, common.GetUsageKi(usage)); err != nil {
					t.Fatal(err)
				}
			}
			h := hmac.New(hashes[id], ki)
			if id == etype.AES128SHA2 || id == etype.AES256SHA2 {
				h.Write(make([]byte, 16))
				h.Write(after)
			} else {
				h.Write(before)
			}
			wantSame(t, fmt.Sprintf("usage %d", usage), mac, h.Sum(nil)[:len(mac)])
		}
	})
}

func TestGokrb5_StringToKey(t *testing.T) {
	eachID(t, 200, func(t *testing.T, s source, id etype.ID) {
		et, err := crypto.GetEtype(int32(id))
		if err != nil {
			t.Fatal(err)
		}
		check := func(password, salt string, iterations uint32, params string) {
			t.Helper()
			want, err := et.StringToKey(password, salt, params)
			if err != nil {
				t.Fatal(err)
			}
			got, err := etype.StringToKey(id, password, salt, iterations)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, fmt.Sprintf("%q %q %d", password, salt, iterations), got, want)
		}
		for range 40 {
			iterations := uint32(1 + s.below(50))
			if id == etype.RC4 { // gokrb5 derives RC4 keys correctly for ASCII only
				check(fmt.Sprintf("%x", s.bytes(s.below(200))), string(s.bytes(s.below(80))), iterations, "")
				continue
			}
			check(string(s.bytes(s.below(200))), string(s.bytes(s.below(80))), iterations, hex.EncodeToString([]byte{0, 0, 0, byte(iterations)}))
		}
		check("", "", 1, "00000001")
		check("password", "EXAMPLE.COMalice", 0, et.GetDefaultStringToKeyParams())
	})
}

// TestGokrb5_Fold compares all possible constants of RFC 3961, of 1 to 8 bytes.
func TestGokrb5_Fold(t *testing.T) {
	s := newSource(250)
	check := func(in []byte) {
		got := etype.Fold(in)
		wantSame(t, fmt.Sprintf("%x folded", in), got[:], rfc3961.Nfold(in, 128))
	}
	for n := 1; n <= 8; n++ {
		check(make([]byte, n))
		check(bytes.Repeat([]byte{0xff}, n))
		for bit := range 8 * n {
			b := make([]byte, n)
			b[bit/8] = 1 << (bit % 8)
			check(b)
		}
		for range 200 {
			check(s.bytes(n))
		}
	}
	check([]byte("kerberos"))
	check([]byte("prf"))
}

// TestChecksumOfForUser compares the checksum of PA-FOR-USER for keys of each type with gokrb5's.
func TestChecksumOfForUser(t *testing.T) {
	for _, id := range []etype.ID{17, 18, 19, 20, 23} {
		b := bytes.Repeat([]byte{7}, krbtest.KeyLen(keytab.EType(id)))
		k, err := etype.New(id, b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := k.HMACMD5([]byte("data"), etype.UsageForUser)
		if err != nil {
			t.Fatal(err)
		}
		want, err := rfc4757.Checksum(b, etype.UsageForUser, []byte("data"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%v: %x, want %x", id, got, want)
		}
	}
}
