// Package xpress decompresses LZ77+Huffman data ([MS-XCA], Section 2.2), the compression
// of claims in a PAC (COMPRESSION_FORMAT_XPRESS_HUFF, [MS-ADTS], Section 2.2.18.4).
package xpress

import (
	"encoding/binary"
	"errors"
)

// Constants of [MS-XCA], Section 2.2.
const (
	blockLen   = 64 << 10 // bytes of output for each Huffman table
	symbols    = 512
	tableLen   = symbols / 2 // two code lengths in each byte
	maxCodeLen = 15
	literals   = 256 // symbols below are literal bytes; the first symbol above ends the data
	minMatch   = 3
)

// Errors of Decompress. They contain no bytes of the input.
var (
	errSize  = errors.New("the decompressed size is negative or above the limit")
	errShort = errors.New("the compressed data ends too early")
	errTable = errors.New("the code lengths of a Huffman table are not a complete prefix code")
	errMatch = errors.New("a match begins before the data or ends after it")
	errLen   = errors.New("the length of a match is not in its shortest form")
	errEnd   = errors.New("the compressed data does not end where its output does")
)

// Decompress returns the size bytes that src decompresses to. It refuses data that
// decompresses to fewer or more bytes, and a size above limit. It allocates size bytes, and
// nothing else that depends on src.
func Decompress(src []byte, size, limit int) ([]byte, error) {
	if size < 0 || size > limit {
		return nil, errSize
	}
	d := decompressor{src: src, dst: make([]byte, 0, size)}
	for {
		if err := d.block(); err != nil {
			return nil, err
		}
		if len(d.dst) < size {
			continue
		}
		if err := d.finish(); err != nil {
			return nil, err
		}
		return d.dst, nil
	}
}

// A decompressor holds the state of one call of Decompress. The capacity of dst is the
// size of the output.
type decompressor struct {
	src []byte
	pos int // of the next 16 bits to load, or of the next length of a match
	dst []byte

	bits  uint32 // loaded bits, the next bit topmost
	extra int    // loaded bits beyond 16

	code huffman
}

// block decompresses one block: a Huffman table and up to 64 KiB of output. It stops when
// dst is full.
func (d *decompressor) block() error {
	if len(d.src)-d.pos < tableLen {
		return errShort
	}
	if err := d.code.build(d.src[d.pos:][:tableLen]); err != nil {
		return err
	}
	d.pos += tableLen
	if len(d.src)-d.pos < 4 {
		return errShort
	}
	d.bits = uint32(binary.LittleEndian.Uint16(d.src[d.pos:]))<<16 | uint32(binary.LittleEndian.Uint16(d.src[d.pos+2:]))
	d.pos += 4
	d.extra = 16
	for end := min(len(d.dst)+blockLen, cap(d.dst)); len(d.dst) < end; {
		symbol, err := d.symbol()
		if err != nil {
			return err
		}
		if symbol < literals {
			d.dst = append(d.dst, byte(symbol))
			continue
		}
		if err := d.match(symbol - literals); err != nil {
			return err
		}
	}
	return nil
}

// symbol reads one symbol.
func (d *decompressor) symbol() (int, error) {
	symbol, n := d.code.decode(d.bits)
	return symbol, d.skip(n)
}

// skip removes n bits, at most 15, and loads 16 more if fewer than 16 are left.
func (d *decompressor) skip(n int) error {
	d.bits <<= n
	if d.extra -= n; d.extra >= 0 {
		return nil
	}
	if len(d.src)-d.pos < 2 {
		return errShort
	}
	d.bits |= uint32(binary.LittleEndian.Uint16(d.src[d.pos:])) << -d.extra
	d.pos += 2
	d.extra += 16
	return nil
}

// match copies earlier output. Four bits of the symbol are the length and four are the
// number of bits of the distance. Symbol 0, the end of the data, is also a match of length
// 3 and distance 1 inside the data.
func (d *decompressor) match(symbol int) error {
	n, err := d.matchLen(symbol & 15)
	if err != nil {
		return err
	}
	width := symbol >> 4
	distance := 1<<width | int(uint64(d.bits)>>(32-width))
	if err := d.skip(width); err != nil {
		return err
	}
	if distance > len(d.dst) || n > int64(cap(d.dst)-len(d.dst)) {
		return errMatch
	}
	// Byte by byte, because a match may overlap its own output.
	for from := len(d.dst) - distance; n > 0; n-- {
		d.dst = append(d.dst, d.dst[from])
		from++
	}
	return nil
}

// matchLen returns the length of a match from the low bits of its symbol. Long lengths
// follow as a byte, 16 bits or 32 bits at the position of the next load.
func (d *decompressor) matchLen(low int) (int64, error) {
	if low < 15 {
		return int64(low) + minMatch, nil
	}
	if d.pos >= len(d.src) {
		return 0, errShort
	}
	n := int64(d.src[d.pos])
	d.pos++
	if n < 255 {
		return n + 15 + minMatch, nil
	}
	if len(d.src)-d.pos < 2 {
		return 0, errShort
	}
	n = int64(binary.LittleEndian.Uint16(d.src[d.pos:]))
	d.pos += 2
	if n == 0 {
		if len(d.src)-d.pos < 4 {
			return 0, errShort
		}
		n = int64(binary.LittleEndian.Uint32(d.src[d.pos:]))
		d.pos += 4
	}
	if n < 15 {
		return 0, errLen
	}
	return n + minMatch, nil
}

// finish checks that the end symbol follows the output and that the data ends with it.
func (d *decompressor) finish() error {
	symbol, err := d.symbol()
	switch {
	case err != nil:
		return err
	case symbol != literals || d.pos != len(d.src):
		return errEnd
	}
	return nil
}
