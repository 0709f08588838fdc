package ad

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// namesFile writes the names of all groups and accounts of both forests, and of their domains.
func (l *lab) namesFile(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, f := range []*forest{l.corp, l.partner} {
		b.WriteString(f.sid + " " + f.NetBIOS + "\n")
		for _, name := range slices.Sorted(maps.Keys(f.sids)) {
			if sid := f.sids[name]; strings.HasPrefix(sid, f.sid+"-") {
				b.WriteString(sid + " " + f.NetBIOS + `\` + name + "\n")
			}
		}
	}
	path := filepath.Join(t.TempDir(), "names")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// allowed are rules, and the logins that they admit.
var allowed = []struct {
	rule    string
	admits  string // names of the table logins, separated by spaces
	explain string // a part of the record of a refusal
}{
	{`CORP\staff`, "alice bob", `is not in CORP\\staff`},
	{`any(CORP\readers, CORP\carol)`, "alice carol", `is not in CORP\\readers`},
	{`all(CORP\Domain Users, not(CORP\engineers))`, "bob carol", `is in CORP\\engineers`},
	{`claim(CORP.EXAMPLE.TEST, department, "Research & Development")`, "carol", "has not the claim department"},
	{`PARTNER\consultants`, "", `is not in PARTNER\\consultants`},
	{`all(realm(PARTNER.EXAMPLE.TEST), CORP\visitors)`, "partner", "is of the realm"},
	{`CORP\Domain Admins`, "", `is not in CORP\\Domain Admins`},
	{`not(CORP\Domain Admins)`, "alice bob carol partner", "has no authority over it"},
}

// ruled are the logins: bob under the name root, a user of the other forest, an administrator
// of the other forest who planted the group CORP\Domain Admins, and a ticket without PAC.
var ruled = []struct {
	name, typed string
	options     []string
}{
	{name: "alice", typed: "alice"},
	{name: "bob", typed: "root"},
	{name: "carol", typed: "carol"},
	{name: "partner", typed: "alice@PARTNER.EXAMPLE.TEST"},
	{name: "mallory", typed: "mallory@PARTNER.EXAMPLE.TEST"},
	{name: "no-pac", typed: "alice", options: []string{"--no-request-pac"}},
}

// TestAD_Allow checks the rules of examples/httpd with the groups and claims of a domain.
func TestAD_Allow(t *testing.T) {
	l := theLab(t, "curl")
	t.Parallel()
	names := l.namesFile(t)
	sessions := make(map[string]*session)
	for _, x := range ruled {
		sessions[x.name] = l.login(t, x.typed, x.options...)
	}
	for _, r := range allowed {
		t.Run(r.rule, func(t *testing.T) {
			p, port := l.startExample(t, "httpd", "-names", names, "-allow", r.rule)
			sessions["alice"].curl(t, "http://localhost:"+port+"/") // the server learns its domain
			for _, x := range ruled {
				want := "code 403\n"
				if slices.Contains(strings.Fields(r.admits), x.name) {
					want = "code 200\n"
				}
				res := sessions[x.name].curl(t, "http://localhost:"+port+"/whoami")
				if res.Code != 0 || !strings.HasSuffix(res.Out, want) {
					t.Errorf("%s: exit %d, want %s%s", x.name, res.Code, want, res.Out)
				}
			}
			if err := p.Await("an explanation", func(out string) bool { return strings.Contains(out, r.explain) }); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAD_AllowSSH checks the same of examples/sshd: the rule is beside that of the user's name.
func TestAD_AllowSSH(t *testing.T) { allowsBob(t, "sshd", (*session).ssh, "ssh") }

// TestAD_AllowPSQL checks the same of examples/pgd.
func TestAD_AllowPSQL(t *testing.T) { allowsBob(t, "pgd", (*session).psql, "psql") }

// TestAD_AllowLDAP checks the same of examples/ldapd.
func TestAD_AllowLDAP(t *testing.T) {
	allowsBob(t, "ldapd", (*session).ldapwhoami, "ldapwhoami", saslGSSAPI)
}

// allowsBob checks that the rule of a server admits bob, whatever name he typed, and under his own
// name only.
func allowsBob(t *testing.T, server string, connect func(*session, testing.TB, string, string) program.Result, programs ...string) {
	l := theLab(t, programs...)
	t.Parallel()
	p, port := l.startExample(t, server, "-realm", l.corp.Realm, "-names", l.namesFile(t), "-allow", `all(CORP\staff, not(CORP\engineers))`)
	for _, x := range []struct {
		typed, as string
		admitted  bool
	}{{"root", "bob", true}, {"root", "root", false}, {"alice", "alice", false}, {"carol", "carol", false}} {
		if res := connect(l.login(t, x.typed), t, port, x.as); (res.Code == 0) != x.admitted {
			t.Errorf("%s as %s: exit %d\n%s", x.typed, x.as, res.Code, res.Out)
		}
	}
	for _, why := range []string{`is in CORP\\engineers`, `is not in CORP\\staff`} {
		if err := p.Await("an explanation", func(out string) bool { return strings.Contains(out, why) }); err != nil {
			t.Error(err)
		}
	}
}
