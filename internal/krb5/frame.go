package krb5

import (
	"encoding/binary"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// Token ids (TOK_ID) of the initial tokens and of the user-to-user tokens (RFC 4121,
// Section 4.1; draft-swift-win2k-krb-user2user-03, Section 3). They are big-endian on
// the wire.
const (
	TokAPReq  uint16 = 0x0100
	TokAPRep  uint16 = 0x0200
	TokError  uint16 = 0x0300
	TokTGTReq uint16 = 0x0400
	TokTGTRep uint16 = 0x0401
)

// Object identifiers of the mechanisms that clients offer, as the content of a DER OBJECT
// IDENTIFIER. They must not be modified.
var (
	OIDKerberos   = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02}       // 1.2.840.113554.1.2.2
	OIDMSKerberos = []byte{0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02}       // 1.2.840.48018.1.2.2
	OIDUser2User  = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x03} // 1.2.840.113554.1.2.2.3
	OIDSPNEGO     = []byte{0x2b, 0x06, 0x01, 0x05, 0x05, 0x02}                         // 1.3.6.1.5.5.2
	OIDNTLM       = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a} // 1.3.6.1.4.1.311.2.2.10
	OIDNegoEx     = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x1e} // 1.3.6.1.4.1.311.2.2.30
	OIDIAKERB     = []byte{0x2b, 0x06, 0x01, 0x05, 0x02, 0x05}                         // 1.3.6.1.5.2.5
)

// FrameTag is the first byte of a GSS frame: [APPLICATION 0], constructed (RFC 2743,
// Section 3.1).
const FrameTag = applicationTag

// Framed is a token without its GSS frame. Its slices are views of the framed token.
type Framed struct {
	Mechanism []byte // content of the OBJECT IDENTIFIER, which ValidOID accepts
	// TokID is 0 for a mechanism other than Kerberos, whose tokens need not begin with
	// a token id. Inner is then everything after the mechanism.
	TokID uint16
	Inner []byte
}

// CutFrame removes the frame of RFC 2743, Section 3.1, which must span the whole token,
// and reads the token id of RFC 4121, Section 4.1.
func CutFrame(token []byte) (Framed, error) {
	const what = "GSS token"
	in := reader(token)
	var body, oid reader
	if !in.element(&body, FrameTag) || !in.empty() ||
		!body.element(&oid, asn1.OBJECT_IDENTIFIER) || !ValidOID(oid) {
		return Framed{}, malformed(what)
	}
	f := Framed{Mechanism: oid, Inner: body}
	if hasTokID(oid) {
		if len(body) < 2 {
			return Framed{}, malformed(what)
		}
		f.TokID, f.Inner = binary.BigEndian.Uint16(body), body[2:]
	}
	return f, nil
}

func hasTokID(oid []byte) bool {
	switch string(oid) {
	case string(OIDKerberos), string(OIDMSKerberos), string(OIDUser2User), string(OIDIAKERB):
		return true
	}
	return false
}

// AppendFrame appends inner in its GSS frame: oid, the token id, inner. The spare
// capacity of dst must not overlap inner.
func AppendFrame(dst, oid []byte, tokID uint16, inner []byte) []byte {
	dst = append(dst, FrameTag)
	dst = appendLength(dst, elementSize(len(oid))+2+len(inner))
	dst = append(dst, byte(asn1.OBJECT_IDENTIFIER))
	dst = appendLength(dst, len(oid))
	dst = append(dst, oid...)
	dst = binary.BigEndian.AppendUint16(dst, tokID)
	return append(dst, inner...)
}

// FrameOverhead returns the number of bytes that [AppendFrame] adds to a token of
// innerLen bytes.
func FrameOverhead(oid []byte, innerLen int) int {
	return elementSize(elementSize(len(oid))+2+innerLen) - innerLen
}

// Limits on object identifiers; GSS mechanisms have about ten arcs.
const (
	maxArcs = 64
	maxArc  = 1 << 31
)

// ValidOID reports whether oid is the content of a DER OBJECT IDENTIFIER with at
// most 64 arcs, each below 1<<31. ValidOID refuses padded arcs, so that two identifiers
// are equal exactly if their bytes are.
func ValidOID(oid []byte) bool {
	if len(oid) == 0 || oid[len(oid)-1]&0x80 != 0 {
		return false
	}
	var arc uint64
	arcs := 1 // the first encoded number holds two
	start := true
	for _, b := range oid {
		if start && b == 0x80 {
			return false
		}
		arc = arc<<7 | uint64(b&0x7f)
		limit := uint64(maxArc)
		if arcs == 1 {
			limit += 80
		}
		if arc > limit {
			return false
		}
		if start = b&0x80 == 0; start {
			arc = 0
			if arcs++; arcs > maxArcs {
				return false
			}
		}
	}
	return true
}
