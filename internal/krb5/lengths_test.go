package krb5_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// bounds are lengths around those at which an addition, a conversion or a shift
// overflows.
var bounds = []uint64{
	0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0xffffff, 0x1000000,
	1<<31 - 6, 1<<31 - 2, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 6, 1<<32 - 2, 1<<32 - 1, 1 << 32, 1<<32 + 1,
	1<<63 - 6, 1<<63 - 1, 1 << 63, 1<<63 + 1, 1<<64 - 6, 1<<64 - 2, 1<<64 - 1,
}

// stretched is n with a length that is a lie, in the shortest form.
func stretched(n *node, length uint64) []byte {
	head := []byte{n.tag}
	if length < 0x80 {
		head = append(head, byte(length))
	} else {
		b := bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, length), "\x00")
		head = append(append(head, 0x80|byte(len(b))), b...)
	}
	return slices.Concat(head, n.body())
}

// TestPARSE_8_LengthsAtTheBounds gives every element of every message lengths
// that its bytes do not have.
func TestPARSE_8_LengthsAtTheBounds(t *testing.T) {
	for _, k := range kinds(t) {
		for _, sample := range k.samples {
			root, m := tree(t, sample), k.new()
			root.all(func(n *node, way []*node) {
				have := uint64(len(n.body()))
				for _, length := range slices.Concat(bounds, []uint64{have + 1, have - 1}) {
					if length == have {
						continue
					}
					n.raw = stretched(n, length)
					refused(t, path(n, way), m, slices.Clip(root.bytes()))
				}
				n.raw = nil
			})
		}
	}
}

// TestPARSE_8_FrameLengths does the same to the GSS frame and its object
// identifier.
func TestPARSE_8_FrameLengths(t *testing.T) {
	token := alice(t).token
	frame, err := krb5.CutFrame(token)
	if err != nil {
		t.Fatal(err)
	}
	oid := &node{tag: 6, content: frame.Mechanism}
	rest := slices.Concat([]byte{1, 0}, frame.Inner)
	for _, length := range bounds {
		outer := &node{tag: 0x40, content: slices.Concat(oid.bytes(), rest)}
		if length != uint64(len(outer.content)) {
			b := stretched(outer, length)
			b[0] = 0x60
			_, err := krb5.CutFrame(slices.Clip(b))
			wantReason(t, "frame", err, status.ReasonMalformedToken)
		}
		_, err := krb5.CutFrame(der(0x60, stretched(oid, length), rest))
		wantReason(t, "mechanism", err, status.ReasonMalformedToken)
	}
}

// TestPARSE_8_LongAndRight reads lengths of one to four bytes that are true.
func TestPARSE_8_LongAndRight(t *testing.T) {
	for _, n := range []int{0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xffffff, 0x1000000} {
		sealed := der(0x30, der(0xa0, derInt(18)), der(0xa2, der(4, make([]byte, n))))
		b := der(0x6f, der(0x30, der(0xa0, derInt(5)), der(0xa1, derInt(15)), der(0xa2, sealed)))
		var m krb5.APRep
		if err := m.Parse(b); err != nil || len(m.EncPart.Cipher) != n {
			t.Errorf("%d bytes: %v, read %d", n, err, len(m.EncPart.Cipher))
		}
		if got := m.Append(nil); !bytes.Equal(got, b) {
			t.Errorf("%d bytes: written as %d bytes, want %d", n, len(got), len(b))
		}
		if got := krb5.APRepLen(18, n); got != len(b) {
			t.Errorf("APRepLen(18, %d) = %d, want %d", n, got, len(b))
		}
	}
}
