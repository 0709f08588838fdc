package krb5_test

import (
	"slices"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// spoilers make of an element one that BER might still read, or that no encoding
// rules allow. Each returns nil where it does not apply. None of the results is
// DER for any message here: X.690, Sections 8.1, 10.1 and 10.2.
var spoilers = []struct {
	name  string
	spoil func(n *node) []byte
}{
	{"indefinite length", func(n *node) []byte {
		return slices.Concat([]byte{n.tag, 0x80}, n.body(), []byte{0, 0})
	}},
	{"indefinite length, constructed", func(n *node) []byte {
		return slices.Concat([]byte{n.tag | constructed, 0x80}, n.body(), []byte{0, 0})
	}},
	{"length in one byte more than it needs", func(n *node) []byte { return padded(n, 1) }},
	{"length in two bytes more than it needs", func(n *node) []byte { return padded(n, 2) }},
	{"length in eight bytes", func(n *node) []byte {
		return slices.Concat([]byte{n.tag, 0x88}, make([]byte, 8-4), four(len(n.body())), n.body())
	}},
	{"reserved length", func(n *node) []byte { return slices.Concat([]byte{n.tag, 0xff}, n.body()) }},
	{noLength, func(n *node) []byte { return []byte{n.tag} }},
	{"tag in two bytes", func(n *node) []byte {
		return slices.Concat([]byte{n.tag | 0x1f, n.tag & 0x1f}, derLength(len(n.body())), n.body())
	}},
	{"tag in three bytes", func(n *node) []byte {
		return slices.Concat([]byte{n.tag | 0x1f, 0x80, n.tag & 0x1f}, derLength(len(n.body())), n.body())
	}},
	{"string in pieces", func(n *node) []byte {
		if n.isConstructed() {
			return nil
		}
		return der(n.tag|constructed, n.bytes())
	}},
	{"primitive and constructed swapped", func(n *node) []byte { return der(n.tag^constructed, n.body()) }},
	{"of the private class", func(n *node) []byte {
		return der(n.tag|0xc0, n.body())
	}},
	{"a NULL inside, behind the rest", func(n *node) []byte {
		if !n.isConstructed() {
			return nil
		}
		return der(n.tag, n.body(), []byte{5, 0})
	}},
	{"a zero byte inside, behind the rest", func(n *node) []byte {
		if !n.isConstructed() {
			return nil
		}
		return der(n.tag, n.body(), []byte{0})
	}},
	{"a field of a later version behind the rest", func(n *node) []byte {
		if n.tag != 0x30 {
			return nil
		}
		return der(n.tag, n.body(), der(0xbe, derInt(1)))
	}},
	{"a NULL before the rest", func(n *node) []byte {
		if !n.isConstructed() {
			return nil
		}
		return der(n.tag, []byte{5, 0}, n.body())
	}},
	{"the next byte taken too", func(n *node) []byte {
		return slices.Concat([]byte{n.tag}, derLength(len(n.body())+1), n.body())
	}},
	{"empty element of an explicit tag", func(n *node) []byte {
		if n.tag&0xe0 != 0xa0 {
			return nil
		}
		return der(n.tag)
	}},
	{"nothing at all in its place but a NULL", func(*node) []byte { return []byte{5, 0} }},
}

func padded(n *node, more int) []byte {
	length := derLength(len(n.body()))
	if len(length) > 1 {
		length = length[1:]
	}
	head := []byte{n.tag, 0x80 | byte(len(length)+more)}
	return slices.Concat(head, make([]byte, more), length, n.body())
}

func four(n int) []byte { return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)} }

const noLength = "no length"

// followed reports whether n and the next element are INTEGERs of a list: without the length
// and the content of n, its tag begins another INTEGER, and the list is well-formed.
func followed(n *node, way []*node) bool {
	list := way[max(len(way)-1, 0):]
	if len(list) == 0 || n.tag != 2 {
		return false
	}
	i := slices.Index(list[0].parts, n)
	return i+1 < len(list[0].parts) && list[0].parts[i+1].tag == 2
}

// TestPARSE_4_OnlyDER spoils every element of every kind of message in every way
// of the list, with the lengths around it right.
func TestPARSE_4_OnlyDER(t *testing.T) {
	for _, k := range kinds(t) {
		t.Run(k.name, func(t *testing.T) {
			for _, sample := range k.samples {
				m := k.new()
				if err := m.Parse(sample); err != nil {
					t.Fatalf("the sample itself: %v", err)
				}
				root := tree(t, sample)
				root.all(func(n *node, way []*node) {
					for _, s := range spoilers {
						if s.name == noLength && followed(n, way) {
							continue
						}
						if n.raw = s.spoil(n); n.raw != nil {
							refused(t, s.name+" at "+path(n, way), m, root.bytes())
						}
						n.raw = nil
					}
				})
			}
		})
	}
}

// TestPARSE_4_NothingBehindTheMessage appends what a careless parser would pass
// over.
func TestPARSE_4_NothingBehindTheMessage(t *testing.T) {
	for _, k := range kinds(t) {
		for _, sample := range k.samples {
			for _, rest := range [][]byte{{0}, {5, 0}, {0, 0}, sample} {
				refused(t, k.name, k.new(), slices.Concat(sample, rest))
			}
		}
	}
}

// TestPARSE_4_NothingBehindAList does the same to the lists that are read by
// themselves, such as what AD-IF-RELEVANT holds.
func TestPARSE_4_NothingBehindAList(t *testing.T) {
	list := der(0x30, pair(1, "one"), pair(2, "two"))
	for _, b := range [][]byte{
		append(slices.Clone(list), 0), append(slices.Clone(list), 5, 0), slices.Concat(list, list), list[:len(list)-1],
		der(0x31, pair(1, "one")), der(0x10, pair(1, "one")), pair(1, "one"),
	} {
		_, err := krb5.ReadAuthorizationData(b)
		wantReason(t, "ReadAuthorizationData", err, status.ReasonMalformedToken)
		_, err = krb5.ReadAddresses(b)
		wantReason(t, "ReadAddresses", err, status.ReasonMalformedToken)
	}
}
