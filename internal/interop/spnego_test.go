package interop

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jcmturner/gokrb5/v8/spnego"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// These are the states of a negotiation (RFC 4178, Section 4.2.2).
const (
	negCompleted, negIncomplete, negReject, negRequestMIC = 0, 1, 2, 3
)

// negResponse decodes a NegTokenResp with gokrb5.
func negResponse(t testing.TB, token string) spnego.NegTokenResp {
	t.Helper()
	b, err := hex.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	_, neg, err := spnego.UnmarshalNegToken(b)
	resp, ok := neg.(spnego.NegTokenResp)
	if !ok {
		t.Fatalf("%x is no NegTokenResp: %v", b, err)
	}
	return resp
}

// spnegoLegs returns the number of tokens of an exchange if Kerberos is the client's first
// mechanism. A one-way client gets an answer too, and a client in DCE style one more.
func spnegoLegs(gss int) int { return max(2, legs(gss)+legs(gss)%2) }

// checkNegotiated does the checks of checkContext for a context of SPNEGO.
func (d *door) checkNegotiated(t *testing.T, out seen, gss, legsTaken int) {
	t.Helper()
	if out.Legs != legsTaken {
		t.Errorf("%d legs, want %d: %q", out.Legs, legsTaken, out.Tokens)
	}
	out.Legs = legs(gss)
	d.checkContext(t, out, gss)
}

// checkRejected checks that the client received a reject with the cause.
func checkRejected(t *testing.T, answer string, code int) {
	t.Helper()
	resp := negResponse(t, answer)
	if resp.NegState != negReject || len(resp.SupportedMech) != 0 || len(resp.MechListMIC) != 0 {
		t.Errorf("the answer is %+v, want a reject", resp)
	}
	if e, err := krbError(resp.ResponseToken); err != nil || int(e.ErrorCode) != code {
		t.Errorf("the reject has %v, %v; want KRB-ERROR %d", e, err, code)
	}
}

// checkRejected accepts that MIT's acceptor sends a one-way client no cause, although the
// client waits for SPNEGO's answer.
func (d *door) checkRejected(t *testing.T, answer string, gss, code int) {
	t.Helper()
	if d.mit() && legs(gss) == 1 {
		if resp := negResponse(t, answer); resp.NegState != negReject {
			t.Errorf("the answer is %+v, want a reject", resp)
		}
		return
	}
	checkRejected(t, answer, code)
}

// TestInteropSPNEGO_Flags does the checks of TestInteropPython_Flags with SPNEGO.
func TestInteropSPNEGO_Flags(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	worked(t, "sspi", "python3-gssapi", "SPNEGO", "mutual, one-way and DCE style, messages")
	doors, svc := openDoors(t, r, 18, 18)
	login := r.login(t)
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			var plans []plan
			for _, gss := range gssFlagSets {
				p := plan{
					Port: d.port, Target: svc.hostBased(), Mech: "spnego", Flags: bits(gss), Replay: true,
					NoCIFlags: gss&gssProtect != gssProtect, Steps: []step{{"do": "mic", "size": 100}},
				}
				if d.takesTokens(gss) {
					p.Steps = append(p.Steps, step{"do": "wrap", "size": 100, "conf": false}, step{"do": "wrap", "size": 65536, "conf": true})
				}
				plans = append(plans, p)
			}
			for i, out := range login.initiate(t, plans...) {
				gss := gssFlagSets[i]
				t.Run(fmt.Sprintf("%#x", gss), func(t *testing.T) {
					d.checkNegotiated(t, out, gss, spnegoLegs(gss))
					d.checkSteps(t, out.Steps, gss)
					for i, token := range out.Tokens {
						if i > 0 && len(negResponse(t, token).MechListMIC) != 0 {
							t.Errorf("token %d has a MIC, although the first mechanism was selected", i)
						}
					}
					if want := status.ReasonReplay.String(); !d.mit() && out.Replay.Server.Reason != want {
						t.Errorf("replay: reason %s, want %s", out.Replay.Server.Reason, want)
					}
					d.checkRejected(t, out.Replay.Answer, gss, 34)
				})
			}
		})
	}
}

// TestInteropSPNEGO_ETypes checks every encryption type, and that the context's key has the
// same type as without SPNEGO.
func TestInteropSPNEGO_ETypes(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	forDoors(t, r, func(t *testing.T, d *door, login *session, svc *service) {
		for _, gss := range []int{gssProtect, gssProtect | gssMutual | gssReplay | gssSequence, gssProtect | gssMutual | gssDCE} {
			p := plan{Port: d.port, Target: svc.hostBased(), Mech: "spnego", Flags: bits(gss), Steps: []step{{"do": "mic", "size": 1000}}}
			out := login.initiate(t, p)[0]
			d.checkNegotiated(t, out, gss, spnegoLegs(gss))
			d.checkETypes(t, out.Server.acceptorPeer, svc.etype, gss)
			d.checkSteps(t, out.Steps, gss)
		}
	})
}

// TestInteropSPNEGO_Refusals checks that every client that is refused without SPNEGO is
// rejected with it, with the same Reason and Kerberos error.
func TestInteropSPNEGO_Refusals(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	for _, c := range refusals {
		if c.replay || c.env != nil {
			continue // see TestInteropSPNEGO_Flags, TestInteropHeimdalSPNEGO_ClockRecovery
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
						plans = append(plans, plan{Port: d.port, Target: asked.hostBased(), Mech: "spnego", Flags: bits(gss)})
					}
					for i, out := range login.initiate(t, plans...) {
						if want := d.code("FAILURE"); out.Established || out.Server.Verdict != want || out.Server.Client != "" {
							t.Errorf("flags %#x: %+v, want %s", sets[i], out.Server, want)
						}
						if want := c.reason.String(); !d.mit() && out.Server.Reason != want {
							t.Errorf("flags %#x: reason %s, want %s", sets[i], out.Server.Reason, want)
						}
						d.checkRejected(t, out.Answer, sets[i], int(c.code))
					}
				})
			}
		})
	}
}

// TestInteropSPNEGO_Bindings checks that channel bindings, which belong to Kerberos, have
// the same results with SPNEGO.
func TestInteropSPNEGO_Bindings(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	worked(t, "sspi", "python3-gssapi", "SPNEGO", "channel bindings")
	svc, file, login := r.service(t, unique("bound"), 18, 18), filepath.Join(t.TempDir(), "keytab"), r.login(t)
	svc.keytab(t, file)
	cases := []struct {
		data   string
		reason status.Reason
	}{{"tls-exporter:x", status.ReasonNone}, {"tls-exporter:y", status.ReasonBindingMismatch}, {"", status.ReasonBindingMissing}}
	for _, windows := range []bool{false, true} {
		o := sspiAcceptor{windows: windows}
		o.config.ChannelBindings = []sspi.ChannelBindings{{ApplicationData: []byte("tls-exporter:x")}}
		port := startOurAcceptor(t, o, file)
		for _, gss := range []int{gssProtect, gssProtect | gssMutual, gssProtect | gssMutual | gssDCE} {
			var plans []plan
			for _, c := range cases {
				plans = append(plans, plan{Port: port, Target: svc.hostBased(), Mech: "spnego", Flags: bits(gss), Bindings: c.data})
			}
			for i, out := range login.initiate(t, plans...) {
				c := cases[i]
				if c.reason == status.ReasonNone {
					if !out.Established || out.Server.Binding != authenticator.BindingMatched {
						t.Errorf("flags %#x, %q: %+v, want a match", gss, c.data, out.Server)
					}
					continue
				}
				if out.Established || out.Server.Reason != c.reason.String() {
					t.Errorf("flags %#x, %q: %+v, want %v", gss, c.data, out.Server, c.reason)
				}
				checkRejected(t, out.Answer, 60)
			}
		}
	}
}

// TestInteropSPNEGO_Delegation checks forwarded credentials with SPNEGO.
func TestInteropSPNEGO_Delegation(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	worked(t, "sspi", "python3-gssapi", "SPNEGO", "delegation")
	svc, file, login := r.service(t, unique("deleg"), 18, 18), filepath.Join(t.TempDir(), "keytab"), r.login(t, "-f")
	svc.keytab(t, file)
	for _, windows := range []bool{false, true} {
		o := sspiAcceptor{windows: windows}
		o.config.AcceptDelegation = true
		port := startOurAcceptor(t, o, file)
		for _, gss := range []int{gssProtect, gssProtect | gssMutual, gssProtect | gssMutual | gssDCE} {
			out := login.initiate(t, plan{Port: port, Target: svc.hostBased(), Mech: "spnego", Flags: bits(gss | gssDeleg)})[0]
			want := user + "@" + realmName + " for krbtgt/" + realmName + "@" + realmName
			if !out.Established || out.Server.Delegated != want {
				t.Errorf("flags %#x: delegated %q, want %q: %+v", gss, out.Server.Delegated, want, out.Server)
			}
		}
	}
}

// TestInteropSPNEGO_GSSClient runs MIT's gss-client with SPNEGO, first with MIT's server.
func TestInteropSPNEGO_GSSClient(t *testing.T) {
	r := theRealm(t, "gss-client", "gss-server")
	t.Parallel()
	worked(t, "gss-server", "gss-client", "SPNEGO", "mutual and one-way, messages")
	svc, file, login := r.service(t, unique("spnego"), 18, 18), filepath.Join(t.TempDir(), "keytab"), r.login(t)
	svc.keytab(t, file)
	for name, srv := range map[string]server{"MIT": startMIT(t, r, file, svc), "Go": startOurs(t, r, file)} {
		t.Run(name, func(t *testing.T) {
			for _, c := range clientCases {
				if c.anyone {
					continue
				}
				c.args = append([]string{"-spnego"}, c.args...)
				t.Run(c.name, func(t *testing.T) { c.check(t, srv, login, svc) })
			}
		})
	}
}

// TestInteropSPNEGO_GSSClientRefused checks that the client prints the reject and its
// cause. The client then writes to the closed connection, which may end it by a signal.
func TestInteropSPNEGO_GSSClientRefused(t *testing.T) {
	r := theRealm(t, "gss-client")
	t.Parallel()
	file, login := filepath.Join(t.TempDir(), "keytab"), r.login(t)
	_, asked := wrongKey(t, r, login, file)
	srv := startOurs(t, r, file)
	wire := startRelay(t, srv.port(), nil)
	res := login.gssClient(t, wire.port(), asked, "-spnego")
	_, tokens := wire.tokens()
	last := srv.contexts(t, 1)[0]
	if res.code == 0 || strings.Contains(res.out, "Signature verified.") || last.fields["reason"] != status.ReasonWrongKey.String() {
		t.Errorf("exit %d, %v\n%s", res.code, last.fields, res.out)
	}
	if len(tokens) != 1 {
		t.Fatalf("the server sent %d tokens", len(tokens))
	}
	checkRejected(t, hex.EncodeToString(tokens[0]), 31)
}

// TestInteropSPNEGO_Unwanted checks that the package Kerberos refuses SPNEGO with its own
// Reason.
func TestInteropSPNEGO_Unwanted(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	svc, file := r.service(t, unique("raw"), 18, 18), filepath.Join(t.TempDir(), "keytab")
	svc.keytab(t, file)
	var plans []plan
	for _, windows := range []bool{false, true} {
		o := sspiAcceptor{windows: windows}
		o.config.Package = sspi.Kerberos
		plans = append(plans, plan{Port: startOurAcceptor(t, o, file), Target: svc.hostBased(), Mech: "spnego", Flags: bits(gssMutual)})
	}
	for _, out := range r.login(t).initiate(t, plans...) {
		if out.Established || out.Server.Reason != status.ReasonSPNEGO.String() {
			t.Errorf("%+v, want %v", out.Server, status.ReasonSPNEGO)
		}
	}
}
