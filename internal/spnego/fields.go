package spnego

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

func context(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific().Constructed() }

// readOctets reads the optional field n, which holds an OCTET STRING. *v becomes nil
// exactly if the field is absent.
func readOctets(in *cryptobyte.String, n uint8, v *[]byte) bool {
	return readString(in, n, asn1.OCTET_STRING, v)
}

// readString reads the optional field n, which holds one element with this tag. *v becomes
// the element's content, and nil exactly if the field is absent.
func readString(in *cryptobyte.String, n uint8, tag asn1.Tag, v *[]byte) bool {
	if !in.PeekASN1Tag(context(n)) {
		return true
	}
	var field, content cryptobyte.String
	if !in.ReadASN1(&field, context(n)) || !field.ReadASN1(&content, tag) || !field.Empty() {
		return false
	}
	*v = content[:len(content):len(content)]
	return true
}

// maxFlags is the size of ContextFlags in bytes (RFC 4178, Section 4.2.1).
const maxFlags = 4

// checkFlags reads the optional field n, which holds ContextFlags. It checks their form
// only: an acceptor must ignore their value (MS-SPNG, Section 3.1.5.3).
func checkFlags(in *cryptobyte.String, n uint8) bool {
	var bits []byte
	return readString(in, n, asn1.BIT_STRING, &bits) && (bits == nil || krb5.ValidBits(bits, maxFlags))
}

// skip reads the fields from tag n on, in rising order, and does not use their values.
// Each of them holds exactly one element, because RFC 4178 uses explicit tags.
func skip(in cryptobyte.String, n uint8) bool {
	var field cryptobyte.String
	var tag asn1.Tag
	for !in.Empty() {
		if !in.ReadAnyASN1(&field, &tag) || tag < context(n) || tag > context(30) {
			return false
		}
		if !validElement(&field, maxDepth) || !field.Empty() {
			return false
		}
		n = uint8(tag-context(0)) + 1
	}
	return true
}

// maxDepth is the greatest depth to which the elements of an unknown field may nest.
const maxDepth = 8

// validElement reads one element of an unknown type and reports whether it is in DER, by
// its tags: of the universal types only EXTERNAL, EMBEDDED PDV,
// SEQUENCE and SET are constructed (X.690, Section 10.2).
func validElement(in *cryptobyte.String, depth int) bool {
	var content cryptobyte.String
	var tag asn1.Tag
	if !in.ReadAnyASN1(&content, &tag) {
		return false
	}
	const constructed, class = 0x20, 0xc0
	if tag&class == 0 {
		switch tag &^ constructed {
		case 8, 11, asn1.SEQUENCE &^ constructed, asn1.SET &^ constructed:
			if tag&constructed == 0 {
				return false
			}
		default:
			return tag&constructed == 0 && validPrimitive(tag, content)
		}
	}
	if tag&constructed == 0 {
		return true // only the definition of this type could restrict the content
	}
	if depth == 0 {
		return false
	}
	for !content.Empty() {
		if !validElement(&content, depth-1) {
			return false
		}
	}
	return true
}

// validPrimitive reports whether content is valid in DER for the universal type tag.
func validPrimitive(tag asn1.Tag, content []byte) bool {
	n := len(content)
	switch tag {
	case 0: // end of contents, of the indefinite form
		return false
	case asn1.BOOLEAN:
		return n == 1 && (content[0] == 0 || content[0] == 0xff)
	case asn1.INTEGER, asn1.ENUM:
		return n == 1 || n > 1 && !(content[0] == 0 && content[1] < 0x80 || content[0] == 0xff && content[1] >= 0x80)
	case asn1.BIT_STRING:
		return krb5.ValidBits(content, n)
	case asn1.NULL:
		return n == 0
	case asn1.OBJECT_IDENTIFIER:
		return krb5.ValidOID(content)
	}
	return true
}

func appendElement(dst []byte, tag byte, content []byte) []byte {
	return append(krb5.AppendHeader(dst, tag, len(content)), content...)
}

func malformed(what string) error {
	return &status.Error{Reason: status.ReasonMalformedToken, Detail: "malformed " + what}
}
