package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// These are the OIDs of the mechanisms.
const (
	oidKerberos = "1.2.840.113554.1.2.2"
	oidSPNEGO   = "1.3.6.1.5.5.2"
)

// mechanisms maps them to their names in the table of examples/README.md.
var mechanisms = map[string]string{oidKerberos: "Kerberos", oidSPNEGO: "SPNEGO"}

// jaas makes Java's login module use the ticket cache without a question to the user.
const jaas = `com.sun.security.jgss.krb5.initiate {
  com.sun.security.auth.module.Krb5LoginModule required
    useTicketCache=true doNotPrompt=true ticketCache="%s";
};
`

// java runs a program of testdata from its source. Properties precede the program's
// arguments.
func (s *session) java(t testing.TB, stdin, source string, propertiesAndArgs ...string) result {
	t.Helper()
	login := filepath.Join(t.TempDir(), "jaas.conf")
	if err := os.WriteFile(login, fmt.Appendf(nil, jaas, s.cache), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"-Xshare:auto", "-XX:TieredStopAtLevel=1", // the program runs for too short a time for better compilers
		"-Djava.security.krb5.conf=" + s.realm.path("krb5.conf"),
		"-Djava.security.auth.login.config=" + login,
		"-Djavax.security.auth.useSubjectCredsOnly=false",
	}
	for len(propertiesAndArgs) > 0 && strings.HasPrefix(propertiesAndArgs[0], "-") {
		args, propertiesAndArgs = append(args, propertiesAndArgs[0]), propertiesAndArgs[1:]
	}
	args = append(append(args, filepath.Join("testdata", source)), propertiesAndArgs...)
	return run(t, s.env(), stdin, "java", args...)
}

// javaPlan is the input of Initiator.java.
type javaPlan struct {
	port     int
	target   *service
	oid      string
	gss      int
	bindings string
	sizes    []int
}

func (p *javaPlan) String() string {
	bindings, sizes := "-", "-"
	if p.bindings != "" {
		bindings = p.bindings
	}
	if len(p.sizes) > 0 {
		sizes = strings.Trim(strings.ReplaceAll(fmt.Sprint(p.sizes), " ", ","), "[]")
	}
	return strings.Join([]string{strconv.Itoa(p.port), p.target.hostBased(), p.oid, strconv.Itoa(p.gss), bindings, sizes}, " ")
}

// jgss runs Initiator.java with the plans.
func (s *session) jgss(t testing.TB, plans ...javaPlan) []seen {
	t.Helper()
	var in strings.Builder
	for _, p := range plans {
		fmt.Fprintln(&in, &p)
	}
	res := s.java(t, in.String(), "Initiator.java")
	var all []seen
	for line := range strings.Lines(res.out) {
		var one seen
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%v\n%s", err, res.out)
		}
		all = append(all, one)
	}
	if res.code != 0 || len(all) != len(plans) {
		t.Fatalf("Initiator.java: exit %d\n%s", res.code, res.out)
	}
	return all
}

// javaFlags are no flags, each flag that JGSS can request alone, the usual flags, and all.
// JGSS requests replay and sequence detection together or not at all.
var javaFlags = []int{
	0, gssMutual, gssReplay | gssSequence, gssConf, gssInteg,
	gssProtect, gssMutual | gssProtect,
	gssReplay | gssSequence | gssProtect,
	gssMutual | gssReplay | gssSequence | gssProtect,
}

// TestInteropJava_Flags checks that both sides report the flags that JGSS requests, also if
// it requests none, and that the number of tokens follows from them. Messages of up to 64
// kB go in both directions, sealed, signed, and with a separate MIC.
func TestInteropJava_Flags(t *testing.T) {
	r := theRealm(t, "java", "javac", pythonGSSAPI)
	t.Parallel()
	doors, svc := openDoors(t, r, 18, 18)
	for _, oid := range []string{oidKerberos, oidSPNEGO} {
		t.Run(mechanisms[oid], func(t *testing.T) {
			worked(t, "sspi", "Java JGSS", mechanisms[oid], "mutual and one-way, sealed and signed messages")
			var plans []javaPlan
			for _, d := range doors {
				for _, gss := range javaFlags {
					plans = append(plans, javaPlan{port: d.port, target: svc, oid: oid, gss: gss, sizes: []int{0, 100, 65536}})
				}
			}
			for i, out := range r.login(t).jgss(t, plans...) {
				d, gss := doors[i/len(javaFlags)], plans[i].gss
				t.Run(fmt.Sprintf("%s, %#x", d.name, gss), func(t *testing.T) {
					d.checkJava(t, out, oid, gss)
				})
			}
		})
	}
}

func (d *door) checkJava(t *testing.T, out seen, oid string, gss int) {
	t.Helper()
	legs := legs(gss)
	if oid == oidSPNEGO {
		legs = 2
	}
	if !out.Established || out.Legs != legs || out.Flags != gss {
		t.Fatalf("established: %v, %v, %d legs, flags %#x; want %d, %#x", out.Established, out.Error, out.Legs, out.Flags, legs, gss)
	}
	if out.Server.Client != user+"@"+realmName || !d.mit() && out.Server.ASC != ascFlags(gss) {
		t.Errorf("the acceptor saw %+v", out.Server)
	}
	if len(out.Steps) != 9 {
		t.Errorf("%d messages", len(out.Steps))
	}
	d.checkSteps(t, out.Steps, gss)
}

// TestInteropJava_ETypes checks each encryption type of the ticket and its session key.
func TestInteropJava_ETypes(t *testing.T) {
	r := theRealm(t, "java", "javac", pythonGSSAPI)
	t.Parallel()
	var plans []javaPlan
	var at []door
	for etype := range 4 {
		doors, svc := openDoors(t, r, 17+etype, 17+etype)
		for _, gss := range []int{gssProtect, gssMutual | gssProtect} {
			for _, d := range doors {
				plans = append(plans, javaPlan{port: d.port, target: svc, oid: oidKerberos, gss: gss, sizes: []int{100}})
				at = append(at, d)
			}
		}
	}
	for i, out := range r.login(t).jgss(t, plans...) {
		p, s := plans[i], out.Server
		t.Run(fmt.Sprintf("%d, %#x, %s", p.target.etype, p.gss, at[i].name), func(t *testing.T) {
			etype := p.target.etype
			if !out.Established || len(out.Steps) != 3 {
				t.Fatalf("%+v", out)
			}
			at[i].checkSteps(t, out.Steps, p.gss)
			// JGSS sends no list of encryption types, so the acceptor's subkey has the type
			// of the session key.
			if got, want := [3]int{s.Service, s.Session, s.Context}, [3]int{etype, etype, etype}; !at[i].mit() && got != want {
				t.Errorf("encryption types %v of ticket, session key and context; want %v", got, want)
			}
		})
	}
}

// TestInteropJava_Bindings checks channel bindings without addresses. JGSS hashes them with
// the address type 255, where other clients have 0.
func TestInteropJava_Bindings(t *testing.T) {
	r := theRealm(t, "java", "javac")
	t.Parallel()
	svc, file := r.service(t, unique("bound"), 18, 18), filepath.Join(t.TempDir(), "keytab")
	svc.keytab(t, file)
	var plans []javaPlan
	var want []status.Reason
	for _, windows := range []bool{false, true} {
		o := sspiAcceptor{windows: windows}
		o.config.ChannelBindings = []sspi.ChannelBindings{{ApplicationData: []byte("tls-exporter:x")}}
		port := startOurAcceptor(t, o, file)
		for data, reason := range map[string]status.Reason{
			"tls-exporter:x": status.ReasonNone, "tls-exporter:y": status.ReasonBindingMismatch, "": status.ReasonBindingMissing,
		} {
			for _, oid := range []string{oidKerberos, oidSPNEGO} {
				plans = append(plans, javaPlan{port: port, target: svc, oid: oid, gss: gssMutual, bindings: data})
				want = append(want, reason)
			}
		}
	}
	for _, name := range mechanisms {
		worked(t, "sspi", "Java JGSS", name, "channel bindings")
	}
	for i, out := range r.login(t).jgss(t, plans...) {
		p := plans[i]
		switch {
		case want[i] != status.ReasonNone:
			if out.Established || out.Error == nil || out.Server.Reason != want[i].String() {
				t.Errorf("%s, %q: %+v, want %v", mechanisms[p.oid], p.bindings, out, want[i])
			}
		case !out.Established || out.Server.Binding != authenticator.BindingMatched:
			t.Errorf("%s, %q: %+v, want a match", mechanisms[p.oid], p.bindings, out)
		}
	}
}

// TestInteropJava_Delegation checks that JGSS forwards the user's ticket if its caller
// requests that.
func TestInteropJava_Delegation(t *testing.T) {
	r := theRealm(t, "java", "javac")
	t.Parallel()
	svc, file := r.service(t, unique("deleg"), 18, 18), filepath.Join(t.TempDir(), "keytab")
	svc.keytab(t, file)
	var plans []javaPlan
	for _, windows := range []bool{false, true} {
		o := sspiAcceptor{windows: windows}
		o.config.AcceptDelegation = true
		port := startOurAcceptor(t, o, file)
		for _, oid := range []string{oidKerberos, oidSPNEGO} {
			for _, gss := range []int{gssDeleg, gssDeleg | gssMutual} {
				plans = append(plans, javaPlan{port: port, target: svc, oid: oid, gss: gss})
			}
		}
	}
	for _, name := range mechanisms {
		worked(t, "sspi", "Java JGSS", name, "delegation")
	}
	want := user + "@" + realmName + " for krbtgt/" + realmName + "@" + realmName
	for i, out := range r.login(t, "-f").jgss(t, plans...) {
		if p := plans[i]; !out.Established || out.Flags != p.gss || out.Server.Delegated != want {
			t.Errorf("%s, %#x: %+v, want %q", mechanisms[p.oid], p.gss, out, want)
		}
	}
}

// TestInteropJava_Refused checks a service whose key differs from that of the KDC. JGSS
// cannot parse a KRB-ERROR, but recognises that it is not an AP-REP. It recognises a
// reject.
func TestInteropJava_Refused(t *testing.T) {
	r := theRealm(t, "java", "javac", pythonGSSAPI)
	t.Parallel()
	file, login := filepath.Join(t.TempDir(), "keytab"), r.login(t)
	_, asked := wrongKey(t, r, login, file)
	doors := doorsTo(t, r, file)
	var plans []javaPlan
	for _, d := range doors {
		for _, oid := range []string{oidKerberos, oidSPNEGO} {
			plans = append(plans, javaPlan{port: d.port, target: asked, oid: oid, gss: gssMutual})
		}
	}
	for i, out := range login.jgss(t, plans...) {
		d, p := doors[i/2], plans[i]
		if out.Established || out.Error == nil || out.Server.Client != "" || out.Server.Verdict != d.code("FAILURE") {
			t.Errorf("%s, %s: %+v", d.name, mechanisms[p.oid], out)
		}
		if want := status.ReasonWrongKey.String(); !d.mit() && out.Server.Reason != want {
			t.Errorf("%s, %s: reason %s, want %s", d.name, mechanisms[p.oid], out.Server.Reason, want)
		}
	}
}
