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
		return errMechanism(status.ReasonNTLM)
	case bytes.HasPrefix(token, signatureNegoEx):
		return errMechanism(status.ReasonNegoEx)
	}
	return err
}

// errMechanism is the refusal of a token that is not Kerberos. Its Detail says what an
// operator can do.
func errMechanism(reason status.Reason) *status.Error {
	detail := "the token names a mechanism that this acceptor does not serve; configure the client for Kerberos"
	switch reason {
	case status.ReasonNTLM:
		detail = "the client sent an NTLM token instead of a Kerberos token, so it has no ticket for this service. On the client, klist get SPN shows why: " +
			"the SPN of the name that the client uses must be registered on this service's account only (setspn -Q SPN), the client must reach a KDC, and the name must not be an IP address"
	case status.ReasonSPNEGO:
		detail = "the token is SPNEGO where a Kerberos token is expected; the package Negotiate takes SPNEGO, beginning with the client's first token"
	case status.ReasonNegoEx:
		detail = "the token is NegoEx (Microsoft accounts and PKU2U); configure the client for Kerberos"
	case status.ReasonIAKERB:
		detail = "the client reached no KDC and asks this server to relay its messages to one; let the client reach a KDC"
	}
	return &status.Error{Reason: reason, Detail: detail}
}
