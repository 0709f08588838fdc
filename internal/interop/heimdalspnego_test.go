package interop

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// heimdalSPNEGO runs Heimdal's initiator with SPNEGO. bindings may be "".
func (s *session) heimdalSPNEGO(t testing.TB, port int, svc *service, gss int, bindings string) heimdalSeen {
	t.Helper()
	return s.heimdal(t, port, svc, gss, bindings, "spnego")
}

// TestInteropHeimdalSPNEGO checks Heimdal's implementation of SPNEGO, with every encryption
// type, and messages in both directions.
func TestInteropHeimdalSPNEGO(t *testing.T) {
	r := heimdalRealm(t, pythonGSSAPI)
	t.Parallel()
	worked(t, "sspi", "Heimdal", "SPNEGO", "mutual, one-way and DCE style, messages")
	forDoors(t, r, func(t *testing.T, d *door, login *session, svc *service) {
		login.fetch(t, svc)
		for _, gss := range []int{0, gssReplay | gssSequence, gssMutual, gssMutual | gssReplay | gssSequence, gssMutual | gssReplay | gssSequence | gssDCE} {
			out := login.heimdalSPNEGO(t, d.port, svc, gss, "")
			out.check(t, d, gss, spnegoLegs(gss))
			d.checkETypes(t, out.server, svc.etype, gss)
		}
	})
}

// TestInteropHeimdalSPNEGO_Bindings checks channel bindings with Heimdal's SPNEGO.
func TestInteropHeimdalSPNEGO_Bindings(t *testing.T) {
	r := heimdalRealm(t)
	t.Parallel()
	worked(t, "sspi", "Heimdal", "SPNEGO", "channel bindings")
	svc, file, login := r.service(t, unique("bound"), 18, 18), filepath.Join(t.TempDir(), "keytab"), r.login(t)
	svc.keytab(t, file)
	login.fetch(t, svc)
	for _, windows := range []bool{false, true} {
		o := sspiAcceptor{windows: windows}
		o.config.ChannelBindings = []sspi.ChannelBindings{{ApplicationData: []byte("tls-exporter:x")}}
		port := startOurAcceptor(t, o, file)
		if out := login.heimdalSPNEGO(t, port, svc, gssMutual, "tls-exporter:x"); out.code != 0 || out.server.Binding != authenticator.BindingMatched {
			t.Errorf("the same: %+v\n%s", out.server, out.out)
		}
		for data, want := range map[string]status.Reason{"tls-exporter:y": status.ReasonBindingMismatch, "": status.ReasonBindingMissing} {
			if out := login.heimdalSPNEGO(t, port, svc, gssMutual, data); out.code == 0 || out.tokens != 0 || out.reason != want.String() {
				t.Errorf("%q: reason %q, want %v\n%s", data, out.reason, want, out.out)
			}
		}
	}
}

// TestInteropHeimdalSPNEGO_ClockRecovery checks that a client whose clock is wrong receives
// the time within the negotiation, and makes its second try within it. MIT's acceptor
// rejects the client.
func TestInteropHeimdalSPNEGO_ClockRecovery(t *testing.T) {
	r := heimdalRealm(t, "faketime", pythonGSSAPI)
	t.Parallel()
	worked(t, "sspi", "Heimdal", "SPNEGO", "a wrong clock is put right")
	for _, gss := range []int{gssMutual, gssMutual | gssReplay | gssSequence, gssMutual | gssDCE} {
		t.Run(fmt.Sprintf("%#x", gss), func(t *testing.T) {
			t.Parallel()
			doors, svc := openDoors(t, r, 18, 18)
			for _, d := range doors {
				t.Run(d.name, func(t *testing.T) {
					login := r.login(t)
					login.fetch(t, svc)
					login.extra = clock("+20m")
					out := login.heimdalSPNEGO(t, d.port, svc, gss, "")
					if d.mit() {
						if out.code == 0 || out.tokens != 0 || strings.Join(out.verdicts, "") != "R" {
							t.Errorf("verdicts %s, exit %d, want a refusal\n%s", out.verdicts, out.code, out.out)
						}
						return
					}
					out.check(t, &d, gss, 2+spnegoLegs(gss)) // plus the refused token and the error with the time
				})
			}
		})
	}
}
