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

// EndPoint returns the channel binding tls-server-end-point (RFC 5929, Section 4.1) of the
// server's certificate: the hash of the certificate, computed with the hash function of the
// certificate's signature, or with SHA-256 if that function is MD5 or SHA-1. For RSASSA-PSS,
// the parameters of the signature name the hash function.
//
// RFC 5929 does not define the binding for signatures without a hash function, such as
// Ed25519 and Ed448. Clients hash such certificates with different functions, so EndPoint
// returns two values, with SHA-512 and with SHA-256. Both identify the server's certificate.
//
// EndPoint returns nil for a nil certificate and for a certificate that was not parsed.
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

// EndPoints returns the bindings of [EndPoint] for every certificate that a server with this
// config may present. It returns an error if the config has no certificate, and if the
// config has GetCertificate or GetConfigForClient, which may choose any certificate: use
// [Record] then.
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

// leafOf returns the first certificate of the chain: the server's certificate.
func leafOf(c *tls.Certificate) (*x509.Certificate, error) {
	switch {
	case c.Leaf != nil:
		return c.Leaf, nil
	case len(c.Certificate) == 0:
		return nil, argument("the chain is empty")
	}
	return x509.ParseCertificate(c.Certificate[0])
}

// signatureHashes returns the hash functions with which clients may hash a certificate.
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
