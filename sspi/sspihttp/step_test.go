package sspihttp_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

const ntlm = "TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw=="

// TestHTTP_2_Malformed checks that a field with the scheme Negotiate and malformed content
// is refused, and not treated as a request without credentials.
func TestHTTP_2_Malformed(t *testing.T) {
	realm := newRealm(t)
	for _, c := range []struct {
		name, field string
		outcome     sspihttp.Outcome
		reason      status.Reason
	}{
		{"no field", "", sspihttp.Challenged, status.ReasonNone},
		{"another scheme", "Basic YWxpY2U6c2VjcmV0", sspihttp.Challenged, status.ReasonNone},
		{"a longer scheme", "NegotiateX YIIB", sspihttp.Challenged, status.ReasonNone},
		{"a space before", " Negotiate YIIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"no scheme", "=Negotiate YIIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"a tab", "Negotiate\tYIIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"a tab behind the space", "Negotiate \tYIIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"a comma", "Negotiate,YIIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"a comma and a space", "Negotiate, YIIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"an equals sign", "Negotiate=YIIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"a colon", "negotiate: YIIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"a slash", "Negotiate/YIIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"a NUL", "Negotiate\x00YIIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"a byte above ASCII", "Negotiate\xc2\xa0YIIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"two spaces", "Negotiate  YIIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"a tab alone", "Negotiate\t", sspihttp.Refused, status.ReasonMalformedToken},
		{"NTLM and a tab", "NTLM\tTlRM", sspihttp.Refused, status.ReasonNTLM},
		{"no token", "Negotiate", sspihttp.Refused, status.ReasonMalformedToken},
		{"spaces for a token", "Negotiate   ", sspihttp.Refused, status.ReasonMalformedToken},
		{"rubbish", "Negotiate !!!!", sspihttp.Refused, status.ReasonMalformedToken},
		{"no padding", "Negotiate YIIBAg", sspihttp.Refused, status.ReasonMalformedToken},
		{"padding alone", "Negotiate ====", sspihttp.Refused, status.ReasonMalformedToken},
		{"bits behind the end", "Negotiate YIIBAh==", sspihttp.Refused, status.ReasonMalformedToken},
		{"base64url", "Negotiate YII-_w==", sspihttp.Refused, status.ReasonMalformedToken},
		{"a newline inside", "Negotiate YI\nIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"a return inside", "Negotiate YI\rIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"two tokens", "Negotiate YIIB YIIB", sspihttp.Refused, status.ReasonMalformedToken},
		{"two schemes", "Negotiate YIIB, Basic YWxpY2U6c2VjcmV0", sspihttp.Refused, status.ReasonMalformedToken},
		{"no token behind base64", "Negotiate AAAA", sspihttp.Refused, status.ReasonMalformedToken},
		{"the beginning of a token", "Negotiate YIIBAgYGKwYBBQUC", sspihttp.Refused, status.ReasonMalformedToken},
		{"NTLM", "Negotiate " + ntlm, sspihttp.Refused, status.ReasonNTLM},
		{"NTLM as a scheme", "NTLM " + ntlm, sspihttp.Refused, status.ReasonNTLM},
		{"ntlm as a scheme", "ntlm", sspihttp.Refused, status.ReasonNTLM},
		{"Kerberos as a scheme", "Kerberos YIIB", sspihttp.Refused, status.ReasonUnsupportedMechanism},
		{"too long for the header", "Negotiate " + strings.Repeat("A", 1<<20), sspihttp.Refused, status.ReasonTokenTooLong},
		{"too long to be looked at", "Negotiate " + strings.Repeat("%", 1<<20), sspihttp.Refused, status.ReasonTokenTooLong},
		{"too long when decoded", "Negotiate " + base64.StdEncoding.EncodeToString(make([]byte, 65537)), sspihttp.Refused, status.ReasonTokenTooLong},
		{"as long as allowed", "Negotiate " + base64.StdEncoding.EncodeToString(make([]byte, 65536)), sspihttp.Refused, status.ReasonMalformedToken},
	} {
		res := sspihttp.Step(t.Context(), newContext(t, realm, sspi.ContextConfig{}), c.field)
		if res.Outcome != c.outcome || status.ReasonOf(res.Err) != c.reason || res.StatusCode() != http.StatusUnauthorized || res.Peer != nil {
			t.Errorf("%s: %v, %v", c.name, res.Outcome, res.Err)
		}
		if !strings.HasPrefix(res.Header, "Negotiate") {
			t.Errorf("%s: the client received %q", c.name, res.Header)
		}
	}
}

// TestHTTP_2_Separator checks that the error of a field without exactly one space after the
// scheme names the error.
func TestHTTP_2_Separator(t *testing.T) {
	realm := newRealm(t)
	for _, field := range []string{"Negotiate\tYIIB", "Negotiate,YIIB", "Negotiate/YIIB", "Negotiate  YIIB"} {
		res := sspihttp.Step(t.Context(), newContext(t, realm, sspi.ContextConfig{}), field)
		if res.Err == nil || !strings.Contains(res.Err.Error(), "exactly one space") {
			t.Errorf("%q: %v", field, res.Err)
		}
	}
}

// TestStep_Accepts checks logins of one request and of several.
func TestStep_Accepts(t *testing.T) {
	realm := newRealm(t)
	for _, c := range []struct {
		name   string
		o      sspitest.Options
		legs   int
		silent bool // the server does not authenticate itself
	}{
		{"Kerberos", sspitest.Options{}, 1, false},
		{"Kerberos, one-way", sspitest.Options{OneWay: true}, 1, true},
		{"Kerberos, DCE style", sspitest.Options{DCEStyle: true}, 2, true},
		{"Kerberos, wrong clock", sspitest.Options{ClockOffset: time.Hour, RetrySkew: true}, 2, false},
		{"SPNEGO", sspitest.Options{SPNEGO: true}, 1, false},
		{"SPNEGO, one-way", sspitest.Options{SPNEGO: true, OneWay: true}, 1, false},
		{"SPNEGO, DCE style", sspitest.Options{SPNEGO: true, DCEStyle: true}, 2, false},
	} {
		for _, scheme := range []string{"Negotiate ", "negotiate ", "NEGOTIATE "} {
			i, err := realm.User("alice").Initiate(service, c.o)
			if err != nil {
				t.Fatal(err)
			}
			server := newContext(t, realm, sspi.ContextConfig{})
			var res sspihttp.Result
			legs := 0
			for legs == 0 || res.Outcome == sspihttp.Continued {
				field := strings.Replace(next(t, i, res.Header), "Negotiate ", scheme, 1)
				legs++
				if res = sspihttp.Step(t.Context(), server, field); res.Outcome == sspihttp.Continued && res.StatusCode() != http.StatusUnauthorized {
					t.Errorf("%s: status %d in between", c.name, res.StatusCode())
				}
			}
			if res.Outcome != sspihttp.Accepted || res.StatusCode() != http.StatusOK || legs != c.legs || (res.Header == "") != c.silent {
				t.Errorf("%s: %v after %d, %q, %v", c.name, res.Outcome, legs, res.Header, res.Err)
				continue
			}
			if res.Peer.Client.String() != "alice@EXAMPLE.COM" || res.Err != nil {
				t.Errorf("%s: %v, %v", c.name, res.Peer.Client, res.Err)
			}
			if res.Header != "" { // the client verifies the token
				next(t, i, res.Header)
			}
		}
	}
}

// TestStep_OneSpelling checks that Step refuses a valid token in another base64 form, and
// does not use up its authenticator.
func TestStep_OneSpelling(t *testing.T) {
	realm := newRealm(t)
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	var field string
	for name := "a"; !strings.HasSuffix(field, "=") && len(name) < 64; name += "a" {
		i, err := realm.User(name).Initiate(service, sspitest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		field = next(t, i, "")
	}
	end := strings.IndexByte(field, '=')
	bits := field[:end-1] + string(field[end-1]+1) + field[end:] // base64 ignores these bits
	step := func(field string) sspihttp.Result {
		c := acceptor.NewContext(sspi.ContextConfig{})
		defer c.Close()
		return sspihttp.Step(t.Context(), c, field)
	}
	for _, bad := range []string{field[:20] + "\n" + field[20:], field[:20] + "\r\n" + field[20:], field + "\n", field + "\r", field[:20] + " " + field[20:], field + "=", field + "A===", bits, field[:end]} {
		if res := step(bad); res.Outcome != sspihttp.Refused || status.ReasonOf(res.Err) != status.ReasonMalformedToken {
			t.Errorf("%q: %v, %v", bad[:40], res.Outcome, res.Err)
		}
	}
	if res := step(field); res.Outcome != sspihttp.Accepted {
		t.Errorf("%v, %v", res.Outcome, res.Err)
	}
}

// TestStep_Refuses checks that a waiting client gets the error token.
func TestStep_Refuses(t *testing.T) {
	realm := newRealm(t)
	i, err := realm.User("alice").Initiate(service, sspitest.Options{EndTime: realm.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	res := sspihttp.Step(t.Context(), newContext(t, realm, sspi.ContextConfig{}), next(t, i, ""))
	data, ok := strings.CutPrefix(res.Header, "Negotiate ")
	if res.Outcome != sspihttp.Refused || status.ReasonOf(res.Err) != status.ReasonTicketExpired || !ok {
		t.Fatalf("%v, %v, %q", res.Outcome, res.Err, res.Header)
	}
	reply, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.Next(reply); err == nil {
		t.Error("the client received no error token")
	}
}

// TestStep_NoContext checks that an error of the caller causes no challenge.
func TestStep_NoContext(t *testing.T) {
	for _, c := range []*sspi.Context{nil, new(sspi.Context)} {
		res := sspihttp.Step(t.Context(), c, "Negotiate YIIB")
		if res.Outcome != sspihttp.Refused || res.StatusCode() != http.StatusInternalServerError || res.Header != "" {
			t.Errorf("%v, %d, %q, %v", res.Outcome, res.StatusCode(), res.Header, res.Err)
		}
	}
	if res := (sspihttp.Result{}); res.StatusCode() != http.StatusUnauthorized {
		t.Errorf("the zero Result: %d", res.StatusCode())
	}
	if res := (sspihttp.Result{Outcome: 99}); res.StatusCode() != http.StatusUnauthorized || res.Outcome.String() != "unknown" {
		t.Errorf("an unknown outcome: %d, %v", res.StatusCode(), res.Outcome)
	}
}

// TestResult_StatusCode checks that a Reason that the client can correct has the status
// 401, and every other one a status of the server.
func TestResult_StatusCode(t *testing.T) {
	server := map[status.Reason]int{
		status.ReasonNoKey: 500, status.ReasonNoCredentials: 500, status.ReasonArgument: 500, status.ReasonContextState: 500,
		status.ReasonInvalidHandle: 500, status.ReasonInternal: 500, status.ReasonBindingUnknown: 500,
		status.ReasonReplayCacheFull: 503, status.ReasonReplayCacheShare: 503, status.ReasonReplayCacheFailed: 503, status.ReasonCanceled: 503,
	}
	for r := status.ReasonNone + 1; r <= status.ReasonInternal; r++ {
		want := server[r]
		if want == 0 {
			want = 401
		}
		if got := (sspihttp.Result{Outcome: sspihttp.Refused, Err: &status.Error{Reason: r}}).StatusCode(); got != want {
			t.Errorf("%v: %d, want %d", r, got, want)
		}
	}
	for outcome, want := range map[sspihttp.Outcome]string{
		sspihttp.Challenged: "challenged 401", sspihttp.Continued: "continued 401", sspihttp.Accepted: "accepted 200",
		sspihttp.Refused: "refused 500",
	} {
		if got := outcome.String() + " " + (map[int]string{200: "200", 401: "401", 500: "500"})[sspihttp.Result{Outcome: outcome}.StatusCode()]; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
