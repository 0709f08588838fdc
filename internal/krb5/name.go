package krb5

import (
	"bytes"
	"iter"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// Limits on names. RFC 4120 sets no limits. These are far above the names of real
// directories and bound the work for one name.
const (
	maxComponents = 32
	maxPart       = 1024 // bytes of a component or of a realm
)

// Name is a PrincipalName (RFC 4120, Section 5.2.2). A parsed Name has 1 to 32 components
// of 1 to 1024 bytes each. The components may contain any bytes.
type Name struct {
	// Type is the name-type, which says nothing about identity (RFC 4120,
	// Section 6.2).
	Type int32
	// Components is the content of the SEQUENCE OF KerberosString, in DER. It is nil if
	// the name is absent.
	Components []byte
}

// Len returns the number of components.
func (n Name) Len() int {
	count := 0
	for range n.All() {
		count++
	}
	return count
}

// All yields views of the components in order.
func (n Name) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		rest := reader(n.Components)
		var c reader
		for rest.element(&c, generalString) && yield(c) {
		}
	}
}

// Equal reports whether the components are the same, byte for byte. It ignores the
// name-type (RFC 4120, Section 6.2).
func (n Name) Equal(o Name) bool { return bytes.Equal(n.Components, o.Components) }

// AppendPrincipal appends name and realm in the form of MIT's krb5_unparse_name:
// components joined by '/', then '@' and the realm. A backslash precedes '/', '@' and '\'
// in components and realm; newline, tab, backspace and NUL become \n, \t, \b and \0. Two
// different names therefore have different texts, whatever bytes they contain.
// keytab.ParsePrincipal parses this form and refuses text that is not UTF-8.
func AppendPrincipal(dst []byte, n Name, realm []byte) []byte {
	first := true
	for c := range n.All() {
		if !first {
			dst = append(dst, '/')
		}
		first = false
		dst = appendEscaped(dst, c)
	}
	dst = append(dst, '@')
	return appendEscaped(dst, realm)
}

func appendEscaped(dst, part []byte) []byte {
	for _, c := range part {
		switch c {
		case '/', '@', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\b':
			dst = append(dst, '\\', 'b')
		case 0:
			dst = append(dst, '\\', '0')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// name reads a PrincipalName.
func (r *reader) name(n uint8, v *Name) bool {
	var seq reader
	return r.sequence(n, &seq) &&
		seq.int32(0, &v.Type) &&
		seq.sequence(1, (*reader)(&v.Components)) &&
		seq.empty() &&
		areComponents(v.Components)
}

func areComponents(list reader) bool {
	var c reader
	count := 0
	for ; !list.empty(); count++ {
		if count == maxComponents || !list.element(&c, generalString) || !isPart(c) {
			return false
		}
	}
	return count > 0
}

func isPart(b []byte) bool { return len(b) >= 1 && len(b) <= maxPart }

// realm reads a Realm.
func (r *reader) realm(n uint8, v *[]byte) bool {
	return r.field(n, (*reader)(v), generalString) && isPart(*v)
}

func (w *writer) name(n uint8, v *Name) {
	w.field(n, func() {
		w.element(asn1.SEQUENCE, func() {
			w.int32(0, v.Type)
			w.wrapped(1, asn1.SEQUENCE, v.Components)
		})
	})
}

func (w *writer) optionalName(n uint8, v *Name) {
	if v.Components != nil {
		w.name(n, v)
	}
}

func (w *writer) string(n uint8, v []byte) { w.wrapped(n, generalString, v) }

func (w *writer) optionalString(n uint8, v []byte) {
	if v != nil {
		w.string(n, v)
	}
}
