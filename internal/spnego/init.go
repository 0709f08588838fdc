package spnego

import (
	"bytes"
	"iter"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// maxMechanisms bounds the list of a client. Windows offers six.
const maxMechanisms = 32

// Init is a client's first token (NegTokenInit: RFC 4178, Section 4.2.1).
type Init struct {
	// MechTypes is the DER of the list, from its SEQUENCE on, as received: the MIC
	// is over these bytes. ParseInit has checked it.
	MechTypes []byte

	// Token is the optimistic token of the first mechanism; nil: none.
	Token []byte

	MIC []byte // nil: none
}

// ParseInit reads a token with its GSS frame (RFC 2743, Section 3.1).
func ParseInit(token []byte) (Init, error) {
	framed, err := krb5.CutFrame(token)
	if err != nil || string(framed.Mechanism) != string(krb5.OIDSPNEGO) {
		return Init{}, malformed("NegTokenInit")
	}
	in := cryptobyte.String(framed.Inner)
	var init Init
	var choice, fields cryptobyte.String
	if !in.ReadASN1(&choice, context(0)) || !in.Empty() ||
		!choice.ReadASN1(&fields, asn1.SEQUENCE) || !choice.Empty() ||
		!init.parse(fields) {
		return Init{}, malformed("NegTokenInit")
	}
	return init, nil
}

func (n *Init) parse(in cryptobyte.String) bool {
	var list, flags cryptobyte.String
	if !in.ReadASN1(&list, context(0)) || !validList(list) {
		return false
	}
	n.MechTypes = list
	var hasFlags bool
	return in.ReadOptionalASN1(&flags, &hasFlags, context(1)) && // "MUST be ignored": MS-SPNG, 3.1.5.3
		readOctets(&in, 2, &n.Token) && n.parseMIC(in)
}

// parseMIC reads field 3, which is the MIC, or a server's hints, and what follows. If
// it is not the MIC, field 4 is (MS-SPNG, Section 2.2.1).
func (n *Init) parseMIC(in cryptobyte.String) bool {
	peek := in
	var field, hints cryptobyte.String
	if peek.ReadASN1(&field, context(3)) && field.PeekASN1Tag(asn1.SEQUENCE) {
		if !field.ReadASN1(&hints, asn1.SEQUENCE) || !field.Empty() {
			return false
		}
		in = peek
	} else if !readOctets(&in, 3, &n.MIC) {
		return false
	}
	if n.MIC != nil {
		return skip(in, 4)
	}
	return readOctets(&in, 4, &n.MIC) && skip(in, 5)
}

// validList reports whether list is a SEQUENCE of 1 to 32 object identifiers and
// nothing else.
func validList(list cryptobyte.String) bool {
	var oids, oid cryptobyte.String
	if !list.ReadASN1(&oids, asn1.SEQUENCE) || !list.Empty() || oids.Empty() {
		return false
	}
	for n := 0; !oids.Empty(); n++ {
		if n == maxMechanisms || !oids.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !krb5.ValidOID(oid) {
			return false
		}
	}
	return true
}

// Mechanisms are the client's mechanisms in its order, each as the content of an
// OBJECT IDENTIFIER.
func (n *Init) Mechanisms() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		list := cryptobyte.String(n.MechTypes)
		var oids, oid cryptobyte.String
		if !list.ReadASN1(&oids, asn1.SEQUENCE) {
			return
		}
		for oids.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
			if !yield(oid) {
				return
			}
		}
	}
}

// Choose is the client's first mechanism that served holds, as the element of
// served; nil if there is none. first: it is the first of all, so that Token is
// for it and no MIC need be exchanged (RFC 4178, Section 5).
func (n *Init) Choose(served ...[]byte) (mechanism []byte, first bool) {
	first = true
	for offered := range n.Mechanisms() {
		for _, s := range served {
			if bytes.Equal(s, offered) {
				return s, first
			}
		}
		first = false
	}
	return nil, false
}

// hint is what a server says in place of a name that nobody should use (MS-SPNG,
// Section 2.2.1).
const hint = "not_defined_in_RFC4178@please_ignore"

// AppendHints appends the token of a server that speaks first: NegTokenInit2 with
// its mechanisms (MS-SPNG, Section 3.2.5.2).
func AppendHints(dst []byte, mechanisms ...[]byte) []byte {
	list := 0
	for _, m := range mechanisms {
		list += krb5.ElementSize(len(m))
	}
	name := krb5.ElementSize(len(hint))
	hints := krb5.ElementSize(name)
	fields := krb5.ElementSize(krb5.ElementSize(list)) + krb5.ElementSize(krb5.ElementSize(hints))
	choice := krb5.ElementSize(krb5.ElementSize(fields))
	dst = krb5.AppendHeader(dst, tagFrame, krb5.ElementSize(len(krb5.OIDSPNEGO))+choice)
	dst = appendElement(dst, byte(asn1.OBJECT_IDENTIFIER), krb5.OIDSPNEGO)
	dst = krb5.AppendHeader(dst, byte(context(0)), krb5.ElementSize(fields))
	dst = krb5.AppendHeader(dst, byte(asn1.SEQUENCE), fields)
	dst = krb5.AppendHeader(dst, byte(context(0)), krb5.ElementSize(list))
	dst = krb5.AppendHeader(dst, byte(asn1.SEQUENCE), list)
	for _, m := range mechanisms {
		dst = appendElement(dst, byte(asn1.OBJECT_IDENTIFIER), m)
	}
	dst = krb5.AppendHeader(dst, byte(context(3)), krb5.ElementSize(hints))
	dst = krb5.AppendHeader(dst, byte(asn1.SEQUENCE), hints)
	dst = krb5.AppendHeader(dst, byte(context(0)), name)
	return appendElement(dst, byte(asn1.GeneralString), []byte(hint))
}

// tagFrame is the tag of a GSS frame.
const tagFrame = 0x60

func context(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific().Constructed() }

// readOctets reads the optional field n, which holds an OCTET STRING. *v is nil
// exactly if it is absent.
func readOctets(in *cryptobyte.String, n uint8, v *[]byte) bool {
	var field, octets cryptobyte.String
	var present bool
	if !in.ReadOptionalASN1(&field, &present, context(n)) {
		return false
	}
	if !present {
		return true
	}
	if !field.ReadASN1(&octets, asn1.OCTET_STRING) || !field.Empty() {
		return false
	}
	*v = octets[:len(octets):len(octets)]
	return true
}

// skip passes over fields from tag n on, in rising order.
func skip(in cryptobyte.String, n uint8) bool {
	var field cryptobyte.String
	var tag asn1.Tag
	for !in.Empty() {
		if !in.ReadAnyASN1(&field, &tag) || tag < context(n) || tag > context(30) {
			return false
		}
		n = uint8(tag-context(0)) + 1
	}
	return true
}

func appendElement(dst []byte, tag byte, content []byte) []byte {
	return append(krb5.AppendHeader(dst, tag, len(content)), content...)
}

func malformed(what string) error {
	return &status.Error{Reason: status.ReasonMalformedToken, Detail: "this is no well-formed " + what}
}
