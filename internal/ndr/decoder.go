package ndr

import (
	"encoding/binary"
	"errors"
)

// Errors of a Decoder. They contain no bytes of the input.
var (
	errHeader   = errors.New("the type serialization header is not that of version 1, little-endian")
	errShort    = errors.New("the structure is longer than its data")
	errCount    = errors.New("an array is longer than its data, or its two counts differ")
	errString   = errors.New("the counts of a string contradict each other")
	errNull     = errors.New("a pointer that must not be null is null")
	errTrailing = errors.New("data follows the structure")
)

// Lengths of the type serialization headers ([MS-RPCE], Section 2.2.6).
const (
	commonHeaderLen  = 8
	privateHeaderLen = 8
	headersLen       = commonHeaderLen + privateHeaderLen
)

// A Decoder reads one structure. It keeps views of its input and never modifies it. It is
// not safe for concurrent use.
type Decoder struct {
	data []byte // the object buffer, without the headers
	off  int
	err  error
}

// NewDecoder checks the type serialization headers of b and the referent id of the pointer
// to the structure, and returns a Decoder for that structure. The length in the private
// header bounds the structure. MS-RPCE pads the object buffer to a multiple of 8 bytes, so
// at most 7 bytes may follow it.
func NewDecoder(b []byte) (Decoder, error) {
	if len(b) < headersLen {
		return Decoder{}, errShort
	}
	const version, littleEndian = 1, 0x10
	if b[0] != version || b[1] != littleEndian || binary.LittleEndian.Uint16(b[2:]) != commonHeaderLen {
		return Decoder{}, errHeader
	}
	n := binary.LittleEndian.Uint32(b[commonHeaderLen:])
	body := b[headersLen:]
	switch {
	case uint64(n) > uint64(len(body)):
		return Decoder{}, errShort
	case len(body)-int(n) >= 8:
		return Decoder{}, errTrailing
	}
	d := Decoder{data: body[:n:n]}
	d.Require(d.Pointer())
	return d, d.err
}

// Err returns the first error, or nil.
func (d *Decoder) Err() error { return d.err }

// Close returns the first error, or an error if bytes other than the padding to a multiple
// of 8 bytes follow the structure.
func (d *Decoder) Close() error {
	if d.err == nil && len(d.data)-d.off >= 8 {
		d.err = errTrailing
	}
	return d.err
}

// fail records the first error.
func (d *Decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// take returns the next n bytes after aligning the offset, or nil if they are missing. The
// alignment is a power of two. NDR does not define the contents of alignment gaps.
func (d *Decoder) take(n, align int) []byte {
	if d.err != nil {
		return nil
	}
	start := (d.off + align - 1) &^ (align - 1)
	if start > len(d.data) || n > len(d.data)-start {
		d.fail(errShort)
		return nil
	}
	d.off = start + n
	return d.data[start:d.off:d.off]
}

// Uint8 reads an 8-bit number.
func (d *Decoder) Uint8() uint8 {
	if b := d.take(1, 1); b != nil {
		return b[0]
	}
	return 0
}

// Uint16 reads an aligned 16-bit number. Enumerations have this form, too.
func (d *Decoder) Uint16() uint16 {
	if b := d.take(2, 2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// Uint32 reads an aligned 32-bit number.
func (d *Decoder) Uint32() uint32 {
	if b := d.take(4, 4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads a 64-bit number with the alignment of a hyper.
func (d *Decoder) Uint64() uint64 {
	if b := d.take(8, 8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// FileTime reads a FILETIME, a structure of two 32-bit numbers, and returns its 64-bit
// number of 100-nanosecond intervals since 1601.
func (d *Decoder) FileTime() uint64 {
	if b := d.take(8, 4); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Bytes reads n bytes without alignment and returns a view of them.
func (d *Decoder) Bytes(n int) []byte { return d.take(n, 1) }

// Pointer reads the referent id of an embedded pointer and reports whether the pointer is
// not null.
func (d *Decoder) Pointer() bool { return d.Uint32() != 0 }

// Require fails the Decoder unless a pointer is present.
func (d *Decoder) Require(present bool) {
	if d.err == nil && !present {
		d.fail(errNull)
	}
}

// Match fails the Decoder unless a pointer to an array is present exactly if the array's
// count is not 0. An array of length 0 may also be present.
func (d *Decoder) Match(count uint32, present bool) {
	if d.err == nil && count != 0 && !present {
		d.fail(errNull)
	}
}

// Array reads the maximum count of a conformant array, compares it with the count in the
// structure, and checks that as many elements of elemLen bytes, as they are in the array
// itself, can follow. It returns the number of elements.
func (d *Decoder) Array(count uint32, elemLen int) int {
	n := d.Uint32()
	if n != count || uint64(n)*uint64(elemLen) > uint64(len(d.data)-d.off) {
		d.fail(errCount)
		return 0
	}
	return int(n)
}
