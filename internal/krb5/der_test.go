package krb5_test

import (
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// node is a parsed DER element. A test can change one element and encode the rest around it
// with the right lengths. It shares no code with the package.
type node struct {
	tag     byte
	content []byte  // the content of a primitive element
	parts   []*node // the content of a constructed element

	raw []byte // if not nil, the encoding of the whole element
}

const constructed = 0x20

func (n *node) isConstructed() bool { return n.tag&constructed != 0 }

// tree parses b, which must be one element.
func tree(t testing.TB, b []byte) *node {
	t.Helper()
	nodes := forest(t, b)
	if len(nodes) != 1 {
		t.Fatalf("%d elements, want 1", len(nodes))
	}
	return nodes[0]
}

func forest(t testing.TB, b []byte) []*node {
	t.Helper()
	var nodes []*node
	in := cryptobyte.String(b)
	for !in.Empty() {
		var content cryptobyte.String
		var tag cbasn1.Tag
		if !in.ReadAnyASN1(&content, &tag) {
			t.Fatalf("this is not DER: %x", b)
		}
		n := &node{tag: byte(tag), content: content}
		if n.isConstructed() {
			n.content, n.parts = nil, forest(t, content)
		}
		nodes = append(nodes, n)
	}
	return nodes
}

func (n *node) bytes() []byte {
	if n.raw != nil {
		return n.raw
	}
	return der(n.tag, n.body())
}

func (n *node) body() []byte {
	if !n.isConstructed() {
		return n.content
	}
	var b []byte
	for _, p := range n.parts {
		b = append(b, p.bytes()...)
	}
	return b
}

// all yields each element with its path of parents; the direct parent is last.
func (n *node) all(yield func(n *node, way []*node)) { n.walk(nil, yield) }

func (n *node) walk(way []*node, yield func(*node, []*node)) {
	yield(n, way)
	for _, p := range n.parts {
		p.walk(append(slices.Clip(way), n), yield)
	}
}

// path returns the tags that lead to an element.
func path(n *node, way []*node) string {
	var b strings.Builder
	for _, w := range way {
		fmt.Fprintf(&b, "%02x ", w.tag)
	}
	fmt.Fprintf(&b, "%02x", n.tag)
	return b.String()
}

// der returns an element with the content of all parts and the shortest length.
func der(tag byte, parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	return slices.Concat([]byte{tag}, derLength(len(content)), content)
}

func derLength(n int) []byte {
	if n < 0x80 {
		return []byte{byte(n)}
	}
	b := []byte{}
	for ; n > 0; n >>= 8 {
		b = append([]byte{byte(n)}, b...)
	}
	return append([]byte{0x80 | byte(len(b))}, b...)
}

func derInt(v int64) []byte {
	b, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func derString(s string) []byte { return der(27, []byte(s)) }

// meaning returns DER as text, with each INTEGER modulo 1<<32 and each BIT STRING as its
// first 32 bits, because senders may choose the encoding of these. Two inputs with equal
// meaning differ only in that.
func meaning(t testing.TB, b []byte) string {
	t.Helper()
	var out strings.Builder
	var write func(nodes []*node)
	write = func(nodes []*node) {
		for _, n := range nodes {
			fmt.Fprintf(&out, "%02x(", n.tag)
			switch n.tag {
			case asn1.TagInteger:
				var v int64
				if rest, err := asn1.Unmarshal(n.bytes(), &v); err != nil || len(rest) > 0 || v < -1<<31 || v >= 1<<32 {
					t.Fatalf("an INTEGER of 32 bits was expected: %x", n.bytes())
				}
				fmt.Fprintf(&out, "%d", uint32(v))
			case asn1.TagBitString:
				var v asn1.BitString
				if rest, err := asn1.Unmarshal(n.bytes(), &v); err != nil || len(rest) > 0 || v.BitLength > 64 {
					t.Fatalf("a BIT STRING of 0 to 64 bits was expected: %x", n.bytes())
				}
				for i := range 32 {
					fmt.Fprintf(&out, "%d", v.At(i))
				}
			default:
				fmt.Fprintf(&out, "%x", n.content)
				write(n.parts)
			}
			out.WriteByte(')')
		}
	}
	write(forest(t, b))
	return out.String()
}
