package interop

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/keytab"
)

// page is a document of the project whose commands a test runs as its reader would. The
// reader's names and ports are replaced by those of the test. TestDocuments_CommandsRun of
// internal/archtest finds the commands by the string literals of this file.
type page struct {
	file, text string
	dir        string // where the reader is
	realm      *realm
	replace    []string // pairs: the reader's text, the test's text
}

func open(t testing.TB, r *realm, file, dir string, replace ...string) *page {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return &page{file, string(b), dir, r, append(replace, "EXAMPLE.COM", realmName)}
}

// shown returns a command of the page with the test's names. It fails the test if the page
// does not show the command.
func (p *page) shown(t testing.TB, command string) string {
	t.Helper()
	if !strings.Contains(p.text, "\n    "+command+"\n") && !strings.Contains(p.text, "`"+command+"`") {
		t.Fatalf("%s does not show the command %s", p.file, command)
	}
	return p.mine(command)
}

// mine returns a text of the page with the test's names.
func (p *page) mine(text string) string { return strings.NewReplacer(p.replace...).Replace(text) }

// run runs a command of the page in a shell.
func (p *page) run(t testing.TB, env []string, command string) result {
	t.Helper()
	return run(t, env, "", "sh", "-c", "cd '"+p.dir+"' && "+p.shown(t, command))
}

// administer runs commands of the page that change the realm or a keytab. The realm has no
// kadmind, so that kadmin.local runs them.
func (p *page) administer(t testing.TB, commands ...string) {
	t.Helper()
	p.realm.admin.Lock()
	defer p.realm.admin.Unlock()
	for _, c := range commands {
		if res := p.run(t, p.realm.env(), c); res.code != 0 {
			t.Fatalf("%s: exit %d\n%s", c, res.code, res.out)
		}
	}
}

// serve starts a server by a command of the page, in which a program that is already built
// replaces "go run PACKAGE", and waits until it listens on port.
func (p *page) serve(t testing.TB, command, goRun, program string, port int) *process {
	t.Helper()
	line := p.shown(t, command)
	arguments, ok := strings.CutPrefix(line, goRun)
	if !ok {
		t.Fatalf("%q does not begin with %q", line, goRun)
	}
	server, err := start(p.realm.env(), nil, "sh", "-c", "cd '"+p.dir+"' && exec '"+program+"'"+arguments)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	listens(t, server, port)
	return server
}

// listens waits until a process listens on a port of localhost.
func listens(t testing.TB, p *process, port int) {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", net.JoinHostPort("localhost", fmt.Sprint(port)))
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-p.Done():
			t.Fatalf("%s ended:\n%s", p.Name, p.Out)
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not listen:\n%s", p.Name, p.Out)
		}
	}
}

// build makes a module of an example of the page, in a folder next to the checkout, by the
// commands of the page, and returns the path of the program.
func (p *page) build(t testing.TB, example string) string {
	t.Helper()
	_, text, found := strings.Cut(p.text, "<!-- example:"+example+" -->\n```go\n")
	text, _, closed := strings.Cut(text, "\n```\n")
	if !found || !closed {
		t.Fatalf("%s has no example %s", p.file, example)
	}
	checkout, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.Symlink(checkout, filepath.Join(filepath.Dir(p.dir), "kerberos")),
		os.WriteFile(filepath.Join(p.dir, "main.go"), []byte(p.mine(text)), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range []string{
		p.shown(t, "go mod init example.com/server"),
		p.shown(t, "go mod edit -replace github.com/gosspi/kerberos=../kerberos"),
		p.shown(t, "go mod tidy"),
		"go build -o server .",
	} {
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = p.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	return filepath.Join(p.dir, "server")
}

// folder returns an empty folder with a parent of its own.
func folder(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "server")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func port(t testing.TB) int {
	t.Helper()
	n, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestInteropDocuments_HTTP builds and starts the HTTP server of README.md by the commands
// of README.md, and sends its request.
func TestInteropDocuments_HTTP(t *testing.T) {
	r := theRealm(t, "curl")
	t.Parallel()
	at, dir := port(t), folder(t)
	p := open(t, r, "README.md", dir, "localhost:8080", fmt.Sprint("localhost:", at))
	webService(t, r).keytab(t, filepath.Join(dir, "http.keytab"))
	program := p.build(t, "http")
	p.serve(t, "go run . http.keytab", "go run .", program, at)
	res := p.run(t, r.login(t).env(), "curl --negotiate -u : http://localhost:8080/")
	if want := "You are " + user + "@" + realmName + ".\n"; res.code != 0 || !strings.Contains(res.out, want) {
		t.Errorf("exit %d, no %q in\n%s", res.code, want, res.out)
	}
}

// TestInteropDocuments_OwnProtocol does the same with the server of examples/README.md and
// MIT's gss-client.
func TestInteropDocuments_OwnProtocol(t *testing.T) {
	r := theRealm(t, "gss-client")
	t.Parallel()
	at, dir := port(t), folder(t)
	p := open(t, r, "examples/README.md", dir, "4444", fmt.Sprint(at))
	hostService(t, r).keytab(t, filepath.Join(dir, "host.keytab"))
	program := p.build(t, "server")
	server := p.serve(t, "go run . host.keytab", "go run .", program, at)
	res := p.run(t, r.login(t).env(), "gss-client -v1 -port 4444 localhost host@localhost hello")
	if res.code != 0 || !strings.Contains(res.out, "Signature verified.") {
		t.Errorf("exit %d\n%s\n%s", res.code, res.out, server.Out)
	}
	logged := func(out string) bool {
		return strings.Contains(out, "the client is "+user+"@"+realmName) && strings.Contains(out, `message "hello", encrypted: true`)
	}
	if err := server.Await("the message", logged); err != nil {
		t.Error(err)
	}
}

// TestInteropDocuments_Examples runs the commands of examples/README.md: each server and
// its clients.
func TestInteropDocuments_Examples(t *testing.T) {
	r := theRealm(t, "curl", "ssh", "ldapwhoami", "ldapsearch", saslGSSAPI, "psql", "gss-client")
	t.Parallel()
	httpd := func() (string, error) {
		return build(t.TempDir(), "httpd", "github.com/gosspi/kerberos/examples/httpd")
	}
	gssServer := func() (string, error) {
		return build(t.TempDir(), "gss-server", "github.com/gosspi/kerberos/examples/gss-server")
	}
	who := user + "@" + realmName
	for _, c := range []struct {
		name    string
		port    string // in the page
		program func() (string, error)
		keytab  string
		service *service
		goRun   string
		server  string
		clients map[string]string // and a line of the output
	}{
		{
			"httpd", "8080", httpd, "http.keytab", webService(t, r), "go run ./examples/httpd",
			"go run ./examples/httpd -addr localhost:8080 -keytab http.keytab",
			map[string]string{"curl --negotiate -u : http://localhost:8080/whoami": who},
		},
		{
			"sshd", "2222", buildSSHD, "host.keytab", hostService(t, r), "go run ./examples/sshd",
			"go run ./examples/sshd -addr localhost:2222 -keytab host.keytab",
			map[string]string{"ssh -o GSSAPIAuthentication=yes -p 2222 alice@localhost id": "principal: " + who},
		},
		{
			"ldapd", "3389", ldapd, "ldap.keytab", r.ldapService(t), "go run -C examples/ldapd .",
			"go run -C examples/ldapd . -addr localhost:3389 -keytab $PWD/ldap.keytab",
			map[string]string{
				"ldapwhoami -N -H ldap://localhost:3389 -Y GSSAPI":                   "u:" + who,
				"ldapsearch -N -H ldap://localhost:3389 -Y GSS-SPNEGO -b cn=session": "client: " + who,
			},
		},
		{
			"pgd", "5433", pgd, "postgres.keytab", r.pgService(t), "go run -C examples/pgd .",
			"go run -C examples/pgd . -addr localhost:5433 -keytab $PWD/postgres.keytab -realm EXAMPLE.COM",
			map[string]string{`psql "host=localhost port=5433 user=alice dbname=x gssencmode=require" -c 'select current_user'`: " " + user},
		},
		{
			"gss-server", "4444", gssServer, "host.keytab", hostService(t, r), "go run ./examples/gss-server",
			"go run ./examples/gss-server -port 4444 -keytab host.keytab",
			map[string]string{"gss-client -port 4444 localhost host@localhost hello": "Signature verified."},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, dir := port(t), folder(t)
			p := open(t, r, "examples/README.md", dir, c.port, fmt.Sprint(at), "ssh -o", unattendedSSH(dir)+" -o")
			c.service.keytab(t, filepath.Join(dir, c.keytab))
			program, err := c.program()
			if err != nil {
				t.Fatal(err)
			}
			server := p.serve(t, c.server, c.goRun, program, at)
			for command, want := range c.clients {
				res := p.run(t, append(r.login(t).env(), "LDAPNOINIT=1"), command)
				if res.code != 0 || !strings.Contains(res.out, want+"\n") {
					t.Errorf("%s: exit %d, no %q in\n%s\n%s", command, res.code, want, res.out, server.Out)
				}
			}
		})
	}
}

// unattendedSSH returns ssh with the options that keep it from asking a question.
func unattendedSSH(dir string) string {
	return "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile='" + filepath.Join(dir, "known_hosts") + "'"
}

// TestInteropDocuments_Keytab runs the commands of OPERATING.md that create and rotate a
// keytab, and looks at the keys that the library finds in it after each of them.
func TestInteropDocuments_Keytab(t *testing.T) {
	onlyMIT(t, "its kadmin")
	r := theRealm(t, "klist", "ktutil")
	t.Parallel()
	dir := folder(t)
	p := open(t, r, "OPERATING.md", dir, "kadmin -q", "kadmin.local -q", "www.example.com", unique("www.example.com"))
	versions := func() (all string) {
		t.Helper()
		f, err := keytab.OpenFile(filepath.Join(dir, "http.keytab"))
		if err != nil {
			t.Fatal(err)
		}
		table, err := f.Table(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen := map[uint32]bool{}
		for e := range table.All() {
			if !seen[e.Kvno] {
				all += fmt.Sprint(e.Kvno, " ")
			}
			seen[e.Kvno] = true
		}
		return strings.TrimSpace(all)
	}
	p.administer(t, "kadmin -q 'addprinc -randkey HTTP/www.example.com'")
	const ktadd = "kadmin -q 'ktadd -k http.keytab HTTP/www.example.com'"
	for _, step := range []struct{ command, want string }{
		{"kadmin.local -q 'ktadd -norandkey -k http.keytab HTTP/www.example.com'", "1"},
		{ktadd, "1 2"},
		{"kadmin -q 'ktremove -k http.keytab HTTP/www.example.com old'", "2"},
	} {
		p.administer(t, step.command)
		if got := versions(); got != step.want {
			t.Fatalf("after %s the keytab has the versions %s, want %s", step.command, got, step.want)
		}
	}
	p.administer(t, "kadmin -q 'setstr HTTP/www.example.com require_auth otp'")
	if res := run(t, r.login(t).env(), "", "kvno", p.mine("HTTP/www.example.com")); res.code == 0 || !strings.Contains(res.out, "policy") {
		t.Errorf("a ticket without the indicator: exit %d\n%s", res.code, res.out)
	}
	// The keytab of another host.
	r.admins(t, "ktadd", "-q", "-k", filepath.Join(dir, "new.keytab"), p.mine("HTTP/www.example.com"))
	p.administer(t, `printf 'rkt http.keytab\nrkt new.keytab\nwkt merged.keytab\n' | ktutil`, "mv merged.keytab http.keytab")
	if got := versions(); got != "2 3" {
		t.Errorf("the merged keytab has the versions %s", got)
	}
	for _, command := range []string{"klist -ekt http.keytab", "klist -kt http.keytab"} {
		res := p.run(t, r.env(), command)
		if res.code != 0 || !strings.Contains(res.out, p.mine("HTTP/www.example.com")) || !strings.Contains(res.out, "KVNO") {
			t.Errorf("%s: exit %d\n%s", command, res.code, res.out)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "http.keytab")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the keytab has the mode %v, %v", info.Mode(), err)
	}
}

// TestInteropDocuments_Symptoms runs the commands of OPERATING.md on a client that the
// server accepts and on clients that it refuses, and looks for the outputs in its table.
func TestInteropDocuments_Symptoms(t *testing.T) {
	r := theRealm(t, "curl", "ssh", "klist", "faketime")
	t.Parallel()
	const (
		talk  = "curl -v --negotiate -u : http://www.example.com/"
		trace = "KRB5_TRACE=/dev/stderr curl --negotiate -u : http://www.example.com/"
		ssh   = "ssh -vvv -o GSSAPIAuthentication=yes alice@www.example.com"
		etype = "klist -e"
		kvno  = "kvno HTTP/www.example.com"
	)
	svc, login := webService(t, r), r.login(t)
	nobody := &session{realm: r, cache: filepath.Join(t.TempDir(), "none")}
	late := r.login(t)
	late.fetch(t, svc)
	late.extra = clock("+20m")
	good, dir := ourWeb(t, r), folder(t)
	other := filepath.Join(dir, "other.keytab")
	r.ldapService(t).keytab(t, other)
	hostKeytab := filepath.Join(dir, "host.keytab")
	hostService(t, r).keytab(t, hostKeytab)
	sshServer := startSSHD(t, r, hostKeytab)
	for _, c := range []struct {
		command string
		login   *session
		url     string
		want    string // in the output
		page    string // in OPERATING.md, if it is not the same
	}{
		{talk, login, good.url, "Authorization: Negotiate YII", "`Authorization: Negotiate YII...`"},
		{kvno, login, good.url, "HTTP/localhost@" + realmName + ": kvno = 1", "the key\nversion of this ticket"},
		{etype, login, good.url, "Etype (skey, tkt): aes256-cts-hmac-sha1-96, aes256-cts-hmac-sha1-96", "`skey` is the session\nkey, `tkt` the key of the service"},
		{trace, login, good.url, user + "@" + realmName + " -> HTTP/localhost@" + realmName, "each step of MIT's library"},
		{talk, nobody, good.url, "No credentials were supplied", ""},
		{talk, login, strings.Replace(good.url, "localhost", "127.0.0.1", 1), "Server HTTP/127.0.0.1@" + realmName + " not found in Kerberos database", "`Server HTTP/... not found in Kerberos database`"},
		{talk, login, startWeb(t, r, staleKeytab(t, svc, 7)).url, "Key version is not available", ""},
		{talk, login, startWeb(t, r, other, "-service", "").url, "The ticket isn't for us", ""},
		{talk, late, good.url, "Clock skew too great", ""},
		{ssh, nobody, "", "No credentials were supplied", ""},
	} {
		p := open(t, r, "OPERATING.md", dir, "http://www.example.com/", c.url, "www.example.com", "localhost",
			"ssh -vvv", unattendedSSH(dir)+" -4 -vvv -p "+sshServer.port)
		if c.page == "" {
			c.page = "`" + c.want + "`"
		}
		if !strings.Contains(p.text, c.page) {
			t.Errorf("OPERATING.md does not say %s", c.page)
		}
		if res := p.run(t, c.login.env(), c.command); !strings.Contains(res.out, c.want) {
			t.Errorf("%s: exit %d, no %q in\n%s", c.command, res.code, c.want, res.out)
		}
	}
}
