package ndr

import (
	"unicode/utf16"
	"unicode/utf8"
)

// A UnicodeString is an RPC_UNICODE_STRING ([MS-DTYP], Section 2.3.10) whose buffer has
// not been read yet.
type UnicodeString struct {
	length, maximum uint16 // in bytes
	present         bool
}

// UnicodeString reads the fixed part of an RPC_UNICODE_STRING.
func (d *Decoder) UnicodeString() UnicodeString {
	// The structure contains a pointer and therefore has the alignment of one.
	d.take(0, 4)
	s := UnicodeString{length: d.Uint16(), maximum: d.Uint16()}
	s.present = d.Pointer()
	if d.err == nil && (s.length%2 != 0 || s.length > s.maximum || s.length > 0 && !s.present) {
		d.fail(errString)
	}
	return s
}

// Units returns the number of UTF-16 code units of s.
func (s UnicodeString) Units() int { return int(s.length / 2) }

// Buffer reads the referent of s, a conformant and varying array, and returns a view of its
// UTF-16LE code units. It returns nil if the buffer of s is null.
func (d *Decoder) Buffer(s UnicodeString) []byte {
	if !s.present {
		return nil
	}
	maximum, units := d.varying(uint32(s.maximum / 2))
	if d.err == nil && (maximum != uint32(s.maximum/2) || units != uint32(s.length/2)) {
		d.fail(errString)
	}
	return d.Bytes(int(s.length))
}

// WideString reads the referent of a [string] wchar_t pointer: a conformant and varying
// array that ends with a NUL. It returns a view of the UTF-16LE code units without the NUL.
func (d *Decoder) WideString() []byte {
	_, units := d.varying(maxWideString)
	if d.err != nil {
		return nil
	}
	if units == 0 || uint64(units)*2 > uint64(len(d.data)-d.off) {
		d.fail(errString)
		return nil
	}
	b := d.Bytes(int(units) * 2)
	if d.err == nil && (b[len(b)-1] != 0 || b[len(b)-2] != 0) {
		d.fail(errString)
		return nil
	}
	return b[:max(0, len(b)-2)]
}

// maxWideString is the limit of a wide string, in UTF-16 code units.
const maxWideString = 32 << 10

// varying reads maximum count, offset and actual count of a conformant and varying array.
// The offset must be 0, and neither count may exceed limit.
func (d *Decoder) varying(limit uint32) (maximum, actual uint32) {
	maximum, offset, actual := d.Uint32(), d.Uint32(), d.Uint32()
	if d.err == nil && (offset != 0 || actual > maximum || maximum > limit) {
		d.fail(errString)
	}
	return maximum, actual
}

// AppendUTF8 appends the UTF-16LE code units of b to dst as UTF-8. It returns false for an
// odd number of bytes, an unpaired surrogate or a NUL: Windows' names contain none, and two
// implementations would read such a name differently.
func AppendUTF8(dst, b []byte) ([]byte, bool) {
	if len(b)%2 != 0 {
		return dst, false
	}
	for len(b) > 0 {
		r := rune(b[0]) | rune(b[1])<<8
		b = b[2:]
		switch {
		case r == 0:
			return dst, false
		case utf16.IsSurrogate(r):
			if len(b) < 2 {
				return dst, false
			}
			second := rune(b[0]) | rune(b[1])<<8
			const replacement = 0xfffd
			if r = utf16.DecodeRune(r, second); r == replacement {
				return dst, false
			}
			b = b[2:]
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, true
}
