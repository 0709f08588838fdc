package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// chromium opens a page in a browser whose profile has authenticated before, and returns
// the page. It writes a screenshot to the folder KERBEROS_ARTIFACTS, if that is set.
func (s *session) chromium(t testing.TB, url, picture string, args ...string) result {
	t.Helper()
	home := t.TempDir()
	profile := filepath.Join(home, "profile")
	// TestInteropDocuments_ChromiumFirstPage uses a profile without this entry.
	seen := `{"net":{"received_http_auth_negotiate_headers":true}}`
	for _, err := range []error{
		os.Mkdir(profile, 0o700), os.WriteFile(filepath.Join(profile, "Local State"), []byte(seen), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return s.browse(t, home, url, picture, args...)
}

// browse runs Chromium with the profile in a home folder.
func (s *session) browse(t testing.TB, home, url, picture string, args ...string) result {
	t.Helper()
	artifacts := os.Getenv("KERBEROS_ARTIFACTS")
	if artifacts == "" {
		artifacts = home
	}
	if err := os.MkdirAll(artifacts, 0o700); err != nil {
		t.Fatal(err)
	}
	picture = filepath.Join(artifacts, picture)
	browser := *s
	browser.extra = append(browser.extra, "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "TMPDIR="+home)
	args = append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir=" + filepath.Join(home, "profile"), "--window-size=1000,1250", "--screenshot=" + picture, "--dump-dom", "--timeout=20000",
	}, args...)
	res := run(t, browser.env(), "", "chromium", append(args, url)...)
	if b, err := os.ReadFile(picture); err != nil || !strings.HasPrefix(string(b), "\x89PNG") {
		t.Errorf("no picture of the page: %v\n%s", err, res.out)
	}
	return res
}

// TestInteropChromium checks that a browser that trusts localhost authenticates and shows
// the client's name, and that a browser that does not trust it, or has no ticket, shows the
// page of the refusal.
func TestInteropChromium(t *testing.T) {
	r := theRealm(t, "chromium")
	t.Parallel()
	srv, login := ourWeb(t, r), r.login(t)
	who, may := user+"@"+realmName, "--auth-server-allowlist=localhost"
	t.Run("accepted", func(t *testing.T) {
		worked(t, "httpd", "Chromium", "SPNEGO", "one-way")
		res := login.chromium(t, srv.url, "chromium-accepted.png", may)
		if res.code != 0 || !strings.Contains(res.out, who) {
			t.Errorf("exit %d, the page does not say %s\n%s\n%s", res.code, who, res.out, srv.p.Out)
		}
		srv.logged(t, who)
	})
	nobody := &session{realm: r, cache: filepath.Join(t.TempDir(), "none")}
	for name, page := range map[string]func(t *testing.T) result{
		"not allowed": func(t *testing.T) result { return login.chromium(t, srv.url, "chromium-not-allowed.png") },
		"no ticket":   func(t *testing.T) result { return nobody.chromium(t, srv.url, "chromium-no-ticket.png", may) },
	} {
		t.Run(name, func(t *testing.T) {
			if res := page(t); strings.Contains(res.out, user) || !strings.Contains(res.out, "<html") {
				t.Errorf("exit %d\n%s", res.code, res.out)
			}
		})
	}
}

// TestInteropChromium_TLS checks the login over TLS, where Chromium sends no channel
// bindings.
func TestInteropChromium_TLS(t *testing.T) {
	r := theRealm(t, "chromium")
	t.Parallel()
	worked(t, "httpd", "Chromium", "SPNEGO", "https")
	cert, key := certificate(t)
	srv := ourWeb(t, r, "-cert", cert, "-key", key)
	who := user + "@" + realmName
	res := r.login(t).chromium(t, srv.url, "chromium-tls.png", "--auth-server-allowlist=localhost", "--ignore-certificate-errors")
	if res.code != 0 || !strings.Contains(res.out, who) {
		t.Errorf("exit %d, the page does not say %s\n%s\n%s", res.code, who, res.out, srv.p.Out)
	}
}
