package etype

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

const blockLen = aes.BlockSize

// Segment is a run of a message that lies in several pieces.
type Segment struct {
	B        []byte
	SignOnly bool // covered by the checksum, but not encrypted
}

// cursor walks over the confidential bytes of segments as if they were one
// string.
type cursor struct {
	segs []Segment
	off  int // in the first of segs
}

// run returns the bytes that follow without a gap. There must be some.
func (c *cursor) run() []byte {
	for {
		if s := &c.segs[0]; !s.SignOnly && c.off < len(s.B) {
			return s.B[c.off:]
		}
		c.segs, c.off = c.segs[1:], 0
	}
}

// peek copies the bytes that follow to dst.
func (c cursor) peek(dst []byte) {
	for len(dst) > 0 {
		n := copy(dst, c.run())
		c.off += n
		dst = dst[n:]
	}
}

// replace puts src in place of the bytes that follow, and moves behind them.
func (c *cursor) replace(src []byte) {
	for len(src) > 0 {
		n := copy(c.run(), src)
		c.off += n
		src = src[n:]
	}
}

// confidentialLen is the number of bytes to encrypt or decrypt.
func confidentialLen(segs []Segment) int {
	n := 0
	for i := range segs {
		if !segs[i].SignOnly {
			n += len(segs[i].B)
		}
	}
	return n
}

// wipe zeroes the confidential bytes.
func wipe(segs []Segment) {
	for i := range segs {
		if !segs[i].SignOnly {
			clear(segs[i].B)
		}
	}
}

// split divides a text of n bytes, at least a block, as CBC with ciphertext
// stealing does (RFC 3962, Section 5): body bytes in whole blocks, then a block
// and a last one of short bytes, 1 to 16, which change places. A single block
// has nothing to change places with.
func split(n int) (body, short int) {
	if n == blockLen {
		return n, 0
	}
	short = (n-1)%blockLen + 1
	return n - blockLen - short, short
}

// vector is the block that CBC adds next, as two words in the machine's own
// order. The zero vector is where every message starts.
type vector struct{ a, b uint64 }

// encrypt encrypts the confidential bytes, n of them and at least a block, in
// place.
func (s *scratch) encrypt(block cipher.Block, segs []Segment, n int) {
	c := cursor{segs: segs}
	body, short := split(n)
	var iv vector
	for body > 0 {
		run := c.run()
		if whole := min(len(run), body) &^ (blockLen - 1); whole > 0 {
			encryptBlocks(block, run[:whole], &iv)
			c.off += whole
			body -= whole
			continue
		}
		// A block in pieces.
		c.peek(s.tail[:blockLen])
		encryptBlocks(block, s.tail[:blockLen], &iv)
		c.replace(s.tail[:blockLen])
		body -= blockLen
	}
	if short == 0 {
		return
	}
	c.peek(s.tail[:blockLen+short])
	clear(s.tail[blockLen+short:])
	encryptBlocks(block, s.tail[:], &iv)
	c.replace(s.tail[blockLen:])
	c.replace(s.tail[:short])
}

// decrypt is the inverse of encrypt.
func (s *scratch) decrypt(block cipher.Block, segs []Segment, n int) {
	c := cursor{segs: segs}
	body, short := split(n)
	var iv vector
	for body > 0 {
		run := c.run()
		if whole := min(len(run), body) &^ (blockLen - 1); whole > 0 {
			decryptBlocks(block, run[:whole], &iv)
			c.off += whole
			body -= whole
			continue
		}
		c.peek(s.tail[:blockLen])
		decryptBlocks(block, s.tail[:blockLen], &iv)
		c.replace(s.tail[:blockLen])
		body -= blockLen
	}
	if short == 0 {
		return
	}
	// The first of the two is the last one's, padded with zeros: decrypted, it
	// yields the last plaintext under the short block, and behind it the bytes
	// that were stolen from the block before.
	c.peek(s.tail[:blockLen+short])
	first, last := s.tail[:blockLen], s.tail[blockLen:]
	block.Decrypt(first, first)
	for i := range short {
		first[i], last[i] = last[i], first[i]^last[i]
	}
	decryptBlocks(block, first, &iv)
	c.replace(s.tail[:blockLen+short])
}

// encryptBlocks is CBC in place over whole blocks. It leaves the next vector in
// iv.
func encryptBlocks(block cipher.Block, b []byte, iv *vector) {
	x, y := iv.a, iv.b
	for len(b) >= blockLen {
		p := b[:blockLen:blockLen]
		binary.NativeEndian.PutUint64(p, binary.NativeEndian.Uint64(p)^x)
		binary.NativeEndian.PutUint64(p[8:], binary.NativeEndian.Uint64(p[8:])^y)
		block.Encrypt(p, p)
		x, y = binary.NativeEndian.Uint64(p), binary.NativeEndian.Uint64(p[8:])
		b = b[blockLen:]
	}
	iv.a, iv.b = x, y
}

// decryptBlocks is the inverse of encryptBlocks. It is faster than what
// crypto/cipher has, and needs no allocation.
func decryptBlocks(block cipher.Block, b []byte, iv *vector) {
	x, y := iv.a, iv.b
	for len(b) >= blockLen {
		p := b[:blockLen:blockLen]
		cx, cy := binary.NativeEndian.Uint64(p), binary.NativeEndian.Uint64(p[8:])
		block.Decrypt(p, p)
		binary.NativeEndian.PutUint64(p, binary.NativeEndian.Uint64(p)^x)
		binary.NativeEndian.PutUint64(p[8:], binary.NativeEndian.Uint64(p[8:])^y)
		x, y = cx, cy
		b = b[blockLen:]
	}
	iv.a, iv.b = x, y
}
