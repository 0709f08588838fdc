package spnego

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/gosspi/kerberos/internal/krb5"
)

// State is the negState of one side (RFC 4178, Section 4.2.2).
type State uint8

// Each value is the value of RFC 4178 plus one, so that the zero State means that the
// field is absent.
const (
	StateAbsent State = iota
	AcceptCompleted
	AcceptIncomplete
	Reject
	RequestMIC
)

// Response is each token after the first (NegTokenResp: RFC 4178, Section 4.2.2).
type Response struct {
	State     State
	Mechanism []byte // content of the OBJECT IDENTIFIER, or nil
	Token     []byte // token of the mechanism, or nil
	MIC       []byte // mechListMIC, or nil
}

const tagResponse = 0xa1

// ParseResponse reads a token, which has no GSS frame.
func ParseResponse(token []byte) (Response, error) {
	in := cryptobyte.String(token)
	var r Response
	var choice, fields cryptobyte.String
	if !in.ReadASN1(&choice, tagResponse) || !in.Empty() ||
		!choice.ReadASN1(&fields, asn1.SEQUENCE) || !choice.Empty() ||
		!r.parse(fields) {
		return Response{}, malformed("NegTokenResp")
	}
	return r, nil
}

func (r *Response) parse(in cryptobyte.String) bool {
	return r.parseState(&in) && r.parseMechanism(&in) &&
		readOctets(&in, 2, &r.Token) && readOctets(&in, 3, &r.MIC) && skip(in, 4)
}

func (r *Response) parseState(in *cryptobyte.String) bool {
	var value []byte
	if !readString(in, 0, asn1.ENUM, &value) || value != nil && (len(value) != 1 || value[0] > 3) {
		return false
	}
	if value != nil {
		r.State = State(value[0]) + 1
	}
	return true
}

func (r *Response) parseMechanism(in *cryptobyte.String) bool {
	return readString(in, 1, asn1.OBJECT_IDENTIFIER, &r.Mechanism) && (r.Mechanism == nil || krb5.ValidOID(r.Mechanism))
}

// stateSize is the size of the state's field.
const stateSize = 5

// size returns the size of an optional field that holds an element of n bytes, and 0 if
// the field is absent.
func size(present bool, n int) int {
	if !present {
		return 0
	}
	return krb5.ElementSize(krb5.ElementSize(n))
}

// ResponseLen returns the length of a Response with a State. token and mic are the
// lengths of its Token and MIC, negative if they are absent.
func ResponseLen(mechanism []byte, token, mic int) int {
	return krb5.ElementSize(krb5.ElementSize(fieldsLen(mechanism, token, mic)))
}

func fieldsLen(mechanism []byte, token, mic int) int {
	return stateSize + size(mechanism != nil, len(mechanism)) + size(token >= 0, token) + size(mic >= 0, mic)
}

// lengthOf returns the length of b, or -1 if b is nil, as ResponseLen takes it.
func lengthOf(b []byte) int {
	if b == nil {
		return -1
	}
	return len(b)
}

// Append appends the token to dst. State must not be StateAbsent.
func (r *Response) Append(dst []byte) []byte {
	fields := fieldsLen(r.Mechanism, lengthOf(r.Token), lengthOf(r.MIC))
	dst = krb5.AppendHeader(dst, tagResponse, krb5.ElementSize(fields))
	dst = krb5.AppendHeader(dst, byte(asn1.SEQUENCE), fields)
	dst = append(dst, byte(context(0)), 3, byte(asn1.ENUM), 1, byte(r.State-1))
	dst = appendField(dst, 1, asn1.OBJECT_IDENTIFIER, r.Mechanism)
	dst = appendField(dst, 2, asn1.OCTET_STRING, r.Token)
	return appendField(dst, 3, asn1.OCTET_STRING, r.MIC)
}

// appendField appends an optional field, and nothing if content is nil.
func appendField(dst []byte, n uint8, tag asn1.Tag, content []byte) []byte {
	if content == nil {
		return dst
	}
	dst = krb5.AppendHeader(dst, byte(context(n)), krb5.ElementSize(len(content)))
	return appendElement(dst, byte(tag), content)
}

// Len returns the number of bytes that Append appends.
func (r *Response) Len() int {
	return ResponseLen(r.Mechanism, lengthOf(r.Token), lengthOf(r.MIC))
}
