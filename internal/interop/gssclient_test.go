package interop

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/flags"
)

// These are the flags of gss-client. MIT's library adds CONF and INTEG.
const (
	protect = flags.ASC_RET_CONFIDENTIALITY | flags.ASC_RET_INTEGRITY
	usual   = flags.ASC_RET_MUTUAL_AUTH | flags.ASC_RET_REPLAY_DETECT | protect
)

// clientCase is a call of gss-client, and its expected result.
type clientCase struct {
	name     string
	args     []string
	flags    flags.ASC_RET
	contexts int  // connections; 0 means one
	messages int  // in each connection; 0 means one
	verified int  // messages whose MIC the client verifies, in all connections
	received int  // messages that the server answers without a MIC
	anyone   bool // the client does not authenticate
}

var clientCases = []clientCase{
	{name: "default", flags: usual, verified: 1},
	{name: "nomutual", args: []string{"-nomutual"}, flags: usual &^ flags.ASC_RET_MUTUAL_AUTH, verified: 1},
	{name: "seq", args: []string{"-seq"}, flags: usual | flags.ASC_RET_SEQUENCE_DETECT, verified: 1},
	{name: "noreplay", args: []string{"-noreplay"}, flags: usual &^ flags.ASC_RET_REPLAY_DETECT, verified: 1},
	{name: "noreplay,nomutual", args: []string{"-noreplay", "-nomutual"}, flags: protect, verified: 1},
	{name: "seq,noreplay", args: []string{"-seq", "-noreplay"}, flags: flags.ASC_RET_MUTUAL_AUTH | flags.ASC_RET_SEQUENCE_DETECT | protect, verified: 1},
	{name: "seq,nomutual", args: []string{"-seq", "-nomutual"}, flags: flags.ASC_RET_REPLAY_DETECT | flags.ASC_RET_SEQUENCE_DETECT | protect, verified: 1},
	{name: "nw", args: []string{"-nw"}, flags: usual, verified: 1},
	{name: "nx", args: []string{"-nx"}, flags: usual, verified: 1},
	{name: "nm", args: []string{"-nm"}, flags: usual, received: 1},
	{name: "nw,nm", args: []string{"-nw", "-nm"}, flags: usual, received: 1},
	{name: "nx,nm", args: []string{"-nx", "-nm"}, flags: usual, received: 1},
	{name: "nw,nx,nm", args: []string{"-nw", "-nx", "-nm"}, flags: usual, received: 1},
	{name: "nx,nomutual", args: []string{"-nx", "-nomutual"}, flags: usual &^ flags.ASC_RET_MUTUAL_AUTH, verified: 1},
	{name: "na", args: []string{"-na"}, received: 1, anyone: true},
	{name: "na,mcount=2", args: []string{"-na", "-mcount", "2"}, messages: 2, received: 2, anyone: true},
	{name: "q", args: []string{"-q"}, flags: usual},
	{name: "q,ccount=2", args: []string{"-q", "-ccount", "2"}, flags: usual, contexts: 2},
	{name: "ccount=3", args: []string{"-ccount", "3"}, flags: usual, contexts: 3, verified: 3},
	{name: "mcount=5", args: []string{"-mcount", "5"}, flags: usual, messages: 5, verified: 5},
	{name: "mcount=5,nomutual", args: []string{"-mcount", "5", "-nomutual"}, flags: usual &^ flags.ASC_RET_MUTUAL_AUTH, messages: 5, verified: 5},
	{name: "mcount=5,nx", args: []string{"-mcount", "5", "-nx"}, flags: usual, messages: 5, verified: 5},
	{name: "mcount=5,seq", args: []string{"-mcount", "5", "-seq"}, flags: usual | flags.ASC_RET_SEQUENCE_DETECT, messages: 5, verified: 5},
	{
		name: "ccount=3,mcount=5,seq,nomutual", args: []string{"-ccount", "3", "-mcount", "5", "-seq", "-nomutual"},
		flags: usual&^flags.ASC_RET_MUTUAL_AUTH | flags.ASC_RET_SEQUENCE_DETECT, contexts: 3, messages: 5, verified: 15,
	},
	{name: "d", args: []string{"-d"}, flags: usual, verified: 1},
}

// message is the message of clients. It is longer than a block of the cipher, and its
// length is no multiple of a block.
const message = "a message that is longer than a block of the cipher"

// gssClient runs MIT's gss-client against a server.
func (s *session) gssClient(t testing.TB, port int, svc *service, args ...string) result {
	t.Helper()
	p := s.startGSSClient(t, port, svc, args...)
	code, err := p.Exit()
	if err != nil {
		t.Fatal(err)
	}
	return result{code, p.Out.String()}
}

func (s *session) startGSSClient(t testing.TB, port int, svc *service, args ...string) *process {
	t.Helper()
	args = append([]string{"-port", strconv.Itoa(port)}, args...)
	p, err := start(s.env(), nil, "gss-client", append(args, "localhost", svc.hostBased(), message)...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// check runs a case and compares the results of both sides with it.
func (c *clientCase) check(t *testing.T, srv server, login *session, svc *service) {
	t.Helper()
	before := len(srv.contexts(t, 0))
	res := login.gssClient(t, srv.port(), svc, c.args...)
	if res.code != 0 {
		t.Errorf("gss-client: exit %d", res.code)
	}
	for text, want := range map[string]int{"Signature verified.": c.verified, "Response received.": c.received} {
		if got := strings.Count(res.out, text); got != want {
			t.Errorf("gss-client says %q %d times, want %d", text, got, want)
		}
	}
	contexts, messages, client := max(c.contexts, 1), max(c.messages, 1), user+"@"+realmName
	if c.anyone {
		client = ""
	}
	reports := srv.contexts(t, before+contexts)[before:]
	for _, r := range reports {
		if r.client != client || r.flags != c.flags || r.messages != messages {
			t.Errorf("the server saw %q, %v, %d messages; want %q, %v, %d", r.client, r.flags, r.messages, client, c.flags, messages)
		}
	}
	if len(reports) != contexts {
		t.Errorf("the server saw %d connections, want %d", len(reports), contexts)
	}
	if t.Failed() {
		t.Logf("gss-client %q:\n%s", c.args, res.out)
		return
	}
	t.Logf("gss-client %s: verified %d, answered %d; server saw %q %v", strings.Join(c.args, " "), c.verified, c.received, slices.Compact(clients(reports)), c.flags)
}

// TestInteropControl_MITServer runs every case with MIT's gss-server. If it fails, the
// cause is the harness or the machine.
func TestInteropControl_MITServer(t *testing.T) {
	r := theRealm(t, "gss-client", "gss-server")
	t.Parallel()
	svc := r.service(t, unique("control"), 18, 18)
	keytab := t.TempDir() + "/keytab"
	svc.keytab(t, keytab)
	srv, login := startMIT(t, r, keytab, svc), r.login(t)
	for _, c := range clientCases {
		t.Run(c.name, func(t *testing.T) { c.check(t, srv, login, svc) })
	}
}
