package ad

import (
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// builds has the examples that are built, by name.
var builds = map[string]func() (string, error){
	"httpd": sync.OnceValues(func() (string, error) { return buildExample("httpd", "../../..", "./examples/httpd") }),
	"sshd":  sync.OnceValues(func() (string, error) { return buildExample("sshd", "../../..", "./examples/sshd") }),
	"pgd":   sync.OnceValues(func() (string, error) { return buildExample("pgd", "../../../examples/pgd", ".") }),
	"ldapd": sync.OnceValues(func() (string, error) { return buildExample("ldapd", "../../../examples/ldapd", ".") }),
}

func buildExample(name, module, pkg string) (string, error) {
	return program.Build(world.dir, "our-"+name, module, pkg)
}

var listening = regexp.MustCompile(`(?m)^listening on 127\.0\.0\.1:(\d+)$`)

// startExample starts an example with the keytab of the service web, and returns its port.
func (l *lab) startExample(t *testing.T, name string, args ...string) (*program.Process, string) {
	t.Helper()
	path, err := builds[name]()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-addr", "127.0.0.1:0", "-keytab", l.corp.keytab("web")}, args...)
	p, err := program.Start(nil, nil, path, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	if err := p.Await("its address", listening.MatchString); err != nil {
		t.Fatal(err)
	}
	return p, listening.FindStringSubmatch(p.Out.String())[1]
}

// claimed are logins, and the user names that a client with their tickets may try.
var claimed = []struct {
	name, typed string
	options     []string // of kinit
	user        string   // the name of the user in the examples; "" for no name
	tries       []string // names that the client asks for in vain
}{
	{name: "alice", typed: "alice", user: "alice", tries: []string{"root", "ALICE", "bob"}},
	{name: "bob as root", typed: "root", user: "bob", tries: []string{"root"}},
	{name: "ALICE", typed: "ALICE", user: "alice", tries: []string{"ALICE"}},
	{name: "WS1$ as WS1", typed: "WS1", tries: []string{"WS1", "ws1", "WS1$"}},
	{name: "bob as root, without PAC", typed: "root", options: []string{"--no-request-pac"}, tries: []string{"root", "bob"}},
	{name: "WS1$ as WS1, without PAC", typed: "WS1", options: []string{"--no-request-pac"}, tries: []string{"WS1", "WS1$"}},
	{name: "alice without PAC", typed: "alice", options: []string{"--no-request-pac"}, tries: []string{"alice"}},
	{name: "alice of the other forest", typed: "alice@PARTNER.EXAMPLE.TEST", tries: []string{"alice"}},
}

// TestAD_SSH checks that a client of examples/sshd becomes the user of its account and no
// other user, whatever name it typed at kinit and at ssh.
func TestAD_SSH(t *testing.T) {
	l := theLab(t, "ssh")
	t.Parallel()
	_, port := l.startExample(t, "sshd")
	for _, c := range claimed {
		t.Run(c.name, func(t *testing.T) {
			login := l.login(t, c.typed, c.options...)
			if c.user != "" {
				if res := login.ssh(t, port, c.user); res.Code != 0 || !strings.HasSuffix(res.Out, c.user+"\n") {
					t.Errorf("as %s: exit %d\n%s", c.user, res.Code, res.Out)
				}
			}
			for _, as := range c.tries {
				if res := login.ssh(t, port, as); res.Code != 255 || !strings.Contains(res.Out, "Permission denied (gssapi-with-mic)") {
					t.Errorf("as %s: exit %d\n%s", as, res.Code, res.Out)
				}
			}
		})
	}
}

// ssh logs in by Kerberos as a user, and asks for the user's name.
func (s *session) ssh(t testing.TB, port, as string) program.Result {
	t.Helper()
	return program.Run(t, s.env(), "", "ssh", "-4", "-F", "none", "-p", port, "-l", as, "-o", "BatchMode=yes",
		"-o", "GSSAPIAuthentication=yes", "-o", "PreferredAuthentications=gssapi-with-mic",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile="+filepath.Join(t.TempDir(), "known_hosts"),
		"localhost", "whoami")
}

// TestAD_PSQL checks the same of examples/pgd and database users.
func TestAD_PSQL(t *testing.T) {
	l := theLab(t, "psql")
	t.Parallel()
	_, port := l.startExample(t, "pgd", "-realm", l.corp.Realm)
	for _, c := range claimed {
		t.Run(c.name, func(t *testing.T) {
			login := l.login(t, c.typed, c.options...)
			if c.user != "" {
				if res := login.psql(t, port, c.user); res.Code != 0 || res.Out != c.user+"\n" {
					t.Errorf("as %s: exit %d\n%s", c.user, res.Code, res.Out)
				}
			}
			for _, as := range c.tries {
				if res := login.psql(t, port, as); res.Code != 2 || !strings.Contains(res.Out, "GSSAPI authentication failed for user") {
					t.Errorf("as %s: exit %d\n%s", as, res.Code, res.Out)
				}
			}
		})
	}
}

// psql logs in by Kerberos as a database user, and asks for its name.
func (s *session) psql(t testing.TB, port, as string) program.Result {
	t.Helper()
	return program.Run(t, s.env(), "select current_user;", "psql", "-XAtw", "-v", "ON_ERROR_STOP=1",
		"host=localhost hostaddr=127.0.0.1 dbname=db gssencmode=require sslmode=disable port="+port+" user='"+as+"'")
}

// TestAD_HTTP checks that examples/httpd with -realm admits the clients that have a user name
// there, and refuses the others.
func TestAD_HTTP(t *testing.T) {
	l := theLab(t, "curl")
	t.Parallel()
	_, port := l.startExample(t, "httpd", "-realm", l.corp.Realm)
	for _, c := range claimed {
		t.Run(c.name, func(t *testing.T) {
			res := l.login(t, c.typed, c.options...).curl(t, "http://localhost:"+port+"/whoami")
			if c.user == "" {
				if res.Code != 0 || !strings.HasSuffix(res.Out, "code 403\n") {
					t.Errorf("exit %d\n%s", res.Code, res.Out)
				}
				return
			}
			if want := c.user + "@" + l.corp.Realm + "\n\ncode 200\n"; res.Code != 0 || res.Out != want {
				t.Errorf("exit %d, want %q\n%s", res.Code, want, res.Out)
			}
		})
	}
}

// curl fetches a page with Kerberos. The code of the response is its last line.
func (s *session) curl(t testing.TB, url string) program.Result {
	t.Helper()
	return program.Run(t, s.env(), "", "curl", "-q", "-sS", "--noproxy", "*", "--max-time", "25", "-4",
		"--negotiate", "-u", ":", "-w", `\ncode %{http_code}\n`, url)
}

// TestAD_LDAP checks the same of examples/ldapd and the authorization identity of SASL: a
// client may act as the user of its account, and the directory knows it by that name.
func TestAD_LDAP(t *testing.T) {
	l := theLab(t, "ldapwhoami", saslGSSAPI)
	t.Parallel()
	_, port := l.startExample(t, "ldapd", "-realm", l.corp.Realm)
	for _, c := range claimed {
		t.Run(c.name, func(t *testing.T) {
			login := l.login(t, c.typed, c.options...)
			if c.user != "" {
				if res := login.ldapwhoami(t, port, c.user); res.Code != 0 || !strings.Contains(res.Out, "u:"+c.user+"@"+l.corp.Realm+"\n") {
					t.Errorf("as %s: exit %d\n%s", c.user, res.Code, res.Out)
				}
			}
			for _, as := range c.tries {
				const invalidCredentials = 49
				if res := login.ldapwhoami(t, port, as); res.Code != invalidCredentials {
					t.Errorf("as %s: exit %d\n%s", as, res.Code, res.Out)
				}
			}
		})
	}
}

// ldapwhoami logs in by Kerberos to act as a user, and asks for the name of the identity.
func (s *session) ldapwhoami(t testing.TB, port, as string) program.Result {
	t.Helper()
	return program.Run(t, append(s.env(), "LDAPNOINIT=1"), "", "ldapwhoami", "-H", "ldap://localhost:"+port,
		"-N", "-Y", "GSSAPI", "-X", "u:"+as)
}
