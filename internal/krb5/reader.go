package krb5

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/gosspi/kerberos/status"
)

// reader is the unread rest of a run of DER elements. Each method removes one element
// from the front and reports whether the element was valid. Callers stop reading after
// the first false.
type reader cryptobyte.String

// generalString is the tag of KerberosString and Realm (RFC 4120, Section
// 5.2.1): the primitive form only.
const generalString asn1.Tag = 27

// applicationTag is the tag [APPLICATION 0], constructed; classMask selects its class and
// its bit for constructed elements.
const (
	applicationTag = 0x60
	classMask      = 0xe0
)

func application(n uint8) asn1.Tag { return asn1.Tag(n) | applicationTag }
func context(n uint8) asn1.Tag     { return asn1.Tag(n) | 0xa0 }

func (r *reader) empty() bool { return len(*r) == 0 }

// has reports whether field n is next.
func (r *reader) has(n uint8) bool { return (*cryptobyte.String)(r).PeekASN1Tag(context(n)) }

// lacks reports whether field n is absent, for optional fields:
// r.lacks(n) || r.read(n, &v).
func (r *reader) lacks(n uint8) bool { return !r.has(n) }

// present reports whether field n is next and stores the result in has, for optional
// fields whose absence differs from their zero value:
// !r.present(n, &has) || r.read(n, &v).
func (r *reader) present(n uint8, has *bool) bool {
	*has = r.has(n)
	return *has
}

// element reads an element and sets out to its content.
//
// element reads lengths below 128 itself, which have a single form: most elements have
// such a length, and this saves a quarter of the time of a message. For all other lengths
// and for every refusal it calls cryptobyte.
func (r *reader) element(out *reader, tag asn1.Tag) bool {
	if s := *r; len(s) >= 2 && s[0] == byte(tag) && s[1] < 0x80 && int(s[1]) <= len(s)-2 {
		end := 2 + int(s[1])
		*out, *r = s[2:end:end], s[end:]
		return true
	}
	if !(*cryptobyte.String)(r).ReadASN1((*cryptobyte.String)(out), tag) {
		return false
	}
	*out = (*out)[:len(*out):len(*out)]
	return true
}

// whole reads an element and sets out to all of it, including tag and length.
func (r *reader) whole(out *reader, tag asn1.Tag) bool {
	ok := (*cryptobyte.String)(r).ReadASN1Element((*cryptobyte.String)(out), tag)
	*out = (*out)[:len(*out):len(*out)]
	return ok
}

// isSequence reports whether a SEQUENCE is next.
func (r *reader) isSequence() bool { return (*cryptobyte.String)(r).PeekASN1Tag(asn1.SEQUENCE) }

// any reads an element of any tag.
func (r *reader) any() bool {
	var content cryptobyte.String
	var tag asn1.Tag
	return (*cryptobyte.String)(r).ReadAnyASN1(&content, &tag)
}

// field reads the explicitly tagged field n, which must contain exactly one element, and
// sets out to the content of that element.
func (r *reader) field(n uint8, out *reader, tag asn1.Tag) bool {
	var f reader
	return r.element(&f, context(n)) && f.element(out, tag) && f.empty()
}

// wholeField reads the same as field, but sets out to the element with tag and length.
func (r *reader) wholeField(n uint8, out *reader, tag asn1.Tag) bool {
	var f reader
	return r.element(&f, context(n)) && f.whole(out, tag) && f.empty()
}

func (r *reader) sequence(n uint8, out *reader) bool { return r.field(n, out, asn1.SEQUENCE) }

func (r *reader) octets(n uint8, v *[]byte) bool {
	return r.field(n, (*reader)(v), asn1.OCTET_STRING)
}

// int32 reads an Int32 (RFC 4120, Section 5.2.4).
func (r *reader) int32(n uint8, v *int32) bool {
	var c reader
	if !r.field(n, &c, asn1.INTEGER) {
		return false
	}
	i, ok := integer(c)
	*v = int32(i)
	return ok && i == int64(*v)
}

// uint32 reads a UInt32, also in the negative form of a sender with signed numbers.
func (r *reader) uint32(n uint8, v *uint32) bool {
	var c reader
	if !r.field(n, &c, asn1.INTEGER) {
		return false
	}
	i, ok := integer(c)
	*v = uint32(i)
	return ok && i >= -1<<31 && i < 1<<32
}

// microseconds reads Microseconds (RFC 4120, Section 5.2.4).
func (r *reader) microseconds(n uint8, v *int32) bool {
	return r.int32(n, v) && *v >= 0 && *v <= 999999
}

// integer decodes the content of an INTEGER, which must have the shortest form.
func integer(c []byte) (v int64, ok bool) {
	if len(c) == 0 || len(c) > 8 {
		return 0, false
	}
	v = int64(int8(c[0]))
	for _, b := range c[1:] {
		v = v<<8 | int64(b)
	}
	if len(c) > 1 && (c[0] == 0 && c[1] < 0x80 || c[0] == 0xff && c[1] >= 0x80) {
		return 0, false
	}
	return v, true
}

// flags reads KerberosFlags (RFC 4120, Section 5.2.8) of 0 to 64 bits into 32;
// bit 0 is the most significant.
func (r *reader) flags(n uint8, v *uint32) bool {
	var c reader
	if !r.field(n, &c, asn1.BIT_STRING) || !ValidBits(c, 8) {
		return false
	}
	*v = 0
	for i, b := range c[1:] {
		if i < 4 {
			*v |= uint32(b) << (24 - 8*i)
		}
	}
	return true
}

// ValidBits reports whether content is that of a DER BIT STRING of at most most
// bytes: at most seven bits of the last byte are unused, and they are zero.
func ValidBits(content []byte, most int) bool {
	if len(content) == 0 || len(content)-1 > most {
		return false
	}
	unused, bits := content[0], content[1:]
	if len(bits) == 0 {
		return unused == 0
	}
	return unused <= 7 && bits[len(bits)-1]&(1<<unused-1) == 0
}

// readPart sets seq to the fields of b, which must be exactly one element: an application
// tag around a SEQUENCE.
func readPart(b []byte, tag uint8, seq *reader) bool {
	in := reader(b)
	var outer reader
	return in.element(&outer, application(tag)) && in.empty() && outer.element(seq, asn1.SEQUENCE) && outer.empty()
}

// readVersioned opens a part whose first field is a version number, and reads this field.
func readVersioned(b []byte, tag uint8, what string) (seq reader, err error) {
	if !readPart(b, tag, &seq) {
		return nil, malformed(what)
	}
	err = seq.version(what)
	return seq, err
}

// readMessage opens a message whose application tag equals its msg-type, and reads pvno
// and msg-type, the first two fields of every message.
func readMessage(b []byte, msgType uint8, what string) (reader, error) {
	var seq reader
	if !readPart(b, msgType, &seq) {
		if isOther(b, msgType) {
			return nil, wrongType(what)
		}
		return nil, malformed(what)
	}
	err := seq.header(msgType, what)
	return seq, err
}

// isOther reports whether the outer element of b has the application tag of a message
// type of RFC 4120 other than msgType: AS-REQ to AP-REP, or KRB-SAFE to KRB-ERROR.
func isOther(b []byte, msgType uint8) bool {
	in := cryptobyte.String(b)
	var content cryptobyte.String
	var tag asn1.Tag
	if !in.ReadAnyASN1(&content, &tag) || !in.Empty() || tag&classMask != applicationTag {
		return false
	}
	n := uint8(tag &^ applicationTag)
	return n != msgType && (n >= 10 && n <= 15 || n >= 20 && n <= 22 || n == 30)
}

// protocolVersion is the only valid pvno, tkt-vno and authenticator-vno.
const protocolVersion = 5

// header reads pvno and msg-type. It checks the version first, because only the messages
// of version 5 are known.
func (r *reader) header(msgType uint8, what string) error { return r.headerAt(0, msgType, what) }

// headerAt reads pvno as field n and msg-type as the next field.
func (r *reader) headerAt(n, msgType uint8, what string) error {
	var t int32
	if err := r.versionAt(n, what); err != nil {
		return err
	}
	switch {
	case !r.int32(n+1, &t):
		return malformed(what)
	case t != int32(msgType):
		return wrongType(what)
	}
	return nil
}

// version reads field 0.
func (r *reader) version(what string) error { return r.versionAt(0, what) }

func (r *reader) versionAt(n uint8, what string) error {
	var v int32
	switch {
	case !r.int32(n, &v):
		return malformed(what)
	case v != protocolVersion:
		return &status.Error{Reason: status.ReasonWrongVersion, Detail: "the protocol version of the " + what + " is not 5"}
	}
	return nil
}

func malformed(what string) error {
	return &status.Error{Reason: status.ReasonMalformedToken, Detail: "malformed " + what}
}

func wrongType(what string) error {
	return &status.Error{Reason: status.ReasonWrongMessageType, Detail: "unexpected message type; expected " + what}
}

// zeroOnError sets *m to its zero value if err is not nil, so that callers never see a
// partly parsed message.
func zeroOnError[T any](m *T, err error) error {
	if err != nil {
		*m = *new(T)
	}
	return err
}
