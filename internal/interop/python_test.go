package interop

import (
	"encoding/json"
	"fmt"
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
}

type step map[string]any

// seen is what it saw.
type seen struct {
	Established bool      `json:"established"`
	Flags       int       `json:"flags"`
	Legs        int       `json:"legs"`
	First       string    `json:"first"`
	Answer      string    `json:"answer"`
	Error       *gssError `json:"error"`
	Server      struct {
		Client   string `json:"client"`
		GSSFlags int    `json:"gss_flags"` // of MIT's acceptor
		Verdict  string `json:"verdict"`   // of MIT's acceptor, or our code
	} `json:"server"`
	Steps  []stepSeen `json:"steps"`
	Replay *struct {
		Op     string    `json:"op"`
		Error  *gssError `json:"error"`
		Server struct {
			Verdict string `json:"verdict"`
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
	gssProtect                        = gssConf | gssInteg
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

// initiate runs initiator.py. It leaves no bytecode behind.
func (s *session) initiate(t testing.TB, p plan) seen {
	t.Helper()
	if p.Flags == nil {
		p.Flags = []int{}
	}
	in, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	res := run(t, s.env(), string(in), python, "-B", filepath.Join("testdata", "initiator.py"))
	var out seen
	if err := json.Unmarshal([]byte(res.out), &out); err != nil || res.code != 0 {
		t.Fatalf("initiator.py: exit %d, %v\n%s", res.code, err, res.out)
	}
	return out
}

// startMITAcceptor starts acceptor.py, and returns its port.
func startMITAcceptor(t testing.TB, r *realm, keytab string) int {
	t.Helper()
	p, err := start(append(r.env(), "KRB5_KTNAME="+keytab), nil, python, "-B", filepath.Join("testdata", "acceptor.py"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	if err := p.await("its port", func(out string) bool { return strings.HasPrefix(out, "port ") && strings.HasSuffix(out, "\n") }); err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(p.out.String(), "port ")))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestInteropProto(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	svc := r.service(t, unique("py"), 18, 18)
	keytab := filepath.Join(t.TempDir(), "keytab")
	svc.keytab(t, keytab)
	port, login := startMITAcceptor(t, r, keytab), r.login(t)
	for _, f := range []int{0, gssMutual, gssMutual | gssReplay, gssMutual | gssSequence, gssReplay | gssSequence | gssMutual, gssReplay, gssDCE | gssMutual} {
		out := login.initiate(t, plan{Port: port, Target: svc.hostBased(), Flags: bits(f), NoCIFlags: f == 0, Replay: true, Bindings: "x", Steps: []step{
			{"do": "wrap", "size": 0, "conf": true}, {"do": "wrap", "size": 70000, "conf": false}, {"do": "mic", "size": 10},
			{"do": "tamper", "kind": "wrap", "at": -1},
			{"do": "sequence_back"}, {"do": "sequence", "kind": "wrap"}, {"do": "sequence", "kind": "mic"},
		}})
		fmt.Printf("%#x %+v %v %v\n\n", f, out, out.Error, out.Replay)
	}
}
