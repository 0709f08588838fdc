package interop

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// heimdalProgram compiles testdata/heimdal.c, once.
func heimdalProgram(t testing.TB) string {
	t.Helper()
	world.heimdalOnce.Do(func() {
		path := filepath.Join(world.dir, "heimdal")
		p, err := start([]string{"TMPDIR=" + world.dir}, nil, "gcc", "-Wall", "-Werror", "-O1", "-I/usr/include/heimdal",
			"-o", path, filepath.Join("testdata", "heimdal.c"), "-l:libgssapi.so.3")
		if err == nil {
			var code int
			if code, err = p.Exit(); code != 0 {
				err = fmt.Errorf("gcc: exit %d\n%s", code, p.Out)
			}
		}
		world.heimdal, world.heimdalErr = path, err
	})
	if world.heimdalErr != nil {
		t.Fatal(world.heimdalErr)
	}
	return world.heimdal
}

// heimdalRealm returns the shared realm. It skips the test if Heimdal's library or its
// tools are missing.
func heimdalRealm(t *testing.T, more ...string) *realm {
	t.Helper()
	return theRealm(t, append([]string{"gcc", heimdalGSSAPI, heimdalLib}, more...)...)
}

// heimdalSeen is the output of testdata/heimdal.c.
type heimdalSeen struct {
	result
	flags, tokens int      // 0, 0 if the context was not established
	verdicts      []string // of the acceptor, for each token
	echoes        int
	server        acceptorPeer
	reason        string
}

var (
	heimdalEstablished = regexp.MustCompile(`(?m)^established: flags (0x[0-9a-f]+), (\d+) tokens$`)
	heimdalVerdict     = regexp.MustCompile(`(?m)^acceptor: ([CAR]) (.*)$`)
)

// heimdal runs Heimdal's initiator. MIT's tool has fetched the ticket before, because it
// can request every encryption type.
func (s *session) heimdal(t testing.TB, port int, svc *service, gss int, more ...string) heimdalSeen {
	t.Helper()
	args := append([]string{strconv.Itoa(port), svc.hostBased(), strconv.Itoa(gss)}, more...)
	out := heimdalSeen{result: run(t, s.env(), "", heimdalProgram(t), args...)}
	if m := heimdalEstablished.FindStringSubmatch(out.out); m != nil {
		flags, _ := strconv.ParseInt(m[1], 0, 0)
		out.flags = int(flags)
		out.tokens, _ = strconv.Atoi(m[2])
	}
	for _, m := range heimdalVerdict.FindAllStringSubmatch(out.out, -1) {
		out.verdicts = append(out.verdicts, m[1])
		var said struct {
			acceptorPeer
			Reason string `json:"reason"`
		}
		if err := json.Unmarshal([]byte(m[2]), &said); err != nil {
			t.Fatalf("%v\n%s", err, out.out)
		}
		out.server, out.reason = said.acceptorPeer, said.Reason
	}
	out.echoes = strings.Count(out.out, "echo: ")
	return out
}

// heimdalEchoes is the number of messages of heimdal.c.
const heimdalEchoes = 8 * 3

// check compares the results of both sides of an established context with the requested
// flags. Heimdal adds CONF and INTEG, as MIT does.
func (out *heimdalSeen) check(t *testing.T, d *door, gss, tokens int) {
	t.Helper()
	gss |= gssProtect
	if out.tokens != tokens || out.flags&^gssTrans != gss {
		t.Errorf("%#x: %d tokens, flags %#x; want %d, %#x\n%s", gss, out.tokens, out.flags, tokens, gss, out.out)
	}
	if out.server.Client != user+"@"+realmName || !d.mit() && out.server.ASC != ascFlags(gss) {
		t.Errorf("%#x: the acceptor saw %+v, want flags %#x", gss, out.server, ascFlags(gss))
	}
	// Heimdal's gss_wrap in DCE style has 15 bytes of EC, which MIT's acceptor refuses.
	if d.mit() && gss&gssDCE != 0 {
		return
	}
	if out.code != 0 || out.echoes != heimdalEchoes {
		t.Errorf("%#x: exit %d, %d echoes of %d\n%s", gss, out.code, out.echoes, heimdalEchoes, out.out)
	}
}

// TestInteropHeimdal checks exchanges of one, two and three tokens, with every encryption
// type, and messages in both directions. Heimdal rotates its tokens, MIT does not.
func TestInteropHeimdal(t *testing.T) {
	worked(t, "sspi", "Heimdal", "Kerberos", "mutual, one-way and DCE style, messages")
	r := heimdalRealm(t, pythonGSSAPI)
	t.Parallel()
	forDoors(t, r, func(t *testing.T, d *door, login *session, svc *service) {
		login.fetch(t, svc)
		for _, gss := range []int{0, gssReplay | gssSequence, gssMutual, gssMutual | gssReplay | gssSequence, gssMutual | gssReplay | gssSequence | gssDCE} {
			out := login.heimdal(t, d.port, svc, gss)
			out.check(t, d, gss, legs(gss))
			d.checkETypes(t, out.server, svc.etype, gss)
		}
	})
}

// TestInteropHeimdal_ClockRecovery sets the client's clock back or forward by 20 minutes.
// The KRB-ERROR of this library permits another try with the time that it contains
// (MS-KILE, Section 2.2.2). The client makes it in the same exchange, and then stores the
// difference with the ticket. A one-way client gets no time and is refused. MIT's acceptor
// refuses all such clients and ends the exchange.
func TestInteropHeimdal_ClockRecovery(t *testing.T) {
	worked(t, "sspi", "Heimdal", "Kerberos", "a wrong clock is put right")
	r := heimdalRealm(t, "faketime", pythonGSSAPI)
	t.Parallel()
	for _, gss := range []int{gssMutual, gssMutual | gssReplay | gssSequence, gssMutual | gssDCE, 0} {
		t.Run(fmt.Sprintf("%#x", gss), func(t *testing.T) {
			t.Parallel()
			doors, svc := openDoors(t, r, 18, 18)
			for _, d := range doors {
				t.Run(d.name, func(t *testing.T) {
					login := r.login(t)
					login.fetch(t, svc)
					login.extra = clock("+20m")
					out := login.heimdal(t, d.port, svc, gss)
					verdicts := strings.Join(out.verdicts, "")
					if d.mit() || legs(gss) == 1 {
						if out.code == 0 || out.tokens != 0 || verdicts != "R" {
							t.Errorf("verdicts %s, exit %d, want a refusal\n%s", verdicts, out.code, out.out)
						}
						if want := status.ReasonClockSkew.String(); !d.mit() && out.reason != want {
							t.Errorf("reason %q, want %q", out.reason, want)
						}
						return
					}
					out.check(t, &d, gss, 2+legs(gss)) // plus the refused token and the error with the time
					if want := strings.Repeat("C", legs(gss)-1) + "A"; verdicts != want {
						t.Errorf("verdicts %s, want %s", verdicts, want)
					}
					// The client stores the difference in the ticket cache.
					again := login.heimdal(t, d.port, svc, gss)
					again.check(t, &d, gss, legs(gss))
				})
			}
		})
	}
}

// TestInteropHeimdal_Bindings checks that Heimdal's hash of channel bindings is equal to
// this library's.
func TestInteropHeimdal_Bindings(t *testing.T) {
	worked(t, "sspi", "Heimdal", "Kerberos", "channel bindings")
	r := heimdalRealm(t)
	t.Parallel()
	svc := r.service(t, unique("bound"), 18, 18)
	file, login := filepath.Join(t.TempDir(), "keytab"), r.login(t)
	svc.keytab(t, file)
	login.fetch(t, svc)
	for _, windows := range []bool{false, true} {
		o := sspiAcceptor{windows: windows}
		o.config.ChannelBindings = []sspi.ChannelBindings{{ApplicationData: []byte("tls-exporter:x")}}
		port := startOurAcceptor(t, o, file)
		if out := login.heimdal(t, port, svc, gssMutual, "tls-exporter:x"); out.code != 0 || out.server.Binding != authenticator.BindingMatched {
			t.Errorf("the same: %+v\n%s", out.server, out.out)
		}
		for data, want := range map[string]status.Reason{"tls-exporter:y": status.ReasonBindingMismatch, "": status.ReasonBindingMissing} {
			var bindings []string
			if data != "" {
				bindings = []string{data}
			}
			if out := login.heimdal(t, port, svc, gssMutual, bindings...); out.code == 0 || out.tokens != 0 || out.reason != want.String() {
				t.Errorf("%q: reason %q, want %v\n%s", data, out.reason, want, out.out)
			}
		}
	}
}
