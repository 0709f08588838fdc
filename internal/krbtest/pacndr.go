package krbtest

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/gosspi/kerberos/ticket/pac"
)

// An ndrWriter writes NDR with type serialization version 1 ([MS-RPCE], Section 2.2.6), in
// little-endian byte order.
type ndrWriter struct {
	b        []byte
	referent uint32
	pending  []func() // writers of the referents of the construct being written
}

// marshalNDR returns the encoding of a structure with its headers.
func marshalNDR(structure func(*ndrWriter)) []byte {
	w := new(ndrWriter)
	w.construct(func() { w.pointer(true, func() { structure(w) }) })
	w.align(8)
	head := []byte{1, 0x10, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc}
	head = binary.LittleEndian.AppendUint32(head, uint32(len(w.b)))
	head = append(head, 0, 0, 0, 0)
	return append(head, w.b...)
}

// construct calls write, then writes the referents of the pointers that write has written, in
// their order, each with its own referents.
func (w *ndrWriter) construct(write func()) {
	outer := w.pending
	w.pending = nil
	write()
	referents := w.pending
	w.pending = outer
	for _, r := range referents {
		w.construct(r)
	}
}

// pointer writes a unique pointer. referent writes its referent later. If present is false,
// the pointer is null.
func (w *ndrWriter) pointer(present bool, referent func()) {
	if !present {
		w.u32(0)
		return
	}
	w.u32(0x20000 + 4*w.referent)
	w.referent++
	w.pending = append(w.pending, referent)
}

func (w *ndrWriter) align(n int) { w.b = append(w.b, make([]byte, -len(w.b)&(n-1))...) }

func (w *ndrWriter) u16(v uint16) {
	w.align(2)
	w.b = binary.LittleEndian.AppendUint16(w.b, v)
}

func (w *ndrWriter) u32(v uint32) {
	w.align(4)
	w.b = binary.LittleEndian.AppendUint32(w.b, v)
}

func (w *ndrWriter) u64(v uint64) {
	w.align(8)
	w.b = binary.LittleEndian.AppendUint64(w.b, v)
}

// fileTime writes a FILETIME, which is two numbers of 32 bits.
func (w *ndrWriter) fileTime(v uint64) {
	w.u32(uint32(v))
	w.u32(uint32(v >> 32))
}

// array writes the count and the pointer of a conformant array. Without elements the pointer
// is null.
func (w *ndrWriter) array(n int, element func(i int)) {
	w.u32(uint32(n))
	w.pointer(n > 0, func() {
		w.u32(uint32(n))
		for i := range n {
			element(i)
		}
	})
}

// text writes an RPC_UNICODE_STRING ([MS-DTYP], Section 2.3.10). terminated adds the length of
// a NUL to its maximum length, as domain controllers do for some fields.
func (w *ndrWriter) text(s string, terminated bool) {
	units := utf16le(s)
	longest := len(units)
	if terminated {
		longest += 2
	}
	w.u16(uint16(len(units)))
	w.u16(uint16(longest))
	w.pointer(true, func() { w.counted(units, longest/2) })
}

// counted writes a conformant varying array of UTF-16 code units.
func (w *ndrWriter) counted(units []byte, longest int) {
	w.u32(uint32(longest))
	w.u32(0)
	w.u32(uint32(len(units) / 2))
	w.b = append(w.b, units...)
}

// wide writes the referent of a pointer to a string that ends with NUL.
func (w *ndrWriter) wide(s string) {
	units := utf16le(s + "\x00")
	w.counted(units, len(units)/2)
}

// sid writes a pointer to an RPC_SID ([MS-DTYP], Section 2.4.2.3).
func (w *ndrWriter) sid(s pac.SID) {
	w.pointer(!s.IsZero(), func() {
		packet := packetSID(s)
		w.u32(uint32(packet[1]))
		w.b = append(w.b, packet...)
	})
}

// packetSID returns the packet form of a SID ([MS-DTYP], Section 2.4.2.2). It parses the
// string form, so that it shares no code with package pac.
func packetSID(s pac.SID) []byte {
	parts := strings.Split(strings.TrimPrefix(s.String(), "S-1-"), "-")
	number := func(text string, bits int) uint64 {
		n, err := strconv.ParseUint(text, 0, bits)
		if err != nil {
			panic(fmt.Sprintf("krbtest: %q is no SID", s))
		}
		return n
	}
	b := []byte{1, byte(len(parts) - 1)}
	authority := binary.BigEndian.AppendUint64(nil, number(parts[0], 48))
	b = append(b, authority[2:]...)
	for _, part := range parts[1:] {
		b = binary.LittleEndian.AppendUint32(b, uint32(number(part, 32)))
	}
	return b
}
