package etype

import (
	"encoding/binary"
	"math/bits"
)

// fold computes the 128-fold of RFC 3961, Section 5.1 for an input of 1 to 8 bytes. The
// definition rotates each copy of the input right by 13 bits more than the previous copy,
// concatenates the copies up to a multiple of 128 bits, and adds the 128-bit parts in
// ones' complement.
//
// In ones' complement, that is modulo 2^128 - 1, a shift is a rotation. fold therefore
// rotates each copy separately and adds it, without building the long string and without
// propagating carries.
func fold(dst *[16]byte, in []byte) {
	var v uint64
	for _, b := range in {
		v = v<<8 | uint64(b)
	}
	width := uint(8 * len(in))
	mask := ^uint64(0) >> (64 - width)
	copies := 128 / (width & -width) // least common multiple of 128 and width, by width
	var hi, lo uint64
	for i := range copies {
		r := 13 * i % width
		h, l := rotate128((v>>r|v<<(width-r))&mask, -width*(i+1)%128)
		var carry uint64
		lo, carry = bits.Add64(lo, l, 0)
		hi, carry = bits.Add64(hi, h, carry)
		lo, carry = bits.Add64(lo, 0, carry)
		hi += carry
	}
	binary.BigEndian.PutUint64(dst[:8], hi)
	binary.BigEndian.PutUint64(dst[8:], lo)
}

// rotate128 rotates the 128-bit number v left by n, below 128.
func rotate128(v uint64, n uint) (hi, lo uint64) {
	if n >= 64 {
		n -= 64
		return v << n, v >> (64 - n)
	}
	return v >> (64 - n), v << n
}
