package ad

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/interop/program"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi/sspideleg"
	"github.com/gosspi/kerberos/status"
)

// frontEnd is a service of a forest that requests tickets on behalf of its clients.
func (f *forest) frontEnd(t testing.TB, name string) *sspideleg.Service {
	t.Helper()
	text := string(must(os.ReadFile(filepath.Join(f.lab.dir, "krb5.conf")))(t))
	conf := must(config.NewFromString(strings.ReplaceAll(text, " qualify_shortname = \"\"\n", " udp_preference_limit = 1\n forwardable = true\n")))(t)
	cl := client.NewWithPassword(name, f.Realm, password, conf, client.DisablePAFXFAST(true))
	t.Cleanup(cl.Destroy)
	return &sspideleg.Service{Client: cl, Keys: must(keytab.OpenFile(f.keytab(name)))(t)}
}

// spn returns the principal of a service of the forest.
func (f *forest) spn(t testing.TB, name string) keytab.Principal {
	t.Helper()
	return must(keytab.NewPrincipal(f.Realm, strings.Split(name, "/")...))(t)
}

// with returns a session whose cache has the tickets of d.
func (l *lab) with(t testing.TB, d *authenticator.Delegated) *session {
	t.Helper()
	s := &session{lab: l, cache: filepath.Join(t.TempDir(), "ccache")}
	if err := sspideleg.WriteCCache(s.cache, d); err != nil {
		t.Fatal(err)
	}
	return s
}

// evidence logs a user in at a front end, and returns the ticket of the user.
func (l *lab) evidence(t testing.TB, user, service string, more ...string) *authenticator.DelegatedTicket {
	t.Helper()
	x := l.login(t, user, more...).accepted(t, initiator{mit, "krb5", service}, l.corp.acceptor(t, service))
	if x.evidence == nil {
		t.Fatal("the context has no evidence")
	}
	return x.evidence
}

const back = "HTTP/back.corp.example.test"

// reaches checks that the back end accepts alice with the tickets of d, and that the PAC
// names the services that delegated, in their order.
func (l *lab) reaches(t testing.TB, d *authenticator.Delegated, service, target string, path ...string) *exchange {
	t.Helper()
	c, a := initiator{mit, "krb5", target}, l.corp.acceptor(t, service)
	x := l.with(t, d).accepted(t, c, a)
	x.sameAsSamba(t, c, a)
	if got := x.peer.Account; got == nil || got.SID != l.corp.sidOf(t, "alice") {
		t.Errorf("account %+v", got)
	}
	info, err := x.peer.AccessToken.PAC().DelegationInfo()
	if err != nil || info == nil {
		t.Fatalf("delegation %+v, %v", info, err)
	}
	var want []string
	for _, p := range path {
		want = append(want, p+"@"+l.corp.Realm)
	}
	if strings.Join(info.TransitedServices, " ") != strings.Join(want, " ") {
		t.Errorf("delegation %+v, want %q", info, want)
	}
	return x
}

// answered are the answers of Samba's domain controller to requests on behalf of a client: to
// sspideleg, to kvno of MIT, which cannot take the ticket of a client as evidence, and to net of
// Samba, which requests only the service's ticket to itself. OPERATING.md has the same table.
var answered = []answers{
	{"protocol transition", issued, issued, issued},
	{"the ticket of the client", issued, "", ""},
	{"resource-based", issued, issued, issued},
	{"resource-based, the ticket of the client", issued, "", ""},
	{"two hops", issued, "", ""},
	{"a sensitive user", "error 13", "error 13", issued},
	{"a sensitive user, resource-based", "error 13", "error 13", issued},
	{"the ticket of a sensitive user", "error 13", "", ""},
	{"the ticket of a protected user", "error 13", "", ""},
	{"a protected user, by protocol transition", issued, issued, issued},
	{"a target that is not allowed", "error 13", "error 13", issued},
	{"a target that permits another service", "error 13", "error 13", issued},
	{"no protocol transition", "error 13", "error 13", issued},
	{"a service without any delegation", "error 13", "error 13", issued},
	{"the ticket of the client, not forwardable", "error 13", "", ""},
	{"a ticket to another service", "error 13", "", ""},
	{"a user who does not exist", "error 6", "error 6", "error 6"},
	{"a target that does not exist", "error 7", "error 7", issued},
}

// answers are the answers to the programs in one case; "": the program cannot ask.
type answers struct{ name, sspideleg, kvno, net string }

const issued = "ticket"

// answersTo returns the row of the table.
func answersTo(t testing.TB, name string) answers {
	t.Helper()
	i := slices.IndexFunc(answered, func(a answers) bool { return a.name == name })
	if i < 0 {
		t.Fatalf("the table has no row %q", name)
	}
	return answered[i]
}

// answer returns the answer of the KDC to a call of sspideleg, whose result it checks.
func answer(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return issued
	}
	e, ok := errors.AsType[*sspideleg.KDCError](err)
	if !ok || status.ReasonOf(err) != status.ReasonKDCRefused {
		t.Fatal(err)
	}
	return fmt.Sprint("error ", e.Code)
}

// is compares the answer to sspideleg with the table.
func (l *lab) is(t testing.TB, name string, err error) {
	t.Helper()
	if got, want := answer(t, err), answersTo(t, name).sspideleg; got != want {
		t.Errorf("%s: %v, want %s", got, err, want)
	}
}

// othersAgree compares the answers to kvno and to net with the table.
func (l *lab) othersAgree(t testing.TB, name, service, user, target string) {
	t.Helper()
	want := answersTo(t, name)
	res := program.Run(t, l.login(t, service, "-f").env(), "", "kvno", "-I", user, "-P", target)
	if got := said(res); got != want.kvno {
		t.Errorf("kvno gets: %s, want %s\n%s", got, want.kvno, res.Out)
	}
	f := l.corp
	env := []string{"KRB5_CONFIG=" + f.dir + "/krb5.conf", "SMB_CONF_PATH=" + f.dir + "/smb.conf"}
	res = program.Run(t, env, "", "chroot", chrootDir(), "/usr/bin/net", "ads", "kerberos", "pac", "dump",
		"impersonate="+user+"@"+f.Realm, "local_service="+service+"@"+f.Realm, "-U", service+"%"+password,
		"--option=kerberos method=dedicated keytab", "--option=dedicated keytab file=FILE:"+f.dir+"/keytabs/"+service)
	if got := said(res); got != want.net {
		t.Errorf("net gets: %s, want %s\n%s", got, want.net, res.Out)
	}
}

// said returns the answer of the KDC to a program.
func said(res program.Result) string {
	for text, answer := range map[string]string{
		"KDC can't fulfill requested option": "error 13", "Server not found in Kerberos database": "error 7",
		"Client not found in Kerberos database": "error 6", "NT_STATUS_INVALID_ACCOUNT_NAME": "error 6",
	} {
		if strings.Contains(res.Out, text) {
			return answer
		}
	}
	if res.Code == 0 {
		return issued
	}
	return fmt.Sprint("exit ", res.Code)
}

// TestAD_OnBehalf checks that a front end reaches a back end as alice: by protocol
// transition, with her ticket, by resource-based delegation, and over two hops.
func TestAD_OnBehalf(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	alice, ctx := l.corp.spn(t, "alice"), t.Context()
	for name, f := range map[string]func(*testing.T, string){
		"protocol transition": func(t *testing.T, name string) {
			s := l.corp.frontEnd(t, "portal")
			evidence := must(s.ForUser(ctx, alice))(t)
			d, err := s.OnBehalf(ctx, evidence, l.corp.spn(t, back))
			l.is(t, name, err)
			l.reaches(t, d, "back", back, "portal").isAliceByService(t, l.corp)
			l.othersAgree(t, name, "portal", "alice", back)
		},
		"the ticket of the client": func(t *testing.T, name string) {
			// A ticket that ends before that of the front end: the KDC would issue a longer one.
			evidence := l.evidence(t, "alice", "gate", "-f", "-l", "1h")
			d, err := l.corp.frontEnd(t, "gate").OnBehalf(ctx, evidence, l.corp.spn(t, back))
			l.is(t, name, err)
			l.reaches(t, d, "back", back, "gate")
			if end := d.Tickets[0].EndTime; !end.Equal(evidence.EndTime) {
				t.Errorf("the ticket ends at %v, the evidence at %v", end, evidence.EndTime)
			}
		},
		"resource-based": func(t *testing.T, name string) {
			s := l.corp.frontEnd(t, "front")
			evidence := must(s.ForUser(ctx, alice))(t)
			d, err := s.OnBehalf(ctx, evidence, l.corp.spn(t, "HTTP/localhost"))
			l.is(t, name, err)
			l.reaches(t, d, "web", "HTTP@localhost", "front").isAliceByService(t, l.corp)
			l.othersAgree(t, name, "front", "alice", "HTTP/localhost")
		},
		"resource-based, the ticket of the client": func(t *testing.T, name string) {
			d, err := l.corp.frontEnd(t, "front").OnBehalf(ctx, l.evidence(t, "alice", "front", "-f"), l.corp.spn(t, "HTTP/localhost"))
			l.is(t, name, err)
			l.reaches(t, d, "web", "HTTP@localhost", "front")
		},
		"two hops": func(t *testing.T, name string) {
			const middle = "HTTP/middle.corp.example.test"
			d := must(l.corp.frontEnd(t, "gate").OnBehalf(ctx, l.evidence(t, "alice", "gate", "-f"), l.corp.spn(t, middle)))(t)
			x := l.reaches(t, d, "middle", middle, "gate")
			d, err := l.corp.frontEnd(t, "middle").OnBehalf(ctx, x.evidence, l.corp.spn(t, back))
			l.is(t, name, err)
			l.reaches(t, d, "back", back, "gate", middle)
		},
	} {
		t.Run(name, func(t *testing.T) { f(t, name) })
	}
}

// TestAD_OnBehalfRefused checks the requests that the domain controller refuses, and one that
// only a domain controller of Windows would.
func TestAD_OnBehalfRefused(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	for name, row := range map[string]struct{ service, user, target string }{
		"a sensitive user":                         {"portal", "sam", back},
		"a sensitive user, resource-based":         {"front", "sam", "HTTP/localhost"},
		"a protected user, by protocol transition": {"portal", "pat", back},
		"a target that is not allowed":             {"portal", "alice", "HTTP/middle.corp.example.test"},
		"a target that permits another service":    {"portal", "alice", "HTTP/localhost"},
		"no protocol transition":                   {"gate", "alice", back},
		"a service without any delegation":         {"back", "alice", "HTTP/localhost"},
		"a user who does not exist":                {"portal", "nobody", back},
		"a target that does not exist":             {"portal", "alice", "HTTP/nowhere.corp.example.test"},
	} {
		t.Run(name, func(t *testing.T) {
			s := l.corp.frontEnd(t, row.service)
			evidence, err := s.ForUser(t.Context(), l.corp.spn(t, row.user))
			if got, want := answer(t, err), answersTo(t, name).net; got != want {
				t.Errorf("ForUser gets: %s, %v; net gets: %s", got, err, want)
			}
			if err == nil {
				_, err = s.OnBehalf(t.Context(), evidence, l.corp.spn(t, row.target))
			}
			l.is(t, name, err)
			l.othersAgree(t, name, row.service, row.user, row.target)
		})
	}
	for name, row := range map[string]struct{ user, to, options string }{
		"the ticket of a sensitive user":            {"sam", "gate", "-f"},
		"the ticket of a protected user":            {"pat", "gate", "-f"},
		"the ticket of the client, not forwardable": {"alice", "gate", "-F"},
		"a ticket to another service":               {"alice", "back", "-f"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := l.corp.frontEnd(t, "gate").OnBehalf(t.Context(), l.evidence(t, row.user, row.to, row.options), l.corp.spn(t, back))
			l.is(t, name, err)
		})
	}
}

// TestAD_OnBehalfDocumented compares the table of OPERATING.md with the answers.
func TestAD_OnBehalfDocumented(t *testing.T) {
	text := string(must(os.ReadFile("../../../OPERATING.md"))(t))
	_, text, _ = strings.Cut(text, "\n| case | sspideleg | kvno | net |\n|---|---|---|---|\n")
	text, _, _ = strings.Cut(text, "\n\n")
	rows := strings.Split(text, "\n")
	if len(rows) != len(answered) {
		t.Errorf("the table has %d rows, want %d", len(rows), len(answered))
	}
	for _, a := range answered {
		row := strings.Join(strings.Fields(fmt.Sprintf("| %s | %s | %s | %s |", a.name, a.sspideleg, a.kvno, a.net)), " ")
		if !slices.Contains(rows, row) {
			t.Errorf("the table has not %q", row)
		}
	}
}
