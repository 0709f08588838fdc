package interop

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// plan is what initiator.py does.
type plan struct {
	Port      int    `json:"port"`
	Target    string `json:"target"`
	Flags     []int  `json:"flags"`
	NoCIFlags bool   `json:"no_ci_flags,omitempty"` // CONF and INTEG not unasked
	Bindings  string `json:"bindings,omitempty"`
	Steps     []step `json:"steps,omitempty"`
	Replay    bool   `json:"replay,omitempty"`

	Mech  string   `json:"mech,omitempty"`  // "spnego"; "": raw Kerberos
	Offer []string `json:"offer,omitempty"` // what SPNEGO offers: "krb5", "ntlm"; nil: what the library likes
}

type step map[string]any

// seen is what it saw.
type seen struct {
	Established bool      `json:"established"`
	Flags       int       `json:"flags"`
	Legs        int       `json:"legs"`
	First       string    `json:"first"`
	Answer      string    `json:"answer"`
	Tokens      []string  `json:"tokens"` // of both sides, in hexadecimal
	Error       *gssError `json:"error"`
	Server      struct {
		acceptorPeer
		GSSFlags int    `json:"gss_flags"` // of MIT's acceptor
		Verdict  string `json:"verdict"`   // of MIT's acceptor, or our code
		Reason   string `json:"reason"`    // of ours
	} `json:"server"`
	Steps  []stepSeen `json:"steps"`
	Replay *struct {
		Answer string    `json:"answer"`
		Error  *gssError `json:"error"`
		Server struct {
			Verdict string `json:"verdict"`
			Reason  string `json:"reason"`
		} `json:"server"`
	} `json:"replay"`
}

type gssError struct {
	Verdict string `json:"verdict"`
	Minor   int    `json:"minor"`
	Text    string `json:"text"`
}

// mitMinor is the minor status of MIT's library for a Kerberos error.
func mitMinor(code int) int { return -1765328384 + code }

type stepSeen struct {
	Size       int      `json:"size"`
	Sealed     bool     `json:"sealed"`
	SealedBack bool     `json:"sealed_back"`
	Echo       bool     `json:"echo"`
	Refused    string   `json:"refused"`
	Verdicts   []string `json:"verdicts"`
}

// Flags of GSS-API, as initiators ask for them.
const (
	gssMutual, gssReplay, gssSequence = 2, 4, 8
	gssConf, gssInteg, gssDCE         = 16, 32, 0x1000
	gssDeleg, gssIdentify, gssExtErr  = 1, 0x2000, 0x4000
	gssProtect                        = gssConf | gssInteg
	gssTrans, gssBound, gssReady      = 0x100, 0x800, 0x80 // of MIT's own
)

func bits(flags int) []int {
	list := []int{}
	for b := 1; b <= flags; b <<= 1 {
		if flags&b != 0 {
			list = append(list, b)
		}
	}
	return list
}

// initiate runs initiator.py, one plan after the other. It leaves no bytecode
// behind.
func (s *session) initiate(t testing.TB, plans ...plan) []seen {
	t.Helper()
	in, err := json.Marshal(plans)
	if err != nil {
		t.Fatal(err)
	}
	res := run(t, s.env(), string(in), python, "-B", filepath.Join("testdata", "initiator.py"))
	var out []seen
	if err := json.Unmarshal([]byte(res.out), &out); err != nil || res.code != 0 || len(out) != len(plans) {
		t.Fatalf("initiator.py: exit %d, %v\n%s", res.code, err, res.out)
	}
	return out
}

// startMITAcceptor starts acceptor.py, and returns its port. Its argument is the
// application data of channel bindings.
func startMITAcceptor(t testing.TB, r *realm, keytab string, bindings ...string) int {
	t.Helper()
	args := append([]string{"-B", filepath.Join("testdata", "acceptor.py")}, bindings...)
	p, err := start(append(r.env(), "KRB5_KTNAME="+keytab), nil, python, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	printed := func(out string) bool { return strings.HasPrefix(out, "port ") && strings.HasSuffix(out, "\n") }
	if err := p.Await("its port", printed); err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(p.Out.String(), "port ")))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// acceptors are the doors that every case goes through: MIT's, which proves the
// case, and ours.
var acceptors = []string{"MIT", "Go", "Windows"}

// door is one of them.
type door struct {
	name string
	port int
}

func (d *door) mit() bool     { return d.name == "MIT" }
func (d *door) windows() bool { return d.name == "Windows" }

// takesTokens says whether the door takes and makes whole wrap tokens. The Windows
// face makes a header and data, which are one token if put together, but not in
// DCE style (MS-KILE, Section 3.4.5.4.1): that is TestInteropPython_Pieces.
func (d *door) takesTokens(gss int) bool { return !d.windows() || gss&gssDCE == 0 }

// allows says whether the Windows face protects a message like this: it seals for
// clients that asked for CONF, and signs for those that asked for any protection
// (sspi.EncryptMessage, sspi.MakeSignature). The Go face and MIT's library do as
// they are told.
func allows(gss int, s stepSeen) bool {
	if s.Sealed {
		return gss&gssConf != 0
	}
	return gss&(gssProtect|gssReplay|gssSequence) != 0
}

// code is what the acceptor calls something that MIT's library has this word for.
func (d *door) code(mit string) string {
	if d.mit() {
		return mit
	}
	return ourCodes[mit]
}

// openDoors makes a service, and starts each acceptor for it.
func openDoors(t *testing.T, r *realm, key, session int) ([]door, *service) {
	t.Helper()
	svc := r.service(t, unique("py"), key, session)
	file := filepath.Join(t.TempDir(), "keytab")
	svc.keytab(t, file)
	return doorsTo(t, r, file), svc
}

// doorsTo starts each acceptor with a keytab.
func doorsTo(t *testing.T, r *realm, file string) []door {
	t.Helper()
	return []door{
		{"MIT", startMITAcceptor(t, r, file)},
		{"Go", startOurAcceptor(t, sspiAcceptor{}, file)},
		{"Windows", startOurAcceptor(t, sspiAcceptor{windows: true}, file)},
	}
}
