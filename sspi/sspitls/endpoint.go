package sspitls

import (
	"crypto"
	_ "crypto/sha256" // the hashes below
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"strconv"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// EndPoint is tls-server-end-point (RFC 5929, Section 4.1) of the certificate that
// the server presents: its hash, by the hash function of its signature, or by
// SHA-256 where that is MD5 or SHA-1. For RSASSA-PSS it is the hash function of the
// parameters.
//
// Signatures without a hash function of their own, as Ed25519 and Ed448 are, have no
// such binding. Since clients differ in what they do then, the result has two, by
// SHA-512 and by SHA-256. It is the server's own certificate either way.
//
// The result is nil for a nil certificate, and for one that was not parsed.
func EndPoint(certificate *x509.Certificate) []sspi.ChannelBindings {
	if certificate == nil || len(certificate.Raw) == 0 {
		return nil
	}
	var out []sspi.ChannelBindings
	for _, hash := range signatureHashes(certificate) {
		h := hash.New()
		h.Write(certificate.Raw)
		out = append(out, bindings("tls-server-end-point:", h.Sum(nil)))
	}
	return out
}

// EndPoints is [EndPoint] of every certificate that a server with this config may
// present. It is an error if there is none, and if GetCertificate or
// GetConfigForClient choose, since what they may choose is not known: see [Record].
func EndPoints(config *tls.Config) ([]sspi.ChannelBindings, error) {
	switch {
	case config == nil || len(config.Certificates) == 0 && config.GetCertificate == nil && config.GetConfigForClient == nil:
		return nil, argument("the tls.Config has no certificate")
	case config.GetCertificate != nil || config.GetConfigForClient != nil:
		return nil, argument("GetCertificate and GetConfigForClient may choose any certificate: use Record")
	}
	var out []sspi.ChannelBindings
	for i := range config.Certificates {
		leaf, err := leafOf(&config.Certificates[i])
		if err != nil {
			return nil, &status.Error{Reason: status.ReasonArgument, Detail: "sspitls: certificate " + strconv.Itoa(i) + " of the tls.Config", Err: err}
		}
		out = append(out, EndPoint(leaf)...)
	}
	return out, nil
}

// leafOf is the first certificate of the chain, which is the server's.
func leafOf(c *tls.Certificate) (*x509.Certificate, error) {
	switch {
	case c.Leaf != nil:
		return c.Leaf, nil
	case len(c.Certificate) == 0:
		return nil, argument("the chain is empty")
	}
	return x509.ParseCertificate(c.Certificate[0])
}

// signatureHashes are the hash functions by which clients may hash a certificate.
func signatureHashes(c *x509.Certificate) []crypto.Hash {
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1,
		x509.SHA256WithRSA, x509.DSAWithSHA256, x509.ECDSAWithSHA256, x509.SHA256WithRSAPSS:
		return []crypto.Hash{crypto.SHA256}
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		return []crypto.Hash{crypto.SHA384}
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		return []crypto.Hash{crypto.SHA512}
	}
	if hash, ok := otherHash(c.Raw); ok {
		return []crypto.Hash{hash}
	}
	return []crypto.Hash{crypto.SHA512, crypto.SHA256}
}

func bindings(prefix string, value []byte) sspi.ChannelBindings {
	return sspi.ChannelBindings{ApplicationData: append([]byte(prefix), value...)}
}

func argument(detail string) error {
	return &status.Error{Reason: status.ReasonArgument, Detail: "sspitls: " + detail}
}
