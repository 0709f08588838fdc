package krb5

import (
	"encoding/binary"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// writer appends DER to b. If a function writes the content of an element, element
// inserts the length after that function returns, so that the code reads like the ASN.1
// definition. It moves the content if the length needs more than one byte.
type writer struct{ b []byte }

func (w *writer) element(tag asn1.Tag, content func()) {
	w.b = append(w.b, byte(tag), 0)
	start := len(w.b)
	content()
	n := len(w.b) - start
	size := lengthSize(n)
	if size == 1 {
		w.b[start-1] = byte(n)
		return
	}
	var length [5]byte
	w.b = append(w.b, length[:size-1]...)
	copy(w.b[start+size-1:], w.b[start:])
	copy(w.b[start-1:], appendLength(length[:0], n))
}

func (w *writer) field(n uint8, content func()) { w.element(context(n), content) }

func (w *writer) sequence(content func()) { w.element(asn1.SEQUENCE, content) }

// bytes writes an element of the given content.
func (w *writer) bytes(tag asn1.Tag, content []byte) {
	w.b = append(w.b, byte(tag))
	w.b = appendLength(w.b, len(content))
	w.b = append(w.b, content...)
}

// wrapped writes field n with one element of the given content.
func (w *writer) wrapped(n uint8, tag asn1.Tag, content []byte) {
	w.b = append(w.b, byte(context(n)))
	w.b = appendLength(w.b, elementSize(len(content)))
	w.bytes(tag, content)
}

// raw writes field n around an element that is already encoded in DER.
func (w *writer) raw(n uint8, element []byte) { w.bytes(context(n), element) }

// optionalRaw writes field n around an element that is already encoded in DER.
func (w *writer) optionalRaw(n uint8, element []byte) {
	if element != nil {
		w.raw(n, element)
	}
}

func (w *writer) octets(n uint8, v []byte) { w.wrapped(n, asn1.OCTET_STRING, v) }

func (w *writer) int32(n uint8, v int32) { w.integer(n, int64(v)) }

// uint32 writes the positive form.
func (w *writer) uint32(n uint8, v uint32) { w.integer(n, int64(v)) }

func (w *writer) integer(n uint8, v int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(v))
	w.wrapped(n, asn1.INTEGER, b[8-integerSize(v):])
}

func (w *writer) flags(n uint8, v uint32) {
	var b [5]byte // the first byte: no bit of the last is unused
	binary.BigEndian.PutUint32(b[1:], v)
	w.wrapped(n, asn1.BIT_STRING, b[:])
}

// header writes pvno and msg-type.
func (w *writer) header(msgType uint8) {
	w.int32(0, protocolVersion)
	w.int32(1, int32(msgType))
}

// appendLength appends the DER length n.
func appendLength(b []byte, n int) []byte {
	size := lengthSize(n)
	if size == 1 {
		return append(b, byte(n))
	}
	b = append(b, 0x80|byte(size-1))
	for i := size - 2; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

// lengthSize returns the number of bytes of the DER length n.
func lengthSize(n int) int {
	if n < 0x80 {
		return 1
	}
	size := 1
	for ; n > 0; n >>= 8 {
		size++
	}
	return size
}

// elementSize returns the size of an element with n bytes of content.
func elementSize(n int) int { return 1 + lengthSize(n) + n }

// ElementSize returns the size of a DER element with n bytes of content.
func ElementSize(n int) int { return elementSize(n) }

// AppendHeader appends the tag and the length of a DER element with n bytes of
// content.
func AppendHeader(dst []byte, tag byte, n int) []byte { return appendLength(append(dst, tag), n) }

// fieldSize returns the size of an explicitly tagged element with n bytes of content.
func fieldSize(n int) int { return elementSize(elementSize(n)) }

// integerSize returns the size of the content of the INTEGER v.
func integerSize(v int64) int {
	size := 1
	for ; v < -0x80 || v > 0x7f; v >>= 8 {
		size++
	}
	return size
}
