package filereplay

import (
	"encoding/binary"
	"math/bits"
)

// hash returns SipHash-2-4 of a tag. The two words of the key are those of the seed,
// little-endian (Aumasson and Bernstein, SipHash: a fast short-input PRF, Section 2).
func hash(seed [seedLen]byte, tag [tagLen]byte) uint64 {
	k0, k1 := binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:])
	s := sip{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573}
	s.word(binary.LittleEndian.Uint64(tag[:8]))
	// The last word has the bytes that are left, and the length in its highest byte.
	s.word(uint64(binary.LittleEndian.Uint32(tag[8:])) | tagLen<<56)
	s[2] ^= 0xff
	for range 4 {
		s.round()
	}
	return s[0] ^ s[1] ^ s[2] ^ s[3]
}

// sip is the state v0 to v3.
type sip [4]uint64

// word adds a word of the message.
func (s *sip) word(m uint64) {
	s[3] ^= m
	s.round()
	s.round()
	s[0] ^= m
}

func (s *sip) round() {
	s[0] += s[1]
	s[2] += s[3]
	s[1] = bits.RotateLeft64(s[1], 13) ^ s[0]
	s[3] = bits.RotateLeft64(s[3], 16) ^ s[2]
	s[0] = bits.RotateLeft64(s[0], 32)
	s[2] += s[1]
	s[0] += s[3]
	s[1] = bits.RotateLeft64(s[1], 17) ^ s[2]
	s[3] = bits.RotateLeft64(s[3], 21) ^ s[0]
	s[2] = bits.RotateLeft64(s[2], 32)
}
