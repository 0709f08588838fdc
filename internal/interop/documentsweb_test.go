package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nginxConf is the configuration of a proxy in front of a server. The verbs are a folder,
// directives under test, the proxy's port, and the server's URL.
const nginxConf = `daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr;
events {}
http {
 access_log off;
 client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
 uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
 %[2]s
 server { listen 127.0.0.1:%[3]d; location / { proxy_pass %[4]s; } }
}
`

// startNginx starts nginx in front of a server, and returns its URL.
func startNginx(t *testing.T, r *realm, srv *webServer, directives string) string {
	t.Helper()
	at, dir := port(t), t.TempDir()
	file := filepath.Join(dir, "nginx.conf")
	target := strings.Replace(strings.TrimSuffix(srv.url, "/"), "localhost", "127.0.0.1", 1)
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConf, dir, directives, at, target), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := start(r.env(), nil, "nginx", "-c", file, "-p", dir, "-e", "stderr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	listens(t, p, at)
	return fmt.Sprintf("http://localhost:%d/", at)
}

// TestInteropDocuments_Nginx holds the sizes that OPERATING.md gives for nginx: without
// its directive nginx refuses a field above 8 KiB; with it a field of the longest token
// that the acceptor takes reaches the server. Clients authenticate through both proxies.
func TestInteropDocuments_Nginx(t *testing.T) {
	r := theRealm(t, "nginx", "curl")
	t.Parallel()
	p := open(t, r, "OPERATING.md", "")
	_, directive, found := strings.Cut(p.text, "```nginx\n")
	directive, _, closed := strings.Cut(directive, "```")
	const retries = "proxy_next_upstream off;"
	if !found || !closed || !strings.Contains(p.text, "`"+retries+"`") || !strings.Contains(p.text, "87384 bytes") {
		t.Fatal("OPERATING.md does not have the directives of nginx and the size of the longest token")
	}
	srv, login := ourWeb(t, r), r.login(t)
	usual, raised := startNginx(t, r, srv, ""), startNginx(t, r, srv, directive+retries)
	for _, url := range []string{usual, raised} {
		login.curl(t, "--negotiate", url+"whoami").shows(t, user+"@"+realmName+"\n")
	}
	const longest = (65536 + 2) / 3 * 4
	for _, c := range []struct {
		url  string
		size int
		code string
	}{
		{usual, 8000, curlRefused}, {usual, 8300, "code 400"}, {raised, longest, curlRefused}, {raised, 98400, "code 400"},
	} {
		file := filepath.Join(t.TempDir(), "header")
		field := "header = \"Authorization: Negotiate " + strings.Repeat("A", c.size) + "\"\n"
		if err := os.WriteFile(file, []byte(field), 0o600); err != nil {
			t.Fatal(err)
		}
		if res := login.curl(t, "-K", file, c.url); !strings.Contains(res.pages, c.code) {
			t.Errorf("a token of %d bytes: no %s in\n%.1000s", c.size, c.code, res.pages)
		}
	}
	srv.logged(t, "error.type=malformed-token")
}

// TestInteropDocuments_ChromiumFirstPage shows that a new profile of Chromium gets the
// page of the refusal once, and then authenticates, as OPERATING.md says.
func TestInteropDocuments_ChromiumFirstPage(t *testing.T) {
	r := theRealm(t, "chromium")
	t.Parallel()
	if p := open(t, r, "OPERATING.md", ""); !strings.Contains(p.text, "Chromium with a new profile shows the 401 page once") {
		t.Error("OPERATING.md does not say how Chromium begins")
	}
	srv, login, home := ourWeb(t, r), r.login(t), t.TempDir()
	first := login.browse(t, home, srv.url, "chromium-first.png", "--auth-server-allowlist=localhost")
	second := login.browse(t, home, srv.url, "chromium-second.png", "--auth-server-allowlist=localhost")
	if who := user + "@" + realmName; strings.Contains(first.out, who) || !strings.Contains(second.out, who) {
		t.Errorf("the first page:\n%s\nthe second page:\n%s\n%s", first.out, second.out, srv.p.Out)
	}
}

// TestInteropDocuments_Indicators runs the command of OPERATING.md for a server that requires an
// indicator. alice logs in with it, and bob without.
func TestInteropDocuments_Indicators(t *testing.T) {
	onlyMIT(t, "the KDC of sspitest issues no indicators")
	require(t, "curl")
	t.Parallel()
	r := strongRealm(t, "otp")
	at, dir := port(t), folder(t)
	r.service(t, "HTTP", 18, 18).keytab(t, filepath.Join(dir, "http.keytab"))
	program, err := build(t.TempDir(), "httpd", "github.com/gosspi/kerberos/examples/httpd")
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, r, "OPERATING.md", dir, "8080", fmt.Sprint(at))
	server := p.serve(t, "go run ./examples/httpd -addr localhost:8080 -keytab http.keytab -allow 'indicator(otp)'", "go run ./examples/httpd", program, at)
	url := fmt.Sprintf("http://localhost:%d/whoami", at)
	r.login(t).curl(t, "--negotiate", url).count(t, map[string]int{curlAccepted: 1})
	r.loginAs(t, "bob").curl(t, "--negotiate", url).count(t, map[string]int{"code 403": 1})
	if err := server.Await("the reason", func(out string) bool { return strings.Contains(out, "its ticket has no indicators that count") }); err != nil {
		t.Error(err)
	}
}
