package sspihttp_test

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

var schemeName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]*")

// FuzzStep gives Step any Authorization field. Nobody gets in by rubbish, an outcome
// and its parts always fit, what is said to the client can be a header, and another
// spelling of the same token is refused.
func FuzzStep(f *testing.F) {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, field string) {
		c := acceptor.NewContext(sspi.ContextConfig{})
		defer c.Close()
		res := sspihttp.Step(t.Context(), c, field)
		name := schemeName.FindString(field)
		data := strings.TrimPrefix(field[len(name):], " ")
		switch ours := slices.Contains([]string{"negotiate", "ntlm", "kerberos"}, strings.ToLower(name)) || name == "" && field != ""; {
		case res.Outcome == sspihttp.Accepted || res.Peer != nil:
			t.Fatalf("%v", res.Peer)
		case (res.Outcome == sspihttp.Challenged) == ours:
			t.Fatalf("%v", res.Outcome)
		case (res.Outcome == sspihttp.Refused) != (res.Err != nil):
			t.Fatalf("%v, %v", res.Outcome, res.Err)
		case res.StatusCode() != http.StatusUnauthorized:
			t.Fatalf("%d: %v", res.StatusCode(), res.Err)
		}
		token, ok := strings.CutPrefix(res.Header, "Negotiate")
		if _, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(token, " ")); !ok || err != nil || strings.ContainsAny(token, "\r\n") {
			t.Fatalf("%q", res.Header)
		}
		if len(data) > base64.StdEncoding.EncodedLen(c.MaxToken()) {
			data = "" // longer than anything is looked at
		}
		if b, err := base64.StdEncoding.DecodeString(data); err != nil || base64.StdEncoding.EncodeToString(b) != data {
			if res.Outcome == sspihttp.Continued || strings.EqualFold(name, "Negotiate") && status.ReasonOf(res.Err) != status.ReasonMalformedToken {
				t.Fatalf("%q: %v, %v", field, res.Outcome, res.Err)
			}
		}
	})
}
