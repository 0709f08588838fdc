package interop

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/ticket/pac"
)

// played is a realm of package sspitest and its KDC, with the files of KDC.Files.
type played struct {
	realm *sspitest.Realm
	kdc   *sspitest.KDC
	dir   string
	env   []string
}

// play starts a realm with the user alice, the service HTTP/localhost and a KDC, for the
// programs. It trusts the realm OTHER.TEST, which has the service HTTP/other.test.
func play(t *testing.T, cfg sspitest.KDCConfig, login bool, programs ...string) *played {
	t.Helper()
	requireOnly(t, programs...)
	p := &played{realm: sspitest.NewRealm(realmName), dir: t.TempDir()}
	other := sspitest.NewRealm("OTHER.TEST")
	_, err := p.realm.Service("HTTP/localhost")
	_, err2 := other.Service("HTTP/other.test")
	for _, err := range []error{err, err2, p.realm.SetUser(user, sspitest.UserSettings{Password: password}), p.realm.Trust(other)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range []*sspitest.Realm{other, p.realm} {
		if p.kdc, err = r.Listen(cfg); err != nil {
			t.Fatal(err)
		}
		kdc := p.kdc
		t.Cleanup(func() { kdc.Close() })
	}
	var who *sspitest.User
	if login {
		who = p.realm.User(user)
	}
	if p.env, err = p.kdc.Files(p.dir, who); err != nil {
		t.Fatal(err)
	}
	return p
}

// run runs a program, and fails the test unless its exit code is want and its output has each
// text.
func (p *played) run(t *testing.T, want int, stdin string, args []string, texts ...string) {
	t.Helper()
	res := run(t, p.env, stdin, args[0], args[1:]...)
	if res.code != want {
		t.Errorf("%s: exit %d, want %d\n%s", args, res.code, want, res.out)
	}
	for _, text := range texts {
		if !strings.Contains(res.out, text) {
			t.Errorf("%s does not print %q:\n%s", args, text, res.out)
		}
	}
}

func words(s string) []string { return strings.Fields(s) }

// configured adds a line to [libdefaults] of krb5.conf.
func (p *played) configured(t *testing.T, line string) {
	t.Helper()
	path := filepath.Join(p.dir, "krb5.conf")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(b), "[libdefaults]\n", "[libdefaults]\n"+line+"\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestInteropKDC_MIT runs MIT's tools against the KDC of package sspitest.
func TestInteropKDC_MIT(t *testing.T) {
	worked(t, kdcOfSspitest, "MIT kinit, kvno, klist, kdestroy", "Kerberos", "password, keytab, enterprise name; renewal; referral to a trusted realm; types 17 to 20 and RC4")
	t.Parallel()
	for _, line := range []string{"", "udp_preference_limit = 1", "canonicalize = true"} {
		t.Run("with "+line, func(t *testing.T) {
			p := play(t, sspitest.KDCConfig{}, false, "kinit", "kvno", "klist", "kdestroy")
			p.configured(t, line)
			p.run(t, 0, password+"\n", words("kinit -f -p -r 2d alice"))
			p.run(t, 0, "", words("klist -fe"), "alice@"+realmName, "krbtgt/"+realmName, "Flags: FPRIA")
			p.run(t, 0, "", words("kvno HTTP/localhost HTTP/other.test"), "HTTP/localhost@"+realmName+": kvno = 1", "HTTP/other.test@")
			p.run(t, 0, "", words("klist"), "Ticket server: HTTP/other.test@OTHER.TEST")
			p.run(t, 0, "", words("kinit -R"))
			p.run(t, 0, "", words("klist -f"), "Flags: FPR")
			p.run(t, 1, "", words("kvno HTTP/missing"), "Server HTTP/missing@"+realmName+" not found in Kerberos database")
			p.run(t, 0, "", words("kdestroy"))
			p.run(t, 1, "", words("klist"), "No credentials cache")
		})
	}
	p := play(t, sspitest.KDCConfig{}, true, "kinit", "kvno", "klist")
	p.run(t, 0, "", words("klist -f"), "alice@"+realmName, "FPRIA") // without kinit
	p.run(t, 0, "", words("kvno HTTP/localhost"), "kvno = 1")
	for keytab, who := range map[string]string{"client.keytab": "alice", "krb5.keytab": "HTTP/localhost"} {
		p.run(t, 0, "", []string{"kinit", "-k", "-t", filepath.Join(p.dir, keytab), who})
		p.run(t, 0, "", words("klist"), "Default principal: "+who+"@"+realmName)
	}
	p.run(t, 0, password+"\n", words("kinit -C -E alice@interop.test"))
	p.run(t, 0, "", words("klist"), "Default principal: alice@"+realmName)
	p.run(t, 0, password+"\n", words("kinit -S HTTP/localhost alice"))
	p.run(t, 0, "", words("klist"), "HTTP/localhost@"+realmName)
	p.run(t, 1, "wrong\n", words("kinit alice"), "Password incorrect")
	p.run(t, 1, password+"\n", words("kinit bob"), "Client 'bob@"+realmName+"' not found in Kerberos database")
	p.run(t, 1, password+"\n", words("kinit -s 1h alice"), "ineligible for postdating")
	p.run(t, 1, "", words("kinit -n @"+realmName))
}

// TestInteropKDC_ETypes gets tickets of each encryption type with MIT's tools, and RC4 from a
// KDC that permits it only.
func TestInteropKDC_ETypes(t *testing.T) {
	t.Parallel()
	for number, name := range etypes {
		rc4 := number == 23
		p := play(t, sspitest.KDCConfig{RC4: rc4}, false, "kinit", "kvno", "klist")
		p.configured(t, "permitted_enctypes = "+name)
		p.run(t, 0, password+"\n", words("kinit alice"))
		p.run(t, 0, "", words("kvno HTTP/localhost"), "kvno = 1")
		p.run(t, 0, "", words("klist -e"), name+", ")
		if rc4 {
			strict := play(t, sspitest.KDCConfig{}, false, "kinit")
			strict.configured(t, "permitted_enctypes = "+name+"\nallow_weak_crypto = true\nallow_rc4 = true")
			strict.run(t, 1, password+"\n", words("kinit alice"), "KDC has no support for encryption type")
		}
	}
}

// TestInteropKDC_Heimdal runs Heimdal's tools.
func TestInteropKDC_Heimdal(t *testing.T) {
	worked(t, kdcOfSspitest, "Heimdal kinit, kgetcred, klist, kdestroy", "Kerberos", "password, keytab; renewal; a trusted realm")
	t.Parallel()
	kinit, kgetcred, klist, kdestroy := heimdalClients+"kinit.heimdal", heimdalClients+"kgetcred", heimdalClients+"klist.heimdal", heimdalClients+"kdestroy.heimdal"
	p := play(t, sspitest.KDCConfig{}, false, kinit, kgetcred, klist, kdestroy)
	secret := filepath.Join(p.dir, "password")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	login := func(more ...string) []string {
		return slices.Concat([]string{kinit, "--password-file=" + secret}, more)
	}
	p.run(t, 0, "", login("-f", "-p", "--renewable", "alice"))
	p.run(t, 0, "", []string{klist, "klist", "-v"}, "Client: alice@"+realmName, "forwardable", "proxiable", "renewable", "initial", "pre-authent")
	p.run(t, 0, "", []string{kgetcred, "HTTP/localhost"})
	p.run(t, 0, "", []string{kgetcred, "HTTP/other.test@OTHER.TEST"})
	p.run(t, 0, "", []string{klist, "klist"}, "HTTP/localhost@"+realmName, "HTTP/other.test@OTHER.TEST")
	p.run(t, 0, "", []string{kinit, "-R"})
	p.run(t, 1, "", []string{kgetcred, "HTTP/missing"}, "the service is not in the database (HTTP/missing@")
	p.run(t, 0, "", []string{kinit, "-k", "-t", filepath.Join(p.dir, "client.keytab"), "alice"})
	p.run(t, 1, "", login("bob"), "the client is not in the database")
	if err := os.WriteFile(secret, []byte("wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, 1, "", login("alice"), "Password incorrect")
	p.run(t, 0, "", []string{kdestroy})
}

// TestInteropKDC_Curl logs curl in to examples/httpd with the files of KDC.Files alone: without
// kinit, and by kinit, as a user with a minimal PAC, with an account, and without a PAC.
func TestInteropKDC_Curl(t *testing.T) {
	worked(t, "httpd", "curl", "SPNEGO", "delegation")
	t.Parallel()
	p := play(t, sspitest.KDCConfig{}, true, "curl", "kinit")
	sid := pac.MustParseSID("S-1-5-21-1-2-3-1104")
	for name, s := range map[string]sspitest.UserSettings{
		"bob":   {Password: password, Account: &sspitest.Account{SID: sid, Domain: "INTEROP", Name: "robert"}},
		"carol": {Password: password, NoPAC: true},
	} {
		if err := p.realm.SetUser(name, s); err != nil {
			t.Fatal(err)
		}
	}
	r := &realm{dir: p.dir}
	srv := startWeb(t, r, filepath.Join(p.dir, "krb5.keytab"), "-delegate")
	s := &session{realm: r, cache: filepath.Join(p.dir, "ccache")}
	for _, who := range []string{user, "bob", "carol"} {
		if who != user {
			p.run(t, 0, password+"\n", words("kinit -f "+who))
		}
		res := s.curl(t, "--negotiate", "--delegation", "always", srv.url)
		res.count(t, map[string]int{curlAccepted: 1})
		res.shows(t, who+"@"+realmName)
		res.shows(t, "a ticket of "+who+"@"+realmName+" for krbtgt/"+realmName)
	}
	srv.logged(t, "bob", sid.String())
}
