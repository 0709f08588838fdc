package interop

import (
	"path/filepath"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// bindingCase is a pair of channel bindings, with the expected result.
type bindingCase struct {
	name                string
	initiator, acceptor string // application data, or ""
	policy              sspi.BindingPolicy
	mit                 string // the status of MIT's acceptor
	bound               bool   // both sides have the same bindings
	binding             authenticator.Binding
	reason              status.Reason // the Reason of this library's refusal
}

// MIT's acceptor has no policy, so its result is the same for each. This library differs in
// one case: by default it refuses a client without bindings if the server has some, because
// otherwise a relay could omit them.
var bindingCases = []bindingCase{
	{name: "nobody has any", mit: "OK", binding: authenticator.BindingUnchecked},
	{name: "the same", initiator: "tls-exporter:x", acceptor: "tls-exporter:x", mit: "OK", bound: true, binding: authenticator.BindingMatched},
	{name: "others", initiator: "tls-exporter:x", acceptor: "tls-exporter:y", mit: "BAD_BINDINGS", reason: status.ReasonBindingMismatch},
	{name: "others, though none would do", initiator: "tls-exporter:x", acceptor: "tls-exporter:y", policy: sspi.BindingAllowMissing, mit: "BAD_BINDINGS", reason: status.ReasonBindingMismatch},
	{name: "only the initiator's", initiator: "tls-exporter:x", mit: "OK", binding: authenticator.BindingUnchecked},
	{name: "only the acceptor's", acceptor: "tls-exporter:x", mit: "OK", reason: status.ReasonBindingMissing},
	{name: "only the acceptor's, none will do", acceptor: "tls-exporter:x", policy: sspi.BindingAllowMissing, mit: "OK", binding: authenticator.BindingMissing},
}

func TestInteropPython_Bindings(t *testing.T) {
	worked(t, "sspi", "python3-gssapi", "Kerberos", "channel bindings")
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	svc := r.service(t, unique("bound"), 18, 18)
	file := filepath.Join(t.TempDir(), "keytab")
	svc.keytab(t, file)
	login := r.login(t)
	for _, c := range bindingCases {
		for _, name := range acceptors {
			t.Run(c.name+", "+name, func(t *testing.T) {
				d := door{name: name}
				if d.mit() {
					var data []string
					if c.acceptor != "" {
						data = []string{c.acceptor}
					}
					d.port = startMITAcceptor(t, r, file, data...)
				} else {
					o := sspiAcceptor{windows: d.windows()}
					o.config.BindingPolicy = c.policy
					if c.acceptor != "" {
						// The client may match any of several bindings, as while a
						// certificate is replaced.
						o.config.ChannelBindings = []sspi.ChannelBindings{{ApplicationData: []byte("tls-exporter:other")}, {ApplicationData: []byte(c.acceptor)}}
					}
					d.port = startOurAcceptor(t, o, file)
				}
				sets := []int{gssMutual | gssProtect, gssProtect, gssMutual | gssDCE | gssProtect}
				var plans []plan
				for _, gss := range sets {
					plans = append(plans, plan{Port: d.port, Target: svc.hostBased(), Flags: bits(gss), Bindings: c.initiator})
				}
				for i, out := range login.initiate(t, plans...) {
					c.check(t, &d, sets[i], out)
				}
			})
		}
	}
}

func (c *bindingCase) check(t *testing.T, d *door, gss int, out seen) {
	t.Helper()
	refused := c.mit != "OK"
	if !d.mit() {
		refused = c.reason != status.ReasonNone
	}
	if refused {
		if want := d.code("BAD_BINDINGS"); out.Server.Verdict != want || !d.mit() && out.Server.Reason != c.reason.String() {
			t.Errorf("flags %#x: %s %s, want %s %v", gss, out.Server.Verdict, out.Server.Reason, want, c.reason)
		}
		checkAnswer(t, out.Answer, out.Error, gss, 60)
		return
	}
	if !out.Established || out.Server.Client != user+"@"+realmName {
		t.Fatalf("flags %#x: %+v", gss, out)
	}
	if d.mit() {
		if bound := out.Server.GSSFlags&gssBound != 0; bound != c.bound {
			t.Errorf("flags %#x: MIT reports bound: %v, want %v", gss, bound, c.bound)
		}
	} else if out.Server.Binding != c.binding {
		t.Errorf("flags %#x: %v, want %v", gss, out.Server.Binding, c.binding)
	}
}
