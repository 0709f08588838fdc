package krb5

import (
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// Limits on indicators and verifiers. RFC 7751 and RFC 8129 set no limits. These are far
// above the lists of real KDCs.
const (
	maxIndicators   = 64
	maxIndicatorLen = 1024 // bytes
	maxVerifiers    = 16
)

// CAMMAC is an AD-CAMMAC: authorization data with the checksums of those who vouch for it
// (RFC 7751, Section 4).
type CAMMAC struct {
	// Elements is the whole AuthorizationData, over which the service's verifier is made.
	Elements []byte
	// Service is the svc-verifier.
	Service    VerifierMAC
	HasService bool
}

// VerifierMAC is a Verifier-MAC. Its name and its key version only help to find the key.
type VerifierMAC struct {
	EType    int32
	HasEType bool
	MAC      Checksum
}

// Parse parses the data of an AD-CAMMAC into views of b. It checks the form of the
// kdc-verifier and of the other verifiers, and does not return them: no service has a key
// for them.
func (c *CAMMAC) Parse(b []byte) error {
	*c = CAMMAC{}
	in := reader(b)
	var seq reader
	var kdc VerifierMAC
	var has bool
	ok := in.element(&seq, asn1.SEQUENCE) && in.empty() &&
		seq.authorizationData(0, &c.Elements) &&
		(!seq.present(1, &has) || seq.verifierMAC(1, &kdc)) &&
		(!seq.present(2, &c.HasService) || seq.verifierMAC(2, &c.Service)) &&
		(seq.lacks(3) || seq.otherVerifiers(3)) &&
		seq.empty()
	if !ok {
		return zeroOnError(c, malformed("AD-CAMMAC"))
	}
	return nil
}

// verifierMAC reads field n, a Verifier-MAC.
func (r *reader) verifierMAC(n uint8, v *VerifierMAC) bool {
	var seq reader
	return r.sequence(n, &seq) && seq.verifier(v)
}

// verifier reads the content of a Verifier-MAC.
func (r *reader) verifier(v *VerifierMAC) bool {
	var name Name
	var kvno uint32
	return (r.lacks(0) || r.name(0, &name)) &&
		(r.lacks(1) || r.uint32(1, &kvno)) &&
		(!r.present(2, &v.HasEType) || r.int32(2, &v.EType)) &&
		r.checksum(3, &v.MAC) &&
		r.empty()
}

// otherVerifiers reads field n, a SEQUENCE OF Verifier. A Verifier is a Verifier-MAC, or one
// of the alternatives that a later document may add, which it skips.
func (r *reader) otherVerifiers(n uint8) bool {
	var list, v reader
	if !r.sequence(n, &list) || list.empty() {
		return false
	}
	for i := 0; !list.empty(); i++ {
		ok := i < maxVerifiers
		if list.isSequence() {
			ok = ok && list.element(&v, asn1.SEQUENCE) && v.verifier(new(VerifierMAC))
		} else {
			ok = ok && list.any()
		}
		if !ok {
			return false
		}
	}
	return true
}

// AppendIndicators appends the strings of an AD-AUTHENTICATION-INDICATOR, a SEQUENCE OF
// UTF8String (RFC 8129, Section 2), to dst. It returns an error for more than 64 strings in
// all, and for a string that is empty, longer than 1024 bytes or not UTF-8.
func AppendIndicators(dst []string, b []byte) ([]string, error) {
	in := reader(b)
	var list, s reader
	if !in.element(&list, asn1.SEQUENCE) || !in.empty() {
		return dst, malformed("AD-AUTHENTICATION-INDICATOR")
	}
	for !list.empty() {
		if len(dst) == maxIndicators || !list.element(&s, asn1.UTF8String) ||
			len(s) == 0 || len(s) > maxIndicatorLen || !utf8.Valid(s) {
			return dst, malformed("AD-AUTHENTICATION-INDICATOR")
		}
		dst = append(dst, string(s))
	}
	return dst, nil
}
