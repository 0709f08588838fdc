package etype

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

const blockLen = aes.BlockSize

// Segment is one piece of a message that is not contiguous in memory.
type Segment struct {
	B        []byte
	SignOnly bool // covered by the checksum, but not encrypted
}

// cursor walks over the confidential bytes of segments as if they were one
// string.
type cursor struct {
	segs []Segment
	off  int // offset in the first of segs
}

// run returns the next contiguous bytes. The caller ensures that bytes are left.
func (c *cursor) run() []byte {
	for {
		if s := &c.segs[0]; !s.SignOnly && c.off < len(s.B) {
			return s.B[c.off:]
		}
		c.segs, c.off = c.segs[1:], 0
	}
}

// peek copies the next bytes to dst without moving the cursor.
func (c cursor) peek(dst []byte) {
	for len(dst) > 0 {
		n := copy(dst, c.run())
		c.off += n
		dst = dst[n:]
	}
}

// replace overwrites the next bytes with src and moves the cursor past them.
func (c *cursor) replace(src []byte) {
	for len(src) > 0 {
		n := copy(c.run(), src)
		c.off += n
		src = src[n:]
	}
}

// confidentialLen returns the number of bytes to encrypt or decrypt.
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

// split divides a text of n bytes, at least one block, for CBC with ciphertext stealing
// (RFC 3962, Section 5): body bytes in whole blocks, then a whole block and a last block
// of 1 to 16 bytes, short, which are swapped. A text of a single block is not swapped.
func split(n int) (body, short int) {
	if n == blockLen {
		return n, 0
	}
	short = (n-1)%blockLen + 1
	return n - blockLen - short, short
}

// vector is the CBC chaining block, as two words in the byte order of the machine. Every
// message starts with the zero vector.
type vector struct{ a, b uint64 }

// encrypt encrypts the n confidential bytes, at least one block, in place.
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
		// A block that spans several segments.
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

// decrypt decrypts the output of encrypt in place.
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
	// The first of the two swapped blocks is the encryption of the last plaintext block
	// padded with zeros. Its decryption, combined with the short block, yields the last
	// plaintext bytes, followed by the bytes stolen from the previous ciphertext block.
	c.peek(s.tail[:blockLen+short])
	first, last := s.tail[:blockLen], s.tail[blockLen:]
	block.Decrypt(first, first)
	for i := range short {
		first[i], last[i] = last[i], first[i]^last[i]
	}
	decryptBlocks(block, first, &iv)
	c.replace(s.tail[:blockLen+short])
}

// encryptBlocks encrypts whole blocks in place with CBC and stores the next chaining
// block in iv.
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

// decryptBlocks decrypts the output of encryptBlocks in place. It is faster than the CBC
// mode of crypto/cipher and does not allocate.
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
