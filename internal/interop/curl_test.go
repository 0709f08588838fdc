package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// curled is curl's output: pages contains each page, followed by its status code, and talk
// the headers of both sides.
type curled struct {
	pages, talk string
}

func (s *session) curl(t testing.TB, args ...string) curled {
	t.Helper()
	talk := filepath.Join(t.TempDir(), "talk")
	args = append([]string{
		"-q", "-sS", "-v", "--stderr", talk, "--noproxy", "*", "--max-time", "25", "-u", ":", "-w", `\ncode %{http_code}\n`,
	}, args...)
	res := run(t, s.env(), "", "curl", args...)
	b, err := os.ReadFile(talk)
	if res.code != 0 || err != nil {
		t.Errorf("curl: exit %d, %v\n%s%s", res.code, err, res.out, b)
	}
	return curled{res.out, string(b)}
}

// count compares how often each text is in curl's output with want. Case is not
// significant, as in the names of headers.
func (c curled) count(t testing.TB, want map[string]int) {
	t.Helper()
	all := strings.ToLower(c.talk + c.pages)
	for text, n := range want {
		if got := strings.Count(all, strings.ToLower(text)); got != n {
			t.Errorf("%q %d times, want %d\n%s", text, got, n, c.talk+c.pages)
		}
	}
}

// shows checks that a page contains the text.
func (c curled) shows(t testing.TB, text string) {
	t.Helper()
	if !strings.Contains(c.pages, text) {
		t.Errorf("no page says %q:\n%s", text, c.talk+c.pages)
	}
}

const (
	curlSent     = "> Authorization: Negotiate "
	curlToken    = "< WWW-Authenticate: Negotiate "
	curlAccepted = "code 200"
	curlRefused  = "code 401"
	curlReused   = "Re-using existing connection"
)

func TestInteropCurl(t *testing.T) {
	r := theRealm(t, "curl")
	t.Parallel()
	srv, login := ourWeb(t, r, "-delegate"), r.login(t, "-f")
	who := user + "@" + realmName
	t.Run("GET", func(t *testing.T) {
		worked(t, "httpd", "curl", "SPNEGO", "mutual")
		res := login.curl(t, "--negotiate", srv.url)
		res.count(t, map[string]int{curlSent: 1, curlToken: 1, curlAccepted: 1, curlRefused: 0})
		res.shows(t, who)
		srv.logged(t, who)
	})
	t.Run("asked first", func(t *testing.T) {
		res := login.curl(t, "--anyauth", srv.url)
		res.count(t, map[string]int{"< HTTP/1.1 401": 1, curlSent: 1, curlAccepted: 1})
	})
	t.Run("delegation", func(t *testing.T) {
		worked(t, "httpd", "curl", "SPNEGO", "delegation")
		for _, how := range []string{"always", "policy"} {
			res := login.curl(t, "--negotiate", "--delegation", how, srv.url)
			res.shows(t, "a ticket of "+who+" for krbtgt/"+realmName)
		}
	})
	t.Run("POST", func(t *testing.T) {
		worked(t, "httpd", "curl", "SPNEGO", "POST of 20 kB")
		body := filepath.Join(t.TempDir(), "body")
		if err := os.WriteFile(body, make([]byte, 20000), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, how := range []string{"--negotiate", "--anyauth"} {
			res := login.curl(t, how, "--data-binary", "@"+body, srv.url)
			res.count(t, map[string]int{curlAccepted: 1})
			res.shows(t, "20000 bytes\n")
		}
	})
	t.Run("replayed", func(t *testing.T) {
		_, rest, _ := strings.Cut(login.curl(t, "--negotiate", srv.url).talk, curlSent)
		token, _, _ := strings.Cut(rest, "\r\n")
		res := login.curl(t, "-H", "Authorization: Negotiate "+strings.TrimSpace(token), srv.url)
		res.count(t, map[string]int{curlSent: 1, curlRefused: 1})
		srv.logged(t, "=replay")
	})
	t.Run("two requests", func(t *testing.T) {
		worked(t, "httpd", "curl", "SPNEGO", "two requests on one connection")
		res := login.curl(t, "--negotiate", srv.url, srv.url)
		res.count(t, map[string]int{curlReused: 1, curlAccepted: 2, curlSent: 2, curlToken: 2})
	})
}

func TestInteropCurl_TLS(t *testing.T) {
	r := theRealm(t, "curl")
	t.Parallel()
	worked(t, "httpd", "curl", "SPNEGO", "https")
	cert, key := certificate(t)
	srv, login := ourWeb(t, r, "-cert", cert, "-key", key), r.login(t)
	for version, proto := range map[string]string{"--http1.1": "1.1", "--http2": "2"} {
		res := login.curl(t, "--negotiate", version, "--cacert", cert, srv.url)
		res.count(t, map[string]int{curlAccepted: 1})
		res.shows(t, user+"@"+realmName)
		srv.logged(t, "network.protocol.version="+proto, "binding=missing")
	}
	strict := ourWeb(t, r, "-cert", cert, "-key", key, "-require-binding")
	login.curl(t, "--negotiate", "--cacert", cert, strict.url).count(t, map[string]int{curlRefused: 1})
	strict.logged(t, "=binding-missing")
}

// TestInteropCurl_Refused checks clients without a ticket, with a ticket for which the
// server has no key, or with NTLM only.
func TestInteropCurl_Refused(t *testing.T) {
	r := theRealm(t, "curl", "faketime", gssNTLMSSP)
	t.Parallel()
	login, nobody := r.login(t), &session{realm: r, cache: filepath.Join(t.TempDir(), "none")}
	svc, late := webService(t, r), r.login(t)
	late.fetch(t, svc)
	late.extra = clock("+20m")
	good := ourWeb(t, r)
	for _, c := range []struct {
		name   string
		login  *session
		srv    *webServer
		how    string
		sent   int // the number of tokens that the client sent
		reason string
	}{
		{"no ticket", nobody, good, "--negotiate", 0, ""},
		{"wrong key", login, startWeb(t, r, staleKeytab(t, svc, 1)), "--negotiate", 1, "wrong-key"},
		{"stale key", login, startWeb(t, r, staleKeytab(t, svc, 7)), "--negotiate", 1, "unknown-key-version"},
		{"clock 20 minutes ahead", late, good, "--negotiate", 1, "clock-skew"}, // the client receives the time, and makes no second try
		{"NTLM alone", login, good, "--ntlm", 0, "ntlm"},
		{"no ticket, and NTLM to fall back to", nobody.withNTLM(t), ourWeb(t, r), "--negotiate", 1, "ntlm"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := c.login.curl(t, c.how, c.srv.url)
			res.count(t, map[string]int{curlAccepted: 0, curlRefused: 1, curlSent: c.sent})
			if strings.Contains(res.pages, user) {
				t.Errorf("the page names a client:\n%s", res.pages)
			}
			if c.reason != "" {
				c.srv.logged(t, "="+c.reason)
			}
		})
	}
}
