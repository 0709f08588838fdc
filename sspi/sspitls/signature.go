package sspitls

import (
	"crypto"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

var oidPSS = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}

// algorithmHash is a signature algorithm or a hash function, and the hash of its bindings.
type algorithmHash struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash
}

// signatureOIDs lists signature algorithms that crypto/x509 does not know, with their hash
// functions.
var signatureOIDs = []algorithmHash{
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 14}, crypto.SHA224},    // sha224WithRSAEncryption
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 1}, crypto.SHA224},      // ecdsa-with-SHA224
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 1}, crypto.SHA224}, // dsa-with-sha224
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 3}, crypto.SHA384}, // dsa-with-sha384
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 4}, crypto.SHA512}, // dsa-with-sha512
}

// hashOIDs lists the hash functions in the parameters of RSASSA-PSS. RFC 5929 replaces SHA-1
// with SHA-256.
var hashOIDs = []algorithmHash{
	{asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, crypto.SHA256},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 4}, crypto.SHA224},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA256},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA384},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.SHA512},
}

// otherHash returns the hash function of a signature algorithm that crypto/x509 does not
// know. crypto/x509 knows RSASSA-PSS only with the parameters that TLS uses.
func otherHash(certificate []byte) (crypto.Hash, bool) {
	var inner, algorithm, params cryptobyte.String
	var oid asn1.ObjectIdentifier
	s := cryptobyte.String(certificate)
	_ = s.ReadASN1(&inner, der.SEQUENCE) &&
		inner.SkipASN1(der.SEQUENCE) && // tbsCertificate
		inner.ReadASN1(&algorithm, der.SEQUENCE) && // signatureAlgorithm
		algorithm.ReadASN1ObjectIdentifier(&oid)
	if oid.Equal(oidPSS) {
		if !algorithm.ReadASN1(&params, der.SEQUENCE) {
			return 0, false
		}
		return pssHash(params)
	}
	return hashOf(signatureOIDs, oid) // oid is nil if the certificate is malformed
}

// pssHash returns the hash function for hashAlgorithm of RSASSA-PSS-params (RFC 4055, Section
// 3.1). If hashAlgorithm is absent, it is SHA-1, which RFC 5929 replaces with SHA-256.
func pssHash(params cryptobyte.String) (crypto.Hash, bool) {
	hashAlgorithm := der.Tag(0).ContextSpecific().Constructed()
	if !params.PeekASN1Tag(hashAlgorithm) {
		return crypto.SHA256, true
	}
	var field, algorithm cryptobyte.String
	var oid asn1.ObjectIdentifier
	_ = params.ReadASN1(&field, hashAlgorithm) &&
		field.ReadASN1(&algorithm, der.SEQUENCE) &&
		algorithm.ReadASN1ObjectIdentifier(&oid)
	return hashOf(hashOIDs, oid) // oid is nil if the parameters are malformed
}

// hashOf returns the hash function of oid in list, and false if list does not have it.
func hashOf(list []algorithmHash, oid asn1.ObjectIdentifier) (crypto.Hash, bool) {
	for _, a := range list {
		if oid.Equal(a.oid) {
			return a.hash, true
		}
	}
	return 0, false
}
