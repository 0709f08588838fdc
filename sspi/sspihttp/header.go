package sspihttp

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/gosspi/kerberos/status"
)

// scheme is the name of the authentication scheme (RFC 4559, Section 4).
const scheme = "Negotiate"

// tokenOf returns the token in the value of an Authorization field. It returns nil without
// an error if the field is empty or has a scheme that this package does not know. limit is
// the maximum length of the token in bytes.
//
// A field that begins with the name Negotiate is always an attempt to log in. If the rest
// of the field is malformed, tokenOf returns an error, so that the request does not count
// as a request without credentials.
func tokenOf(authorization string, limit int) ([]byte, error) {
	name := schemeName(authorization)
	switch {
	case strings.EqualFold(name, scheme):
	case strings.EqualFold(name, "NTLM"):
		return nil, &status.Error{Reason: status.ReasonNTLM, Detail: "the client chose the HTTP scheme NTLM, which was not offered"}
	case strings.EqualFold(name, "Kerberos"):
		return nil, &status.Error{Reason: status.ReasonUnsupportedMechanism, Detail: "the client chose the HTTP scheme Kerberos, which was not offered"}
	case name == "" && authorization != "":
		return nil, malformed("the Authorization field does not begin with the name of a scheme")
	default:
		return nil, nil
	}
	data, spaced := strings.CutPrefix(authorization[len(name):], " ")
	switch {
	case len(authorization) == len(name), strings.Trim(data, " ") == "" && spaced:
		return nil, malformed("the Authorization field has no token")
	case !spaced, data[0] == ' ':
		return nil, malformed("exactly one space must follow the name Negotiate in the Authorization field")
	case len(data) > base64.StdEncoding.EncodedLen(limit):
		return nil, &status.Error{Reason: status.ReasonTokenTooLong, Detail: "the Authorization field has a token of " + strconv.Itoa(base64.StdEncoding.DecodedLen(len(data))) + " bytes, and Config.MaxToken of the acceptor is " + strconv.Itoa(limit)}
	case strings.ContainsAny(data, "\r\n"): // package base64 ignores these characters
		return nil, errBase64()
	}
	token, err := base64.StdEncoding.Strict().DecodeString(data)
	if err != nil {
		return nil, errBase64()
	}
	return token, nil
}

// schemeName returns the name of the authentication scheme at the start of a field: the
// longest prefix that is a token (RFC 9110, Sections 5.6.2 and 11.1).
func schemeName(field string) string {
	for i := range len(field) {
		if !isTokenChar(field[i]) {
			return field[:i]
		}
	}
	return field
}

func isTokenChar(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func errBase64() error {
	return malformed("the token in the Authorization field is not base64")
}

func malformed(detail string) error {
	return &status.Error{Reason: status.ReasonMalformedToken, Detail: detail}
}

// challenge returns the value of a WWW-Authenticate field with token.
func challenge(token []byte) string {
	if len(token) == 0 {
		return scheme
	}
	return scheme + " " + base64.StdEncoding.EncodeToString(token)
}
