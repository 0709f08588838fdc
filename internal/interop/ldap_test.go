package interop

import (
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// ldapd returns the path of examples/ldapd, which is a separate module.
var ldapd = sync.OnceValues(func() (string, error) {
	return program.Build(world.dir, "our-ldapd", "../../examples/ldapd", ".")
})

// directory is the service ldap of the host's name, which LDAP clients request. No test
// changes it.
var directory struct {
	once sync.Once
	svc  *service
}

func (r *realm) ldapService(t testing.TB) *service {
	t.Helper()
	directory.once.Do(func() { directory.svc = r.service(t, "ldap", 18, 18) })
	if directory.svc == nil {
		t.Fatal("another test failed to make the service")
	}
	return directory.svc
}

// ldapServer is examples/ldapd.
type ldapServer struct {
	p    *process
	port string
}

func startLDAPD(t testing.TB, r *realm, keytab string, args ...string) *ldapServer {
	t.Helper()
	path, err := ldapd()
	if err != nil {
		t.Fatal(err)
	}
	p, err := start(r.env(), nil, path, append([]string{"-addr", "127.0.0.1:0", "-keytab", keytab}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	if err := p.Await("its address", listening.MatchString); err != nil {
		t.Fatal(err)
	}
	return &ldapServer{p, listening.FindStringSubmatch(p.Out.String())[1]}
}

const anyLayer = "none,integrity,confidentiality"

// ourLDAPD starts the server with the keytab of its service. It permits every security
// layer unless args say otherwise.
func ourLDAPD(t testing.TB, r *realm, args ...string) *ldapServer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keytab")
	r.ldapService(t).keytab(t, file)
	return startLDAPD(t, r, file, append([]string{"-layers", anyLayer, "-realm", realmName}, args...)...)
}

// logged waits for the n-th line of a kind, and returns its attributes.
func (s *ldapServer) logged(t testing.TB, kind string, n int) map[string]string {
	t.Helper()
	if err := s.p.Await(kind, func(out string) bool { return len(ourLines(out, kind)) >= n }); err != nil {
		t.Fatal(err)
	}
	return ourLines(s.p.Out.String(), kind)[n-1]
}

// ldap runs one of OpenLDAP's tools, without the machine's configuration.
func (s *session) ldap(t testing.TB, srv *ldapServer, tool string, args ...string) result {
	t.Helper()
	env := append(s.env(), "LDAPNOINIT=1")
	return run(t, env, "", tool, append([]string{"-H", "ldap://localhost:" + srv.port}, args...)...)
}

// sasl returns the options for a login. -N keeps the tools from requesting a ticket for the
// machine's own name, and -U answers a question of GS2.
func sasl(mechanism string, more ...string) []string {
	return append([]string{"-N", "-U", user, "-Y", mechanism}, more...)
}

// ldapCase is a login with OpenLDAP's tools.
type ldapCase struct {
	mechanism string
	args      []string // the layers that the client permits
	ssf       string   // the strength that the client prints, or ""
	layer     string   // the layer that the server reports
}

// Cyrus SASL computes the strength of a layer from the key, and prints 1 for integrity.
// With GSS-SPNEGO it requests integrity and confidentiality together or neither.
var ldapCases = []ldapCase{
	{"GSSAPI", nil, "256", "confidentiality"},
	{"GSSAPI", []string{"-O", "maxssf=1"}, "1", "integrity"},
	{"GSSAPI", []string{"-O", "maxssf=0"}, "0", "none"},
	{"GSSAPI", []string{"-O", "minssf=56"}, "256", "confidentiality"},
	{"GSS-SPNEGO", nil, "256", "confidentiality"},
	{"GSS-SPNEGO", []string{"-O", "minssf=1,maxssf=1"}, "256", "confidentiality"},
	{"GSS-SPNEGO", []string{"-O", "maxssf=0"}, "0", "none"},
	{"GS2-KRB5", nil, "0", "none"},
}

func (c *ldapCase) name() string {
	return strings.TrimSpace(c.mechanism + " " + strings.Join(c.args, " "))
}

func TestInteropLDAP(t *testing.T) {
	r := theRealm(t, "ldapsearch", "ldapwhoami", saslGSSAPI)
	t.Parallel()
	srv, login := ourLDAPD(t, r), r.login(t)
	for i, c := range ldapCases {
		t.Run(c.name(), func(t *testing.T) {
			worked(t, "ldapd", "OpenLDAP", c.mechanism, "layer "+c.layer)
			auth := sasl(c.mechanism, c.args...)

			res := login.ldap(t, srv, "ldapwhoami", auth...)
			if res.code != 0 || !strings.Contains(res.out, "u:"+user+"@"+realmName+"\n") || !strings.Contains(res.out, "SASL SSF: "+c.ssf+"\n") {
				t.Fatalf("ldapwhoami: exit %d, want SSF %s\n%s\n%s", res.code, c.ssf, res.out, srv.p.Out)
			}
			got := srv.logged(t, accepted, 2*i+1)
			if got["kerberos.client.name"] != user+"@"+realmName || got["kerberos.sasl.mechanism"] != c.mechanism || got["kerberos.sasl.layer"] != c.layer || got["user.name"] != "" {
				t.Errorf("the server logged %v", got)
			}

			res = login.ldap(t, srv, "ldapsearch", append(auth, "-LLL", "-b", "cn=session", "-s", "base")...)
			for _, want := range []string{
				"dn: cn=session\n", "client: " + user + "@" + realmName + "\n", "service: ldap/localhost@" + realmName + "\n",
				"mechanism: " + c.mechanism + "\n", "layer: " + c.layer + "\n", "SASL SSF: " + c.ssf + "\n",
			} {
				if res.code != 0 || !strings.Contains(res.out, want) {
					t.Errorf("ldapsearch: exit %d, without %q\n%s", res.code, want, res.out)
				}
			}
			t.Logf("SSF %s, server: layer %s", c.ssf, srv.logged(t, accepted, 2*i+2)["kerberos.sasl.layer"])
		})
	}
}

// TestInteropLDAP_Root checks that clients can read the root with and without a login, and
// that a client without a configured mechanism finds one there.
func TestInteropLDAP_Root(t *testing.T) {
	r := theRealm(t, "ldapsearch", saslGSSAPI)
	t.Parallel()
	srv, login := ourLDAPD(t, r), r.login(t)
	root := []string{"-LLL", "-b", "", "-s", "base", "(&(objectClass=*)(!(cn=x)))", "*", "+"}
	for _, auth := range [][]string{{"-x"}, sasl("GSSAPI"), {"-N", "-Q", "-U", user}} {
		res := login.ldap(t, srv, "ldapsearch", append(auth, root...)...)
		for _, want := range []string{
			"dn:\n", "objectClass: top\n", "namingContexts: cn=session\n", "supportedLDAPVersion: 3\n", "supportedSASLMechanisms: GSSAPI\n",
			"supportedSASLMechanisms: GSS-SPNEGO\n", "supportedSASLMechanisms: GS2-KRB5\n", "supportedExtension: 1.3.6.1.4.1.4203.1.11.3\n",
		} {
			if res.code != 0 || !strings.Contains(res.out, want) {
				t.Errorf("%q: exit %d, without %q\n%s", auth, res.code, want, res.out)
			}
		}
	}
	res := login.ldap(t, srv, "ldapsearch", append([]string{"-x"}, root[:6]...)...)
	if res.code != 0 || strings.Contains(res.out, "supported") {
		t.Errorf("operational attributes that the client did not request: exit %d\n%s", res.code, res.out)
	}
	for base, code := range map[string]int{"dc=example,dc=com": 32, "cn=session": 50} {
		if res := login.ldap(t, srv, "ldapsearch", "-x", "-b", base); res.code != code {
			t.Errorf("-b %s: exit %d, want %d\n%s", base, res.code, code, res.out)
		}
	}
}

// TestInteropLDAP_AuthorizationID checks that a client may request its own identity and no
// other. Only the mechanism GSSAPI sends the value of -X.
func TestInteropLDAP_AuthorizationID(t *testing.T) {
	r := theRealm(t, "ldapwhoami", saslGSSAPI)
	t.Parallel()
	srv, login := ourLDAPD(t, r), r.login(t)
	for authzid, code := range map[string]int{"u:" + user: 0, "u:" + user + "@" + realmName: 0, "u:root": 49, "dn:cn=" + user: 49} {
		res := login.ldap(t, srv, "ldapwhoami", sasl("GSSAPI", "-X", authzid)...)
		if res.code != code || code == 0 && !strings.Contains(res.out, "u:"+user+"@"+realmName+"\n") {
			t.Errorf("%s: exit %d, want %d\n%s\n%s", authzid, res.code, code, res.out, srv.p.Out)
		}
	}
}

// TestInteropLDAP_LargeRequest checks a request that needs several messages of the security
// layer.
func TestInteropLDAP_LargeRequest(t *testing.T) {
	r := theRealm(t, "ldapsearch", saslGSSAPI)
	t.Parallel()
	srv, login := ourLDAPD(t, r), r.login(t)
	const atOnce = 100_000 // on Linux an argument has at most 128 kB
	filter := "(|(cn=" + strings.Repeat("a", atOnce) + ")(cn=session))"
	for _, c := range ldapCases {
		res := login.ldap(t, srv, "ldapsearch", append(sasl(c.mechanism, c.args...), "-LLL", "-b", "cn=session", filter)...)
		if res.code != 0 || !strings.Contains(res.out, "dn: cn=session\n") {
			t.Errorf("%s: exit %d\n%.2000s\n%s", c.name(), res.code, res.out, srv.p.Out)
		}
	}
}

// TestInteropLDAP_StartTLS checks logins over TLS, which needs no layer of SASL, whatever
// -layers says. The client does not require a valid certificate (allow), because it
// compares the certificate of localhost with the machine's own name; the test is about the
// binding to the connection.
func TestInteropLDAP_StartTLS(t *testing.T) {
	r := theRealm(t, "ldapwhoami", saslGSSAPI)
	t.Parallel()
	cert, key := certificate(t)
	srv := ourLDAPD(t, r, "-layers", "confidentiality", "-cert", cert, "-key", key)
	login := r.login(t)
	for i, c := range []struct{ mechanism, binding, bound string }{
		{"GSSAPI", "none", "false"},
		{"GSSAPI", "tls-endpoint", "true"},
		{"GSS-SPNEGO", "tls-endpoint", "true"},
		{"GS2-KRB5", "none", "false"},
	} {
		t.Run(c.mechanism+", "+c.binding, func(t *testing.T) {
			worked(t, "ldapd", "OpenLDAP", c.mechanism, map[string]string{"true": "StartTLS, bound to it", "false": "StartTLS"}[c.bound])
			res := login.ldap(t, srv, "ldapwhoami", sasl(c.mechanism, "-O", "maxssf=0", "-ZZ",
				"-o", "TLS_CACERT="+cert, "-o", "TLS_REQCERT=allow", "-o", "SASL_CBINDING="+c.binding)...)
			if res.code != 0 || !strings.Contains(res.out, "u:"+user+"@"+realmName+"\n") {
				t.Fatalf("exit %d\n%s\n%s", res.code, res.out, srv.p.Out)
			}
			if got := srv.logged(t, accepted, i+1); got["kerberos.sasl.layer"] != "none" || (got["kerberos.binding"] == "matched") != (c.bound == "true") {
				t.Errorf("the server logged %v", got)
			}
		})
	}
}

// TestInteropLDAP_Refused checks clients that the server must refuse, and the messages that
// they print.
func TestInteropLDAP_Refused(t *testing.T) {
	r := theRealm(t, "ldapwhoami", saslGSSAPI)
	t.Parallel()
	svc, login := r.ldapService(t), r.login(t)
	nobody := *login
	nobody.cache = filepath.Join(t.TempDir(), "nothing")
	for name, c := range map[string]struct {
		as     *session
		start  func(t *testing.T) *ldapServer
		args   []string
		code   int
		text   string
		reason string // in the server's log; "" if the server does not see the failure
	}{
		"no ticket": {
			as: &nobody, start: func(t *testing.T) *ldapServer { return ourLDAPD(t, r) },
			code: 254, text: "Local error (-2)",
		},
		"wrong key": {
			start: func(t *testing.T) *ldapServer { return startLDAPD(t, r, staleKeytab(t, svc, 1)) },
			code:  49, text: "Invalid credentials (49)", reason: "wrong-key",
		},
		"stale key": {
			start: func(t *testing.T) *ldapServer { return startLDAPD(t, r, staleKeytab(t, svc, 7)) },
			code:  49, text: "Invalid credentials (49)", reason: "unknown-key-version",
		},
		"confidentiality demanded": {
			start: func(t *testing.T) *ldapServer { return ourLDAPD(t, r, "-layers", "confidentiality") },
			args:  []string{"-O", "maxssf=0"}, code: 49, text: "Invalid credentials (49)", reason: "requirement-not-met",
		},
	} {
		for _, mechanism := range []string{"GSSAPI", "GSS-SPNEGO"} {
			t.Run(name+", "+mechanism, func(t *testing.T) {
				as, srv := c.as, c.start(t)
				if as == nil {
					as = login
				}
				res := as.ldap(t, srv, "ldapwhoami", sasl(mechanism, c.args...)...)
				if res.code != c.code || !strings.Contains(res.out, c.text) || strings.Contains(res.out, "u:"+user) {
					t.Errorf("exit %d, want %d and %q\n%s\n%s", res.code, c.code, c.text, res.out, srv.p.Out)
				}
				if c.reason == "" {
					return
				}
				if got := srv.logged(t, refused, 1); got["error.type"] != c.reason || got["kerberos.sasl.mechanism"] != mechanism {
					t.Errorf("the server logged %v, want %s", got, c.reason)
				}
			})
		}
	}
}

// TestInteropLDAP_GS2NotServed checks that a server that requires a security layer does not
// offer GS2, which has none, and refuses a client that chooses it.
func TestInteropLDAP_GS2NotServed(t *testing.T) {
	r := theRealm(t, "ldapsearch", "ldapwhoami", saslGSSAPI)
	t.Parallel()
	srv, login := ourLDAPD(t, r, "-layers", "integrity,confidentiality"), r.login(t)
	res := login.ldap(t, srv, "ldapsearch", "-x", "-LLL", "-b", "", "-s", "base", "supportedSASLMechanisms")
	if res.code != 0 || !strings.Contains(res.out, "GSSAPI\n") || strings.Contains(res.out, "GS2") {
		t.Errorf("exit %d\n%s", res.code, res.out)
	}
	if res := login.ldap(t, srv, "ldapwhoami", sasl("GS2-KRB5")...); res.code != 7 {
		t.Errorf("exit %d, want 7\n%s", res.code, res.out)
	}
}

// TestInteropLDAP_PasswordRefused checks that the server refuses a password and does not
// log it.
func TestInteropLDAP_PasswordRefused(t *testing.T) {
	r := theRealm(t, "ldapwhoami")
	t.Parallel()
	srv := ourLDAPD(t, r)
	res := r.login(t).ldap(t, srv, "ldapwhoami", "-x", "-D", "cn="+user, "-w", "a secret")
	if res.code != 7 || strings.Contains(srv.p.Out.String(), "secret") {
		t.Errorf("exit %d\n%s\n%s", res.code, res.out, srv.p.Out)
	}
}

// TestInteropLDAP_Term checks that SIGTERM ends the server while clients are connected.
func TestInteropLDAP_Term(t *testing.T) {
	r := theRealm(t, "ldapwhoami", saslGSSAPI)
	t.Parallel()
	srv := ourLDAPD(t, r)
	if res := r.login(t).ldap(t, srv, "ldapwhoami", sasl("GSSAPI")...); res.code != 0 {
		t.Errorf("exit %d\n%s", res.code, res.out)
	}
	if err := srv.p.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, err := srv.p.Exit(); code != 0 || err != nil {
		t.Errorf("the server ended with %d, %v:\n%s", code, err, srv.p.Out)
	}
}
