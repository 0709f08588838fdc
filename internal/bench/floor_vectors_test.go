package bench

import (
	"bytes"
	"testing"

	"github.com/gosspi/kerberos/internal/vectors"
)

// The floor is a valid measure only if it computes the same values as an accept.

func TestFloor_NFoldVectors(t *testing.T) {
	rows := vectors.Load(t).NFold
	for _, r := range rows {
		if got := fold(vectors.Hex(t, r.Input), r.Bits/8); !bytes.Equal(got, vectors.Hex(t, r.Output)) {
			t.Errorf("fold of %s to %d bits is %x, want %s", r.Input, r.Bits, got, r.Output)
		}
	}
}

func TestFloor_CTSVectors(t *testing.T) {
	set := vectors.Load(t).AESCTS
	block, f := mustCipher(vectors.Hex(t, set.Key)), &floor{}
	for _, r := range set.Rows {
		plain, c := vectors.Hex(t, r.Plaintext), vectors.Hex(t, r.Ciphertext)
		if got := f.decryptCTS(nil, block, c); !bytes.Equal(got, plain) {
			t.Errorf("decrypt of %s is %x", r.Ciphertext, got)
		}
		f.encryptCTS(plain, block)
		if !bytes.Equal(plain, c) {
			t.Errorf("encrypt gives %x, want %s", plain, r.Ciphertext)
		}
	}
}

func TestFloor_DecryptVectors(t *testing.T) {
	tried := 0
	for _, r := range vectors.Load(t).Decrypt {
		if r.EType != 18 {
			continue
		}
		tried++
		base := mustCipher(vectors.Hex(t, r.Key))
		f := newFloor(make([]byte, keyLen), make([]byte, keyLen))
		var ke [keyLen]byte
		derive(&ke, base, foldUsage(r.Usage, 0xAA))
		derive(&f.derived, base, foldUsage(r.Usage, 0x55))
		c := vectors.Hex(t, r.Ciphertext)
		body, mac := c[:len(c)-macLen], c[len(c)-macLen:]
		if len(body) == confounderLen {
			continue // one block: plain CBC, which no ticket uses
		}
		got := f.decryptCTS(nil, mustCipher(ke[:]), body)
		if !bytes.Equal(got[confounderLen:], vectors.Hex(t, r.Plaintext)) {
			t.Errorf("usage %d: plaintext %x, want %s", r.Usage, got[confounderLen:], r.Plaintext)
		}
		kept := newMidstates(f.derived[:])
		if !bytes.Equal(f.macOnce(got), mac) || !bytes.Equal(f.macKept(&kept, got), mac) {
			t.Errorf("usage %d: the checksum differs", r.Usage)
		}
	}
	if tried != 5 {
		t.Errorf("%d rows, want 5", tried)
	}
}

// TestFloor_Refuses checks that the floor verifies both checksums.
func TestFloor_Refuses(t *testing.T) {
	f, pairs := syntheticFloor(1)
	if _, err := f.accept(pairs[0]); err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{pairs[0].ticket, pairs[0].authenticator} {
		b[len(b)/2] ^= 1
		if _, err := f.accept(pairs[0]); err == nil {
			t.Error("an altered ciphertext is accepted")
		}
		b[len(b)/2] ^= 1
	}
}
