package krbtest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
)

// More mechanisms, as the DER contents of their object identifiers. Clients never offer
// OIDSPNEGO.
var (
	OIDSPNEGO = []byte{0x2b, 0x06, 0x01, 0x05, 0x05, 0x02}                         // 1.3.6.1.5.5.2
	OIDNTLM   = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a} // 1.3.6.1.4.1.311.2.2.10
	OIDNegoEx = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x1e} // 1.3.6.1.4.1.311.2.2.30
	OIDIAKERB = []byte{0x2b, 0x06, 0x01, 0x05, 0x02, 0x05}                         // 1.3.6.1.5.2.5
	OIDOther  = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0xfd, 0x59, 0x01}       // 1.3.6.1.4.1.32473.1, reserved for examples (RFC 5612)
)

// NegState is the negState of RFC 4178, Section 4.2.2.
type NegState int

// The states. NegAbsent means that no negState is sent.
const (
	NegAbsent     NegState = -1
	NegCompleted  NegState = 0
	NegIncomplete NegState = 1
	NegReject     NegState = 2
	NegRequestMIC NegState = 3
)

// NegTokenInit is the first token of a negotiation (RFC 4178, Section 4.2.1). Nil fields
// are not sent, and empty fields are.
type NegTokenInit struct {
	Mechanisms [][]byte
	List       []byte // an encoded MechTypeList, sent in place of Mechanisms
	ReqFlags   *asn1.BitString
	Token      []byte
	Hints      []byte // hintName; makes the token a NegTokenInit2 (MS-SPNG, Section 2.2.1)
	MIC        []byte
	More       []byte // encoded fields, appended to the others
	Bare       bool   // omits the GSS frame
}

// Bytes encodes the token.
func (t *NegTokenInit) Bytes() []byte {
	fields := []asn1.RawValue{contextTag(0, t.ListBytes())}
	if t.ReqFlags != nil {
		fields = append(fields, contextTag(1, encode(*t.ReqFlags)))
	}
	fields = appendOctets(fields, 2, t.Token)
	mic := 3
	if t.Hints != nil {
		mic = 4
		name := encode(asn1.RawValue{Tag: asn1.TagGeneralString, Bytes: t.Hints})
		fields = append(fields, contextTag(3, encode([]asn1.RawValue{contextTag(0, name)})))
	}
	fields = appendOctets(fields, mic, t.MIC)
	b := encode(contextTag(0, sequence(fields, t.More)))
	if t.Bare {
		return b
	}
	oid := encode(asn1.RawValue{Tag: asn1.TagOID, Bytes: OIDSPNEGO})
	return asn1tools.AddASNAppTag(append(oid, b...), 0)
}

// ListBytes returns the encoded MechTypeList without its [0] tag. The mechListMIC covers
// these bytes.
func (t *NegTokenInit) ListBytes() []byte {
	if t.List != nil {
		return t.List
	}
	list := make([]asn1.RawValue, 0, len(t.Mechanisms))
	for _, oid := range t.Mechanisms {
		list = append(list, asn1.RawValue{Tag: asn1.TagOID, Bytes: oid})
	}
	return encode(list)
}

// NegTokenResp is each later token, in both directions (RFC 4178, Section 4.2.2). Nil
// fields are not sent, and empty fields are.
type NegTokenResp struct {
	State     NegState
	Mechanism []byte // supportedMech
	Token     []byte
	MIC       []byte
	More      []byte // encoded fields, appended to the others
}

// Bytes encodes the token.
func (t *NegTokenResp) Bytes() []byte {
	var fields []asn1.RawValue
	if t.State != NegAbsent {
		fields = append(fields, contextTag(0, encode(asn1.Enumerated(t.State))))
	}
	if t.Mechanism != nil {
		fields = append(fields, contextTag(1, encode(asn1.RawValue{Tag: asn1.TagOID, Bytes: t.Mechanism})))
	}
	fields = appendOctets(fields, 2, t.Token)
	fields = appendOctets(fields, 3, t.MIC)
	return encode(contextTag(1, sequence(fields, t.More)))
}

// ParseNegTokenResp parses a token. It accepts only DER without unknown fields.
func ParseNegTokenResp(b []byte) (*NegTokenResp, error) {
	var choice asn1.RawValue
	rest, err := asn1.Unmarshal(b, &choice)
	if err != nil || len(rest) > 0 || choice.Class != asn1.ClassContextSpecific || choice.Tag != 1 || !choice.IsCompound {
		return nil, errors.New("krbtest: the token is not a NegTokenResp")
	}
	var seq struct {
		State asn1.Enumerated       `asn1:"explicit,optional,default:-1,tag:0"`
		Mech  asn1.ObjectIdentifier `asn1:"explicit,optional,tag:1"`
		Token []byte                `asn1:"explicit,optional,tag:2"`
		MIC   []byte                `asn1:"explicit,optional,tag:3"`
	}
	if rest, err = asn1.Unmarshal(choice.Bytes, &seq); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("krbtest: malformed NegTokenResp, or bytes after it: %d bytes, %v", len(rest), err)
	}
	t := &NegTokenResp{State: NegState(seq.State), Token: seq.Token, MIC: seq.MIC}
	if seq.Mech != nil {
		t.Mechanism = contents(encode(seq.Mech))
	}
	if t.State < NegAbsent || t.State > NegRequestMIC {
		return nil, fmt.Errorf("krbtest: invalid negState %d", t.State)
	}
	// gofork accepts bytes after the known fields, and some invalid lengths.
	if !bytes.Equal(t.Bytes(), b) {
		return nil, errors.New("krbtest: the NegTokenResp is not in DER, or has unknown fields")
	}
	return t, nil
}

// Fragments cuts a token into n pieces, the last of which may be shorter (MS-SPNG,
// Section 3.1.5.4).
func Fragments(token []byte, n int) [][]byte {
	size := max(1, (len(token)+n-1)/n)
	var out [][]byte
	for len(token) > size {
		out = append(out, token[:size])
		token = token[size:]
	}
	return append(out, token)
}

func appendOctets(fields []asn1.RawValue, tag int, b []byte) []asn1.RawValue {
	if b == nil {
		return fields
	}
	return append(fields, octets(tag, b))
}

// sequence returns the encoding of a SEQUENCE of fields, followed by the bytes of more.
func sequence(fields []asn1.RawValue, more []byte) []byte {
	body := append(contents(encode(fields)), more...)
	return encode(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: body})
}

// Element encodes an element with a low tag and this content, in DER.
func Element(tag byte, content ...string) string {
	return string(encode(asn1.RawValue{Class: int(tag >> 6), IsCompound: tag&0x20 != 0, Tag: int(tag & 0x1f), Bytes: []byte(strings.Join(content, ""))}))
}

// contents returns the content of an encoded element.
func contents(encoded []byte) []byte {
	var v asn1.RawValue
	_, err := asn1.Unmarshal(encoded, &v)
	must(err)
	return bytes.Clone(v.Bytes)
}
