package sspihttp

import (
	"encoding/base64"
	"strings"

	"github.com/gosspi/kerberos/status"
)

// scheme is the authentication scheme (RFC 4559, Section 4).
const scheme = "Negotiate"

// tokenOf takes the token out of the value of an Authorization field. It is nil
// without an error if the field is empty or another scheme's. limit is the longest
// token.
func tokenOf(authorization string, limit int) ([]byte, error) {
	name, data, _ := strings.Cut(authorization, " ")
	switch {
	case strings.EqualFold(name, scheme):
	case strings.EqualFold(name, "NTLM"):
		return nil, &status.Error{Reason: status.ReasonNTLM, Detail: "the client chose the HTTP scheme NTLM, which was not offered"}
	case strings.EqualFold(name, "Kerberos"):
		return nil, &status.Error{Reason: status.ReasonUnsupportedMechanism, Detail: "the client chose the HTTP scheme Kerberos, which was not offered"}
	default:
		return nil, nil
	}
	data = strings.Trim(data, " ")
	switch {
	case data == "":
		return nil, &status.Error{Reason: status.ReasonMalformedToken, Detail: "the Authorization field has no token"}
	case len(data) > base64.StdEncoding.EncodedLen(limit):
		return nil, &status.Error{Reason: status.ReasonTokenTooLong}
	case strings.ContainsAny(data, "\r\n"): // which package base64 passes over
		return nil, errBase64()
	}
	token, err := base64.StdEncoding.Strict().DecodeString(data)
	if err != nil {
		return nil, errBase64()
	}
	return token, nil
}

func errBase64() error {
	return &status.Error{Reason: status.ReasonMalformedToken, Detail: "the token in the Authorization field is not base64"}
}

// challenge is the value of a WWW-Authenticate field.
func challenge(token []byte) string {
	if len(token) == 0 {
		return scheme
	}
	return scheme + " " + base64.StdEncoding.EncodeToString(token)
}
