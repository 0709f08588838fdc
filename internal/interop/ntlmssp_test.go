package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/status"
)

// withNTLM returns a session whose GSS-API has NTLM beside Kerberos: the package
// gss-ntlmssp, without the machine's configuration, and with a password.
func (s *session) withNTLM(t testing.TB) *session {
	t.Helper()
	lib, _ := filepath.Glob("/usr/lib/*/gssntlmssp/gssntlmssp.so")
	if len(lib) == 0 {
		t.Fatal("gss-ntlmssp has no library where Debian puts it")
	}
	dir := t.TempDir()
	mech, users := filepath.Join(dir, "mech"), filepath.Join(dir, "users")
	for file, text := range map[string]string{
		mech:  "gssntlmssp_v1 1.3.6.1.4.1.311.2.2.10 " + lib[0] + "\n",
		users: "INTEROP:" + user + ":" + password + "\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ntlm := *s
	ntlm.extra = append(ntlm.extra, "GSS_MECH_CONFIG="+mech, "NTLM_USER_FILE="+users)
	return &ntlm
}

// TestInteropNTLMSSP_First checks a client that prefers NTLM and supports Kerberos. The
// server cannot use its first token and requests Kerberos. Because the client's first
// mechanism was not selected, both sides sign the list of mechanisms with the keys of
// Kerberos, so that each detects a shortened list. The sequence numbers of messages
// continue after these MICs.
func TestInteropNTLMSSP_First(t *testing.T) {
	r := theRealm(t, pythonGSSAPI, gssNTLMSSP)
	t.Parallel()
	worked(t, "sspi", "python3-gssapi with gss-ntlmssp", "SPNEGO", "NTLM offered first, MIC of the list")
	forDoors(t, r, func(t *testing.T, d *door, login *session, svc *service) {
		login = login.withNTLM(t)
		for _, gss := range []int{
			gssProtect, gssProtect | gssMutual, gssProtect | gssReplay | gssSequence,
			gssProtect | gssMutual | gssReplay | gssSequence,
		} {
			out := login.initiate(t, plan{
				Port: d.port, Target: svc.hostBased(), Mech: "spnego", Offer: []string{"ntlm", "krb5"}, Flags: bits(gss),
				Steps: []step{
					{"do": "mic", "size": 100}, {"do": "wrap", "size": 100, "conf": true}, {"do": "wrap", "size": 65536, "conf": false},
				},
			})[0]
			t.Run(fmt.Sprintf("%#x", gss), func(t *testing.T) {
				checkRequestMIC(t, out, gss)
				d.checkNegotiated(t, out, gss, 3+legs(gss))
				d.checkETypes(t, out.Server.acceptorPeer, svc.etype, gss)
				d.checkSteps(t, out.Steps, gss)
			})
		}
	})
}

// checkRequestMIC checks the exchange by RFC 4178, Section 5: the first reply requests
// Kerberos and a MIC, and each side sends its MIC with its last token of Kerberos, or after
// it.
func checkRequestMIC(t *testing.T, out seen, gss int) {
	t.Helper()
	if len(out.Tokens) != 3+legs(gss) {
		t.Fatalf("%d tokens, %v", len(out.Tokens), out.Error)
	}
	asked := negResponse(t, out.Tokens[1])
	if asked.NegState != negRequestMIC || asked.SupportedMech.String() != oidKerberos || len(asked.ResponseToken)+len(asked.MechListMIC) != 0 {
		t.Errorf("the first answer is %+v", asked)
	}
	second, last := negResponse(t, out.Tokens[3]), negResponse(t, out.Tokens[len(out.Tokens)-1])
	if len(second.MechListMIC) == 0 || last.NegState != negCompleted || len(last.MechListMIC) == 0 {
		t.Errorf("the second answer is %+v, the last token %+v", second, last)
	}
	want := negCompleted // for a one-way client, whose MIC arrives with its AP-REQ
	if gss&gssMutual != 0 {
		want = negIncomplete
	}
	if int(second.NegState) != want || (len(second.ResponseToken) != 0) != (gss&gssMutual != 0) {
		t.Errorf("the second answer is %+v", second)
	}
}

// TestInteropNTLMSSP_Second checks a client that supports NTLM and prefers Kerberos. No MIC
// is needed.
func TestInteropNTLMSSP_Second(t *testing.T) {
	r := theRealm(t, pythonGSSAPI, gssNTLMSSP)
	t.Parallel()
	worked(t, "sspi", "python3-gssapi with gss-ntlmssp", "SPNEGO", "NTLM offered second")
	doors, svc := openDoors(t, r, 18, 18)
	login := r.login(t).withNTLM(t)
	for _, d := range doors {
		for _, gss := range []int{gssProtect, gssProtect | gssMutual | gssReplay | gssSequence, gssProtect | gssMutual | gssDCE} {
			out := login.initiate(t, plan{
				Port: d.port, Target: svc.hostBased(), Mech: "spnego", Offer: []string{"krb5", "ntlm"}, Flags: bits(gss),
				Steps: []step{{"do": "mic", "size": 100}},
			})[0]
			t.Run(fmt.Sprintf("%s, %#x", d.name, gss), func(t *testing.T) {
				d.checkNegotiated(t, out, gss, spnegoLegs(gss))
				d.checkSteps(t, out.Steps, gss)
				for _, token := range out.Tokens[1:] {
					if resp := negResponse(t, token); len(resp.MechListMIC) != 0 {
						t.Errorf("an unnecessary MIC: %+v", resp)
					}
				}
			})
		}
	}
}

// TestInteropNTLMSSP_Refused checks that a client with NTLM only is refused, and that the
// log says so.
func TestInteropNTLMSSP_Refused(t *testing.T) {
	r := theRealm(t, pythonGSSAPI, gssNTLMSSP)
	t.Parallel()
	svc, file := r.service(t, unique("ntlm"), 18, 18), filepath.Join(t.TempDir(), "keytab")
	svc.keytab(t, file)
	login := r.login(t).withNTLM(t)
	for _, windows := range []bool{false, true} {
		port := startOurAcceptor(t, sspiAcceptor{windows: windows}, file)
		outs := login.initiate(t,
			plan{Port: port, Target: svc.hostBased(), Mech: "spnego", Offer: []string{"ntlm"}, Flags: bits(gssMutual)},
			plan{Port: port, Target: svc.hostBased(), Mech: "ntlm", Flags: bits(gssMutual)},
		)
		for i, mech := range []string{"in SPNEGO", "bare"} {
			if out := outs[i]; out.Established || out.Server.Reason != status.ReasonNTLM.String() {
				t.Errorf("%s: %+v, want %v", mech, out.Server, status.ReasonNTLM)
			}
		}
		if out := outs[0]; len(out.Tokens) != 2 || negResponse(t, out.Tokens[1]).NegState != negReject {
			t.Errorf("the client received %s", strings.Join(out.Tokens[1:], ", "))
		}
	}
}
