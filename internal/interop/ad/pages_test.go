package ad

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// TestAD_Pages checks the page of examples/httpd: it shows the account, the groups, the claims
// and the filtered SIDs that the domain's ticket has.
func TestAD_Pages(t *testing.T) {
	l := theLab(t, "curl")
	t.Parallel()
	_, port := l.startExample(t, "httpd")
	l.login(t, "alice").curl(t, "http://localhost:"+port+"/") // the server learns its domain
	carol := l.corp.user(t, "carol").Attributes
	for _, c := range []struct {
		name, typed string
		options     []string // of kinit
		shows       []string
		lacks       []string
	}{
		{
			name: "bob as root", typed: "root",
			shows: []string{`id="account-name">CORP\bob<`, `id="client">root@CORP.EXAMPLE.TEST<`, l.corp.sids["bob"], "root@corp.example.test", l.corp.sids["staff"]},
			lacks: []string{l.corp.sids["engineers"], `id="filtered"`, "proves no identity"},
		},
		{
			name: "claims", typed: "carol",
			shows: []string{`CORP\carol`, "quota = " + carol["maxStorage"].(string), "dialin = true", "department = Research &amp; Development"},
		},
		{
			name: "filtered", typed: "mallory@" + l.partner.Realm,
			shows: []string{`PARTNER\mallory`, `id="filtered"`, l.corp.sids["Domain Admins"]},
		},
		{
			name: "without PAC", typed: "root", options: []string{"--no-request-pac"},
			shows: []string{`id="client">root@CORP.EXAMPLE.TEST<`, "the name that the client typed, which proves no identity"},
			lacks: []string{`id="account"`, `CORP\`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := l.login(t, c.typed, c.options...).curl(t, "http://localhost:"+port+"/")
			if res.Code != 0 || !strings.HasSuffix(res.Out, "code 200\n") {
				t.Fatalf("exit %d\n%s", res.Code, res.Out)
			}
			for _, text := range c.shows {
				if !strings.Contains(res.Out, text) {
					t.Errorf("the page does not show %q:\n%s", text, res.Out)
				}
			}
			for _, text := range c.lacks {
				if strings.Contains(res.Out, text) {
					t.Errorf("the page shows %q:\n%s", text, res.Out)
				}
			}
		})
	}
}

// TestAD_Chromium opens the page in a browser, and keeps pictures of it in the folder
// KERBEROS_ARTIFACTS, if that is set.
func TestAD_Chromium(t *testing.T) {
	l := theLab(t, "chromium")
	t.Parallel()
	_, port := l.startExample(t, "httpd")
	for _, c := range []struct{ name, typed, account string }{
		{"carol", "carol", `CORP\carol`},
		{"mallory", "mallory@" + l.partner.Realm, `PARTNER\mallory`},
	} {
		res := l.login(t, c.typed).chromium(t, "http://localhost:"+port+"/", "ad-"+c.name+".png")
		if res.Code != 0 || !strings.Contains(res.Out, c.account) {
			t.Errorf("exit %d, the page does not show %s\n%s", res.Code, c.account, res.Out)
		}
	}
}

// chromium opens a page in a browser that may log in at localhost.
func (s *session) chromium(t testing.TB, url, picture string) program.Result {
	t.Helper()
	home := t.TempDir()
	folder := os.Getenv("KERBEROS_ARTIFACTS")
	if folder == "" {
		folder = home
	}
	profile := filepath.Join(home, "profile")
	// Without this a new profile does not log in at its first page.
	seen := `{"net":{"received_http_auth_negotiate_headers":true}}`
	for _, err := range []error{
		os.MkdirAll(folder, 0o700), os.Mkdir(profile, 0o700),
		os.WriteFile(filepath.Join(profile, "Local State"), []byte(seen), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	env := append(s.env(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "TMPDIR="+home)
	return program.Run(t, env, "", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--no-proxy-server", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+profile, "--window-size=1000,1600", "--screenshot="+filepath.Join(folder, picture), "--dump-dom",
		"--timeout=20000", "--auth-server-allowlist=localhost", url)
}
