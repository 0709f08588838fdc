package interop

import (
	"path/filepath"
	"testing"
)

// TestInteropPython_Refusals checks that this library refuses every client that MIT's
// acceptor refuses, in exchanges of one, two and three tokens, with the same Kerberos
// error, and that a client that does not wait for a reply gets none.
func TestInteropPython_Refusals(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	for _, c := range refusals {
		if c.replay || c.env != nil {
			continue // see TestInteropPython_Flags, TestInteropGSSClient_Refusals
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file, login := filepath.Join(t.TempDir(), "keytab"), r.login(t)
			_, asked := c.prepare(t, r, login, file)
			sets := []int{gssProtect, gssProtect | gssMutual, gssProtect | gssMutual | gssDCE}
			for _, d := range doorsTo(t, r, file) {
				t.Run(d.name, func(t *testing.T) {
					var plans []plan
					for _, gss := range sets {
						plans = append(plans, plan{Port: d.port, Target: asked.hostBased(), Flags: bits(gss)})
					}
					for i, out := range login.initiate(t, plans...) {
						if want := d.code("FAILURE"); out.Established || out.Server.Verdict != want || out.Server.Client != "" {
							t.Errorf("flags %#x: %+v, want %s", sets[i], out.Server, want)
						}
						if want := c.reason.String(); !d.mit() && out.Server.Reason != want {
							t.Errorf("flags %#x: reason %s, want %s", sets[i], out.Server.Reason, want)
						}
						checkAnswer(t, out.Answer, out.Error, sets[i], int(c.code))
					}
				})
			}
		})
	}
}

// TestInteropPython_Delegation checks that forwarded credentials are reported and decrypted
// only if the server requests them. MIT's acceptor always reads them.
func TestInteropPython_Delegation(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	const ascDelegate = 1
	for etype := range 4 {
		etype += 17
		t.Run(etypes[etype], func(t *testing.T) {
			t.Parallel()
			svc := r.service(t, unique("deleg"), etype, etype)
			file := filepath.Join(t.TempDir(), "keytab")
			svc.keytab(t, file)
			login := r.login(t, "-f")
			for _, name := range acceptors[1:] {
				for _, wanted := range []bool{false, true} {
					o := sspiAcceptor{windows: name == "Windows"}
					o.config.AcceptDelegation = wanted
					d := door{name, startOurAcceptor(t, o, file)}
					for _, gss := range []int{gssProtect, gssProtect | gssMutual, gssProtect | gssMutual | gssDCE} {
						out := login.initiate(t, plan{Port: d.port, Target: svc.hostBased(), Flags: bits(gss | gssDeleg)})[0]
						if !out.Established || out.Flags&gssDeleg == 0 {
							t.Fatalf("%s %#x: %+v; the initiator forwarded nothing", name, gss, out)
						}
						want := ""
						if wanted {
							want = user + "@" + realmName + " for krbtgt/" + realmName + "@" + realmName
						}
						if got := out.Server.ASC&ascDelegate != 0; got != wanted || out.Server.Delegated != want {
							t.Errorf("%s %#x: delegated: %v, %q; want %v, %q", name, gss, got, out.Server.Delegated, wanted, want)
						}
					}
				}
			}
		})
	}
}
