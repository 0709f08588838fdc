package etype

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"runtime"
	"testing"
)

// TestHashState_Offset compares the chaining value at stateOffset of a marshaled new hash
// with the initial value of its standard (RFC 1321, Section 3.3; FIPS 180-4, Section 5.3),
// and replaces it by the value after one block. Package hash promises no layout, so each
// Go version that runs the tests must show that load writes to the right bytes.
func TestHashState_Offset(t *testing.T) {
	initial := map[*hashing][]byte{
		md5Hashing:    words(uint32(0x67452301), 0xefcdab89, 0x98badcfe, 0x10325476),
		sha1Hashing:   words(uint32(0x67452301), 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0),
		sha256Hashing: words(uint32(0x6a09e667), 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19),
		sha384Hashing: words(uint64(0xcbbb9d5dc1059ed8), 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939, 0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4),
	}
	for h, want := range initial {
		if h.stateLen != len(want) {
			t.Errorf("a chaining value has %d bytes, the table %d", len(want), h.stateLen)
		}
		s := h.get()
		s.digest.Reset()
		empty := s.save(nil)
		if got := empty[stateOffset:][:len(want)]; !bytes.Equal(got, want) {
			t.Errorf("%s, hash with blocks of %d bytes: state %x at offset %d, want %x", runtime.Version(), h.blockLen, got, stateOffset, want)
		}
		// load must continue from any chaining value as the hash itself does.
		block := bytes.Repeat([]byte("b"), h.blockLen)
		s.digest.Reset()
		s.write(block)
		var state [maxStateLen]byte
		copy(state[:], s.save(nil)[stateOffset:][:h.stateLen])
		s.digest.Reset()
		s.load(&state)
		s.write([]byte("rest"))
		if got, want := s.digest.Sum(nil), sumOf(h, append(block, "rest"...)); !bytes.Equal(got, want) {
			t.Errorf("%s, hash with blocks of %d bytes: %x from a loaded state, want %x", runtime.Version(), h.blockLen, got, want)
		}
		s.put()
	}
}

// words returns words in big-endian byte order, in which the standard library marshals
// them for every hash.
func words[T uint32 | uint64](w ...T) []byte {
	var b []byte
	for _, v := range w {
		b, _ = binary.Append(b, binary.BigEndian, v)
	}
	return b
}

func sumOf(h *hashing, text []byte) []byte {
	switch h {
	case md5Hashing:
		sum := md5.Sum(text)
		return sum[:]
	case sha1Hashing:
		sum := sha1.Sum(text)
		return sum[:]
	case sha256Hashing:
		sum := sha256.Sum256(text)
		return sum[:]
	}
	sum := sha512.Sum384(text)
	return sum[:]
}
