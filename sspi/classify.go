package sspi

import (
	"bytes"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// mechanismReason names the mechanism of a GSS frame that is not Kerberos, so
// that an operator sees what the client tried.
func mechanismReason(oid []byte) status.Reason {
	switch string(oid) {
	case string(krb5.OIDSPNEGO):
		return status.ReasonSPNEGO
	case string(krb5.OIDNTLM):
		return status.ReasonNTLM
	case string(krb5.OIDNegoEx):
		return status.ReasonNegoEx
	case string(krb5.OIDIAKERB):
		return status.ReasonIAKERB
	}
	return status.ReasonUnsupportedMechanism
}

// Signatures of tokens that come without a GSS frame.
var (
	signatureNTLM   = []byte("NTLMSSP\x00")
	signatureNegoEx = []byte("NEGOEXTS")
)

// nameToken gives a token that has no GSS frame the reason it deserves; err is
// what the frame's parser said.
func nameToken(token []byte, err error) error {
	switch {
	case bytes.HasPrefix(token, signatureNTLM):
		return &status.Error{Reason: status.ReasonNTLM}
	case bytes.HasPrefix(token, signatureNegoEx):
		return &status.Error{Reason: status.ReasonNegoEx}
	}
	return err
}
