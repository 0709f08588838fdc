package interop

import (
	"bytes"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/status"
)

// refusal is a client that a server must refuse.
type refusal struct {
	name string
	// prepare makes a keytab, the service for which the server runs, and the service that
	// the client requests.
	prepare func(t *testing.T, r *realm, login *session, keytab string) (own, asked *service)
	env     func() []string // additional environment of the client, or nil
	replay  bool            // another client has presented the token before

	code   int32         // in the KRB-ERROR
	text   string        // printed by MIT's client
	reason status.Reason // in the log of this library
	retry  bool          // the client receives the time and may try again
}

var refusals = []refusal{
	{
		name: "replayed first token", prepare: plain("replay"), replay: true,
		code: 34, text: "Request is a replay", reason: status.ReasonReplay,
	},
	{name: "service not in keytab", prepare: otherService, code: 35, text: "ticket isn't for us", reason: status.ReasonWrongService},
	{name: "stale key: ticket newer than keytab", prepare: newerTicket, code: 44, text: "Key version is not available", reason: status.ReasonUnknownKeyVersion},
	{name: "stale key: ticket older than keytab", prepare: olderTicket, code: 44, text: "Key version is not available", reason: status.ReasonUnknownKeyVersion},
	{name: "etype not in keytab", prepare: otherEType, code: 44, text: "Key version is not available", reason: status.ReasonUnknownKeyVersion},
	{name: "wrong key, same kvno", prepare: wrongKey, code: 31, text: "Decrypt integrity check failed", reason: status.ReasonWrongKey},
	{
		name: "client's clock 20 minutes ahead", prepare: plain("skew"), env: func() []string { return clock("+20m") },
		code: 37, text: "Clock skew too great", retry: true,
	},
}

// clock returns an environment that moves the clock of a C program.
func clock(offset string) []string {
	lib, _ := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	return []string{"LD_PRELOAD=" + strings.Join(lib, ":"), "FAKETIME=" + offset}
}

// plain prepares a service in its keytab. The client is the cause of the refusal.
func plain(name string) func(*testing.T, *realm, *session, string) (own, asked *service) {
	return func(t *testing.T, r *realm, login *session, keytab string) (own, asked *service) {
		svc := r.service(t, unique(name), 18, 18)
		svc.keytab(t, keytab)
		login.fetch(t, svc)
		return svc, svc
	}
}

func otherService(t *testing.T, r *realm, _ *session, keytab string) (own, asked *service) {
	own, asked = r.service(t, unique("present"), 18, 18), r.service(t, unique("absent"), 18, 18)
	own.keytab(t, keytab)
	return own, asked
}

func newerTicket(t *testing.T, r *realm, _ *session, keytab string) (own, asked *service) {
	svc := r.service(t, unique("stale"), 18, 18)
	svc.keytab(t, keytab)
	svc.rekey(t)
	return svc, svc
}

func olderTicket(t *testing.T, r *realm, login *session, keytab string) (own, asked *service) {
	svc := r.service(t, unique("rekeyed"), 18, 18)
	login.fetch(t, svc)
	svc.rekey(t)
	svc.keytab(t, keytab)
	return svc, svc
}

func otherEType(t *testing.T, r *realm, login *session, keytab string) (own, asked *service) {
	svc := r.service(t, unique("etype"), 17, 17)
	svc.keytab(t, keytab)
	r.admins(t, "cpw", "-randkey", "-e", etypes[18]+":normal", svc.principal())
	r.admins(t, "modprinc", "-kvno", "1", svc.principal())
	return svc, svc
}

func wrongKey(t *testing.T, r *realm, _ *session, keytab string) (own, asked *service) {
	svc := r.service(t, unique("wrongkey"), 18, 18)
	svc.keytab(t, keytab)
	svc.rekey(t)
	r.admins(t, "modprinc", "-kvno", "1", svc.principal())
	return svc, svc
}

// check runs the case with a server, and returns the server.
func (c *refusal) check(t *testing.T, r *realm, start func(keytab string, own *service) server) server {
	t.Helper()
	keytab, login := filepath.Join(t.TempDir(), "keytab"), r.login(t)
	own, asked := c.prepare(t, r, login, keytab)
	srv := start(keytab, own)
	var before func([]byte)
	if c.replay {
		before = func(token []byte) {
			answer, err := present(srv.port(), token)
			if _, isError := krbError(answer); err != nil || len(answer) == 0 || isError == nil {
				t.Errorf("the first presentation: %x, %v; want an AP-REP", answer, err)
			}
		}
	}
	wire := startRelay(t, srv.port(), before)
	if c.env != nil {
		moved := *login
		moved.extra = c.env()
		login = &moved
	}
	res := login.gssClient(t, wire.port(), asked)
	if res.code == 0 || !strings.Contains(res.out, c.text) || strings.Contains(res.out, "Signature verified.") {
		t.Errorf("gss-client: exit %d, want failure with %q:\n%s", res.code, c.text, res.out)
	}
	_, isSSPI := srv.(*ourServer)
	c.checkToken(t, wire, asked, isSSPI)
	return srv
}

// checkToken compares the KRB-ERROR with the case.
func (c *refusal) checkToken(t *testing.T, wire *relay, asked *service, isSSPI bool) {
	t.Helper()
	_, tokens := wire.tokens()
	if len(tokens) != 1 {
		t.Fatalf("the server sent %d context tokens, want one", len(tokens))
	}
	e, err := krbError(tokens[0])
	if err != nil {
		t.Fatal(err)
	}
	if e.ErrorCode != c.code {
		t.Errorf("KRB-ERROR %d, want %d", e.ErrorCode, c.code)
	}
	if off := time.Since(e.STime); off < -time.Minute || off > time.Minute {
		t.Errorf("stime is %v from now", off)
	}
	if e.Realm != realmName || e.SName.PrincipalNameString() != asked.principal() {
		t.Errorf("KRB-ERROR is about %s@%s, want %s", e.SName.PrincipalNameString(), e.Realm, asked.full())
	}
	if e.EText != "" || e.CRealm != "" || len(e.CName.NameString) != 0 {
		t.Errorf("the KRB-ERROR has more fields than expected: e-text %q, client %v@%s", e.EText, e.CName.NameString, e.CRealm)
	}
	var data []byte
	if isSSPI && c.retry { // MIT's acceptor never permits another try
		data = skewRecovery
	}
	if !bytes.Equal(e.EData, data) {
		t.Errorf("e-data %x, want %x", e.EData, data)
	}
	t.Logf("KRB-ERROR %d, stime %v, %d bytes of token", e.ErrorCode, e.STime, len(tokens[0]))
}

// TestInteropControl_MITRefusals checks the expected codes with MIT's server.
func TestInteropControl_MITRefusals(t *testing.T) {
	r := theRealm(t, "gss-client", "gss-server", "faketime")
	t.Parallel()
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			c.check(t, r, func(keytab string, own *service) server { return startMIT(t, r, keytab, own) })
		})
	}
}

// TestInteropGSSClient_Refusals checks that examples/gss-server refuses the same clients as
// MIT's server, with the same codes, and logs the Reason.
func TestInteropGSSClient_Refusals(t *testing.T) {
	r := theRealm(t, "gss-client", "faketime")
	t.Parallel()
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := c.check(t, r, func(keytab string, _ *service) server { return startOurs(t, r, keytab) })
			n := 1
			if c.replay {
				n = 2
			}
			// The server reports the accepted client of a replay when its connection ends,
			// which may be later.
			reports := srv.contexts(t, n)
			refused := slices.IndexFunc(reports, func(rep report) bool { return rep.client == "" })
			if refused < 0 {
				t.Fatalf("the server refused no client: %v", reports)
			}
			last := reports[refused]
			wantCode, wantReason := c.reason.Code().String(), c.reason.String()
			if c.retry {
				wantCode, wantReason = status.SEC_I_CONTINUE_NEEDED.String(), ""
			}
			if last.client != "" || last.fields["status"] != wantCode || last.fields["reason"] != wantReason {
				t.Errorf("the server logged %v; want %s, reason %q and no client", last.fields, wantCode, wantReason)
			}
			t.Logf("server: %s %s %s", last.fields["status"], last.fields["reason"], last.fields["err"])
		})
	}
}

// skewRecovery is the e-data that lets a client try again with the acceptor's time
// (MS-KILE, Section 2.2.2): KERB-ERROR-DATA of type 2.
var skewRecovery, _ = hex.DecodeString("3005a103020102")
