package interop

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/gosspi/kerberos/status"
)

// ascOf maps flags of GSS-API to their values in sspi.h.
var ascOf = map[int]uint32{
	gssMutual: 0x2, gssReplay: 0x4, gssSequence: 0x8, gssConf: 0x10, gssInteg: 0x20000,
	gssDCE: 0x200, gssIdentify: 0x80000, gssExtErr: 0x8000,
}

func ascFlags(gss int) uint32 {
	var asc uint32
	for _, b := range bits(gss) {
		asc |= ascOf[b]
	}
	return asc
}

// gssFlagSets are no flags, each flag alone, the usual flags, and all.
var gssFlagSets = []int{
	0, gssMutual, gssReplay, gssSequence, gssConf, gssInteg, gssIdentify, gssExtErr, gssDCE,
	gssProtect, gssMutual | gssReplay | gssProtect, gssMutual | gssReplay | gssSequence | gssProtect,
	gssMutual | gssDCE, gssMutual | gssDCE | gssReplay | gssSequence | gssProtect,
	gssReplay | gssSequence, gssReplay | gssSequence | gssProtect, gssMutual | gssSequence | gssInteg,
	gssMutual | gssReplay | gssSequence | gssProtect | gssDCE | gssIdentify | gssExtErr,
}

// legs returns the number of tokens of an exchange.
func legs(gss int) int {
	switch {
	case gss&gssDCE != 0:
		return 3
	case gss&gssMutual != 0:
		return 2
	}
	return 1
}

// TestInteropPython_Flags checks that both sides report exactly the flags that the client
// requests, that messages go in both directions with each set of flags, and that the first
// token is refused the second time.
func TestInteropPython_Flags(t *testing.T) {
	worked(t, "sspi", "python3-gssapi", "Kerberos", "mutual, one-way and DCE style")
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	doors, svc := openDoors(t, r, 18, 18)
	login := r.login(t)
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			var plans []plan
			for _, gss := range gssFlagSets {
				p := plan{
					Port: d.port, Target: svc.hostBased(), Flags: bits(gss), Replay: true,
					NoCIFlags: gss&gssProtect != gssProtect,
					Steps:     []step{{"do": "mic", "size": 100}},
				}
				if d.takesTokens(gss) {
					p.Steps = append(p.Steps, step{"do": "wrap", "size": 100, "conf": false}, step{"do": "wrap", "size": 100, "conf": true})
				}
				plans = append(plans, p)
			}
			for i, out := range login.initiate(t, plans...) {
				t.Run(fmt.Sprintf("%#x", gssFlagSets[i]), func(t *testing.T) {
					d.checkContext(t, out, gssFlagSets[i])
					d.checkReplay(t, out, gssFlagSets[i])
					d.checkSteps(t, out.Steps, gssFlagSets[i])
				})
			}
		})
	}
}

// checkContext compares the results of both sides of an established context with the
// requested flags.
func (d *door) checkContext(t *testing.T, out seen, gss int) {
	t.Helper()
	if !out.Established || out.Error != nil || out.Legs != legs(gss) {
		t.Fatalf("established: %v, %v, %d legs; want %d", out.Established, out.Error, out.Legs, legs(gss))
	}
	// MIT reports a context in DCE style as mutual, whether the client requested it or not.
	if gss&gssDCE != 0 {
		gss |= gssMutual
	}
	const initiatorOnly = gssTrans | gssReady
	if got := out.Flags &^ initiatorOnly; got != gss {
		t.Errorf("the initiator has flags %#x, want %#x", got, gss)
	}
	if out.Server.Client != user+"@"+realmName {
		t.Errorf("the acceptor saw %q", out.Server.Client)
	}
	if d.mit() {
		if got := out.Server.GSSFlags &^ initiatorOnly; got != gss {
			t.Errorf("MIT's acceptor has flags %#x, want %#x", got, gss)
		}
		return
	}
	if want := ascFlags(gss); out.Server.ASC != want {
		t.Errorf("our flags %#x, want %#x", out.Server.ASC, want)
	}
}

// checkReplay checks that the token is refused the second time, with KRB_AP_ERR_REPEAT if
// the client waits for a reply.
func (d *door) checkReplay(t *testing.T, out seen, gss int) {
	t.Helper()
	rep := out.Replay
	if want := d.code("FAILURE"); rep.Server.Verdict != want {
		t.Errorf("replay: %s, want %s", rep.Server.Verdict, want)
	}
	if want := status.ReasonReplay.String(); !d.mit() && rep.Server.Reason != want {
		t.Errorf("replay: reason %s, want %s", rep.Server.Reason, want)
	}
	checkAnswer(t, rep.Answer, rep.Error, gss, 34)
}

// checkAnswer checks the reply to a refused client: none if the client does not wait, and
// otherwise a KRB-ERROR in GSS framing. MIT's initiator does not parse a KRB-ERROR in DCE
// style, also not that of MIT's acceptor.
func checkAnswer(t *testing.T, answer string, clientError *gssError, gss, code int) {
	t.Helper()
	if legs(gss) == 1 {
		if answer != "" || clientError != nil {
			t.Errorf("a client that does not wait received %s, %v", answer, clientError)
		}
		return
	}
	token, _ := hex.DecodeString(answer)
	e, err := krbError(token)
	if err != nil || int(e.ErrorCode) != code {
		t.Errorf("the answer is %v, %v; want KRB-ERROR %d", e, err, code)
	}
	if gss&gssDCE == 0 && (clientError == nil || clientError.Minor != mitMinor(code)) {
		t.Errorf("the client understood %v, want %d", clientError, code)
	}
}

// checkSteps checks that every message returned unchanged, unless the door does not protect
// messages in that way.
func (d *door) checkSteps(t *testing.T, steps []stepSeen, gss int) {
	t.Helper()
	for i, s := range steps {
		if d.windows() && !allows(gss, s) {
			if s.Refused != status.SEC_E_QOP_NOT_SUPPORTED.String() {
				t.Errorf("message %d, which was not negotiated: %+v", i, s)
			}
			continue
		}
		if s.Refused != "" || !s.Echo || s.Sealed != s.SealedBack {
			t.Errorf("message %d: %+v", i, s)
		}
	}
}
