package interop

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// plan is the input of initiator.py.
type plan struct {
	Port      int    `json:"port"`
	Target    string `json:"target"`
	Flags     []int  `json:"flags"`
	NoCIFlags bool   `json:"no_ci_flags,omitempty"` // do not add CONF and INTEG
	Bindings  string `json:"bindings,omitempty"`
	Steps     []step `json:"steps,omitempty"`
	Replay    bool   `json:"replay,omitempty"`

	Mech  string   `json:"mech,omitempty"`  // "spnego", or "" for raw Kerberos
	Offer []string `json:"offer,omitempty"` // the mechanisms that SPNEGO offers, "krb5" or "ntlm", or nil for the default of the library
}

type step map[string]any

// seen is the output of initiator.py.
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
		Verdict  string `json:"verdict"`   // of MIT's acceptor, or the code of this library
		Reason   string `json:"reason"`    // of this library
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

// mitMinor returns the minor status of MIT's library for a Kerberos error.
func mitMinor(code int) int { return -1765328384 + code }

type stepSeen struct {
	Size       int      `json:"size"`
	Sealed     bool     `json:"sealed"`
	SealedBack bool     `json:"sealed_back"`
	Echo       bool     `json:"echo"`
	Refused    string   `json:"refused"`
	Verdicts   []string `json:"verdicts"`
}

// These are the flags of GSS-API that initiators request.
const (
	gssMutual, gssReplay, gssSequence = 2, 4, 8
	gssConf, gssInteg, gssDCE         = 16, 32, 0x1000
	gssDeleg, gssIdentify, gssExtErr  = 1, 0x2000, 0x4000
	gssProtect                        = gssConf | gssInteg
	gssTrans, gssBound, gssReady      = 0x100, 0x800, 0x80 // of MIT only
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

// initiate runs initiator.py with the plans. It leaves no bytecode files.
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

// startMITAcceptor starts acceptor.py, and returns its port. bindings are the application
// data of channel bindings.
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

// acceptors are the doors of every case: MIT's, which is the control, and the two APIs of
// this library.
var acceptors = []string{"MIT", "Go", "Windows"}

// door is an acceptor that runs for a service.
type door struct {
	name string
	port int
}

func (d *door) mit() bool     { return d.name == "MIT" }
func (d *door) windows() bool { return d.name == "Windows" }

// takesTokens reports whether the door accepts and makes whole wrap tokens. The Windows API
// makes a header and data, which together are a token outside DCE style only (MS-KILE,
// Section 3.4.5.4.1). TestInteropPython_Pieces tests it.
func (d *door) takesTokens(gss int) bool { return !d.windows() || gss&gssDCE == 0 }

// allows reports whether the Windows API protects a message in this way: it seals for
// clients that requested CONF, and signs for clients that requested any protection
// (sspi.EncryptMessage, sspi.MakeSignature). The Go API and MIT's library always protect.
func allows(gss int, s stepSeen) bool {
	if s.Sealed {
		return gss&gssConf != 0
	}
	return gss&(gssProtect|gssReplay|gssSequence) != 0
}

// code returns the acceptor's code for a status name of MIT's library.
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
