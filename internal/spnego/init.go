package spnego

import (
	"bytes"
	"iter"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// maxMechanisms and maxList bound the list of a client, in entries and in bytes of
// DER. Windows offers six mechanisms in about 70 bytes. A context keeps the list until
// the MICs over it are exchanged, so that maxList is part of the bound on the memory of
// a half-open exchange.
const (
	maxMechanisms = 32
	maxList       = 1024
)

// Init is a client's first token (NegTokenInit: RFC 4178, Section 4.2.1).
type Init struct {
	// MechTypes is the DER of the list of mechanisms as received, its SEQUENCE header
	// included. The MIC covers these bytes. ParseInit has checked them.
	MechTypes []byte

	// Token is the optimistic token of the first mechanism, or nil.
	Token []byte

	MIC []byte // mechListMIC, or nil
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
	if !init.isBounded() {
		return Init{}, &status.Error{Reason: status.ReasonMalformedToken, Detail: "malformed NegTokenInit: the list of mechanisms has more than 32 entries or more than 1024 bytes"}
	}
	return init, nil
}

func (n *Init) parse(in cryptobyte.String) bool {
	var list cryptobyte.String
	if !in.ReadASN1(&list, context(0)) || !validList(list) {
		return false
	}
	n.MechTypes = list
	return checkFlags(&in, 1) && readOctets(&in, 2, &n.Token) && n.parseMIC(in)
}

// parseMIC reads field 3 and all later fields. Field 3 holds the MIC, or a server's
// hints; field 4 holds the MIC if field 3 does not (MS-SPNG, Section 2.2.1).
func (n *Init) parseMIC(in cryptobyte.String) bool {
	peek := in
	var field, hints cryptobyte.String
	if peek.ReadASN1(&field, context(3)) && field.PeekASN1Tag(asn1.SEQUENCE) {
		if !field.ReadASN1(&hints, asn1.SEQUENCE) || !field.Empty() || !validHints(hints) {
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

// validHints reports whether fields are the fields of a NegHints, and no others: a
// GeneralString and an OCTET STRING, both optional. The acceptor does not use their
// values (MS-SPNG, Section 3.2.5).
func validHints(fields cryptobyte.String) bool {
	var name, address []byte
	return readString(&fields, 0, asn1.GeneralString, &name) && readOctets(&fields, 1, &address) && fields.Empty()
}

// isBounded reports whether the list has at most maxMechanisms entries and maxList
// bytes.
func (n *Init) isBounded() bool {
	entries := 0
	for range n.Mechanisms() {
		if entries++; entries > maxMechanisms {
			return false
		}
	}
	return len(n.MechTypes) <= maxList
}

// validList reports whether list is a SEQUENCE of at least one object identifier and
// nothing else.
func validList(list cryptobyte.String) bool {
	var oids, oid cryptobyte.String
	if !list.ReadASN1(&oids, asn1.SEQUENCE) || !list.Empty() || oids.Empty() {
		return false
	}
	for !oids.Empty() {
		if !oids.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !krb5.ValidOID(oid) {
			return false
		}
	}
	return true
}

// Mechanisms returns the client's mechanisms in the client's order, each as the content
// of an OBJECT IDENTIFIER.
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

// Choose returns the client's first mechanism that served contains, as the element of
// served, or nil if served contains none of the client's mechanisms. first reports
// whether it heads the client's list: then Token belongs to it, and the two sides need
// not exchange MICs (RFC 4178, Section 5).
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

// hint is the placeholder that MS-SPNG, Section 2.2.1 requires in hintName.
const hint = "not_defined_in_RFC4178@please_ignore"

// AppendHints appends the token of a server that speaks first: a NegTokenInit2 with the
// server's mechanisms (MS-SPNG, Section 3.2.5.2).
func AppendHints(dst []byte, mechanisms ...[]byte) []byte {
	list := 0
	for _, m := range mechanisms {
		list += krb5.ElementSize(len(m))
	}
	name := krb5.ElementSize(len(hint))
	hints := krb5.ElementSize(name)
	fields := krb5.ElementSize(krb5.ElementSize(list)) + krb5.ElementSize(krb5.ElementSize(hints))
	choice := krb5.ElementSize(krb5.ElementSize(fields))
	dst = krb5.AppendHeader(dst, krb5.FrameTag, krb5.ElementSize(len(krb5.OIDSPNEGO))+choice)
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
