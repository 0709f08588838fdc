package krb5

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// sameElement fails unless element, which reads short lengths itself, does to b
// what cryptobyte does. The tag is the caller's and not the peer's; none asks for
// one that does not fit a byte, and those that say so are left out.
func sameElement(t *testing.T, b []byte, tag asn1.Tag) {
	t.Helper()
	if tag&0x1f == 0x1f {
		return
	}
	b = slices.Clip(bytes.Clone(b))
	theirs, rest := cryptobyte.String(b), reader(b)
	var want cryptobyte.String
	var got reader
	ok := theirs.ReadASN1(&want, tag)
	if rest.element(&got, tag) != ok {
		t.Fatalf("element(%x, %#x) is %v, cryptobyte says %v", b, tag, !ok, ok)
	}
	if !ok {
		return // nothing more is read, so what is left does not count
	}
	if !bytes.Equal(got, want) || !bytes.Equal(rest, theirs) || cap(got) != len(got) {
		t.Fatalf("element(%x, %#x) = %x, %x left, capacity %d, want %x, %x", b, tag, got, rest, cap(got), want, theirs)
	}
}

// TestElement_AsCryptobyte tries every tag and first length byte with contents
// that are shorter, right and longer, and random bytes.
func TestElement_AsCryptobyte(t *testing.T) {
	content := bytes.Repeat([]byte{0xc0}, 300)
	for tag := range 256 {
		sameElement(t, []byte{byte(tag)}, asn1.Tag(tag))
		for length := range 256 {
			for _, n := range []int{0, length - 1, length, length + 1, 300} {
				if n < 0 {
					continue
				}
				b := slices.Concat([]byte{byte(tag), byte(length)}, content[:n])
				sameElement(t, b, asn1.Tag(tag))
				sameElement(t, b, asn1.Tag(tag^1))
				sameElement(t, b, asn1.Tag(tag^constructed))
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 50000 {
		b := make([]byte, random.IntN(12))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		if len(b) > 1 && random.IntN(2) == 0 {
			b[1] = []byte{0, 1, 7, 0x7f, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0xff}[random.IntN(11)]
		}
		tag := asn1.Tag(random.Uint32())
		if len(b) > 0 && random.IntN(4) > 0 {
			tag = asn1.Tag(b[0])
		}
		sameElement(t, b, tag)
	}
}

const constructed = 0x20

// FuzzElement does it with what the fuzzer thinks of.
func FuzzElement(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte, tag byte) { sameElement(t, b, asn1.Tag(tag)) })
}
