package interop

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/status"
)

// TestInteropGSSClient runs every case against our server, for every encryption
// type of the service's key.
func TestInteropGSSClient(t *testing.T) {
	worked(t, "gss-server", "gss-client", "Kerberos", "mutual and one-way, messages")
	r := theRealm(t, "gss-client")
	t.Parallel()
	for etype := range 4 {
		etype += 17
		t.Run(etypes[etype], func(t *testing.T) {
			t.Parallel()
			srv, svc := serveOne(t, r, "cases", etype, etype)
			login := r.login(t)
			for _, c := range clientCases {
				t.Run(c.name, func(t *testing.T) { c.check(t, srv, login, svc) })
			}
			if code := srv.terminate(t); code != 0 {
				t.Errorf("the server ended with %d:\n%s", code, srv.p.Out)
			}
		})
	}
}

// serveOne starts our server with the keytab of a new service.
func serveOne(t *testing.T, r *realm, name string, key, session int) (*ourServer, *service) {
	t.Helper()
	svc := r.service(t, unique(name), key, session)
	keytab := filepath.Join(t.TempDir(), "keytab")
	svc.keytab(t, keytab)
	return startOurs(t, r, keytab), svc
}

// TestInteropGSSClient_ETypes: every encryption type of the service's key with
// every one of the session key. The context's key is the acceptor's subkey: of
// 256 bits, since MIT's client offers that (RFC 4537); without mutual
// authentication it is the client's own.
func TestInteropGSSClient_ETypes(t *testing.T) {
	r := theRealm(t, "gss-client")
	t.Parallel()
	mutual := map[int]int{17: 18, 18: 18, 19: 20, 20: 20}
	for key := range 4 {
		for session := range 4 {
			key, session := 17+key, 17+session
			t.Run(fmt.Sprintf("key %d, session key %d", key, session), func(t *testing.T) {
				t.Parallel()
				srv, svc := serveOne(t, r, "etypes", key, session)
				login := r.login(t)
				for i, c := range []struct {
					args []string
					want int
				}{{nil, mutual[session]}, {[]string{"-nomutual"}, session}} {
					res := login.gssClient(t, srv.port(), svc, c.args...)
					got := srv.contexts(t, i+1)[i]
					if res.code != 0 || !strings.Contains(res.out, "Signature verified.") || got.fields["etype"] != etypes[c.want] {
						t.Errorf("gss-client %q: exit %d, context of %s, want %s\n%s", c.args, res.code, got.fields["etype"], etypes[c.want], res.out)
					}
					t.Logf("gss-client %q: %s", c.args, got.fields["etype"])
				}
			})
		}
	}
}

// TestInteropGSSClient_Version1: the older protocol, which MIT's own server no
// longer takes.
func TestInteropGSSClient_Version1(t *testing.T) {
	r := theRealm(t, "gss-client")
	t.Parallel()
	srv, svc := serveOne(t, r, "v1", 18, 18)
	c := clientCase{args: []string{"-v1", "-mcount", "3"}, flags: usual, messages: 3, verified: 3}
	c.check(t, srv, r.login(t), svc)
}

// TestInteropGSSClient_Rotation: the service gets a new key while the server runs.
func TestInteropGSSClient_Rotation(t *testing.T) {
	r := theRealm(t, "gss-client")
	t.Parallel()
	for etype := range 4 {
		etype += 17
		t.Run(etypes[etype], func(t *testing.T) {
			t.Parallel()
			svc := r.service(t, unique("rotated"), etype, etype)
			keytab := filepath.Join(t.TempDir(), "keytab")
			svc.keytab(t, keytab)
			srv := startOurs(t, r, keytab)
			old := r.login(t)
			accepted := func(what string, s *session) {
				t.Helper()
				if res := s.gssClient(t, srv.port(), svc); res.code != 0 || !strings.Contains(res.out, "Signature verified.") {
					t.Fatalf("%s: exit %d\n%s\n%s", what, res.code, res.out, srv.p.Out)
				}
				t.Logf("%s: accepted", what)
			}
			accepted("kvno 1, before", old)
			svc.rekey(t)
			svc.keytab(t, keytab)
			accepted("kvno 2, just added", r.login(t))
			accepted("kvno 1, still in the keytab", old)

			r.admins(t, "ktremove", "-q", "-k", keytab, svc.principal(), "old")
			accepted("kvno 2, alone", r.login(t))
			waitRefused(t, srv, old, svc)
		})
	}
}

// waitRefused: a key that was taken out of the file opens tickets until the file
// is looked at again, which takes a second.
func waitRefused(t *testing.T, srv *ourServer, old *session, svc *service) {
	t.Helper()
	wire := startRelay(t, srv.port(), nil)
	for end := time.Now().Add(patience); ; {
		res := old.gssClient(t, wire.port(), svc)
		_, tokens := wire.tokens()
		if e, err := krbError(tokens[len(tokens)-1]); err == nil {
			if e.ErrorCode != 44 || res.code == 0 || !strings.Contains(res.out, "Key version is not available") {
				t.Errorf("kvno 1, taken out: KRB-ERROR %d, exit %d\n%s", e.ErrorCode, res.code, res.out)
			}
			t.Logf("kvno 1, taken out: KRB-ERROR 44 after %d accepts", len(tokens)-1)
			return
		}
		if time.Now().After(end) {
			t.Fatalf("a key that is in the keytab no more still opens tickets:\n%s", srv.p.Out)
		}
	}
}

// TestInteropGSSClient_OneService: a server for one service refuses tickets for
// another, though it holds that key too.
func TestInteropGSSClient_OneService(t *testing.T) {
	r := theRealm(t, "gss-client")
	t.Parallel()
	own, other := r.service(t, unique("own"), 18, 18), r.service(t, unique("other"), 18, 18)
	keytab := filepath.Join(t.TempDir(), "keytab")
	own.keytab(t, keytab)
	other.keytab(t, keytab)
	login := r.login(t)
	for _, name := range []string{own.hostBased(), own.principal(), own.full()} {
		srv := startOurs(t, r, keytab, name)
		if res := login.gssClient(t, srv.port(), own); res.code != 0 {
			t.Errorf("server for %s: exit %d\n%s", name, res.code, res.out)
		}
		srv.contexts(t, 1) // a report may come after its client has left
		res := login.gssClient(t, srv.port(), other)
		last := srv.contexts(t, 2)[1]
		if res.code == 0 || last.fields["reason"] != status.ReasonWrongService.String() {
			t.Errorf("server for %s, ticket for %s: exit %d, %v", name, other.principal(), res.code, last.fields)
		}
		t.Logf("server for %s: %s", name, last.fields["err"])
	}
}

// TestInteropGSSClient_OneWayRefused: a client that does not wait for an answer
// gets none when it is refused.
func TestInteropGSSClient_OneWayRefused(t *testing.T) {
	r := theRealm(t, "gss-client")
	t.Parallel()
	keytab, login := filepath.Join(t.TempDir(), "keytab"), r.login(t)
	_, asked := wrongKey(t, r, login, keytab)
	srv := startOurs(t, r, keytab)
	wire := startRelay(t, srv.port(), nil)
	res := login.gssClient(t, wire.port(), asked, "-nomutual")
	_, tokens := wire.tokens()
	last := srv.contexts(t, 1)[0]
	if strings.Contains(res.out, "Signature verified.") || len(tokens) != 0 || last.fields["reason"] != status.ReasonWrongKey.String() {
		t.Errorf("exit %d, %d tokens, %v\n%s", res.code, len(tokens), last.fields, res.out)
	}
	t.Logf("exit %d, no token; server: %s", res.code, last.fields["err"])
}

// TestInteropGSSClient_ManyAtOnce: the server serves clients side by side.
func TestInteropGSSClient_ManyAtOnce(t *testing.T) {
	r := theRealm(t, "gss-client")
	t.Parallel()
	srv, svc := serveOne(t, r, "many", 18, 18)
	login := r.login(t)
	login.fetch(t, svc)
	const many = 8
	var running []*process
	for range many {
		running = append(running, login.startGSSClient(t, srv.port(), svc, "-ccount", "3", "-seq"))
	}
	for _, p := range running {
		if code, err := p.Exit(); code != 0 || err != nil || strings.Count(p.Out.String(), "Signature verified.") != 3 {
			t.Errorf("exit %d, %v\n%s", code, err, p.Out)
		}
	}
	for _, rep := range srv.contexts(t, 3*many) {
		if rep.client != user+"@"+realmName || rep.flags != usual|flags.ASC_RET_SEQUENCE_DETECT {
			t.Errorf("the server saw %q %v", rep.client, rep.flags)
		}
	}
}

// TestInteropGSSServer_Once: one connection, then the end.
func TestInteropGSSServer_Once(t *testing.T) {
	r := theRealm(t, "gss-client")
	t.Parallel()
	svc := r.service(t, unique("once"), 18, 18)
	keytab := filepath.Join(t.TempDir(), "keytab")
	svc.keytab(t, keytab)
	srv := startOurs(t, r, keytab, "-once")
	if res := r.login(t).gssClient(t, srv.port(), svc); res.code != 0 {
		t.Errorf("exit %d\n%s", res.code, res.out)
	}
	if code, err := srv.p.Exit(); code != 0 || err != nil {
		t.Errorf("the server ended with %d, %v:\n%s", code, err, srv.p.Out)
	}
}

// TestInteropGSSServer_TermFinishes: at SIGTERM the server takes nobody new, and
// finishes with whom it has.
func TestInteropGSSServer_TermFinishes(t *testing.T) {
	r := theRealm(t, "gss-client")
	t.Parallel()
	srv, svc := serveOne(t, r, "term", 18, 18)
	wire := startRelay(t, srv.port(), nil)
	wire.between = func() {
		srv.signal(t)
		for end := time.Now().Add(patience); ; { // until it listens no more
			conn, err := net.Dial("tcp", address(srv.port()))
			if err != nil {
				return
			}
			conn.Close()
			if time.Now().After(end) {
				t.Error("the server still listens")
				return
			}
		}
	}
	res := r.login(t).gssClient(t, wire.port(), svc, "-mcount", "3")
	if res.code != 0 || strings.Count(res.out, "Signature verified.") != 3 {
		t.Errorf("the connection that was open at SIGTERM: exit %d\n%s\n%s", res.code, res.out, srv.p.Out)
	}
	if code, err := srv.p.Exit(); code != 0 || err != nil {
		t.Errorf("the server ended with %d, %v:\n%s", code, err, srv.p.Out)
	}
}

// TestInteropGSSServer_TermIsBounded: a client that says nothing does not keep
// the server from ending. How long it takes is the program's own test.
func TestInteropGSSServer_TermIsBounded(t *testing.T) {
	r := theRealm(t)
	t.Parallel()
	srv, _ := serveOne(t, r, "hang", 18, 18)
	conn, err := net.Dial("tcp", address(srv.port()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := writeWire(conn, wireFrame{flags: frameContextNext}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if code := srv.terminate(t); code != 0 {
		t.Errorf("the server ended with %d:\n%s", code, srv.p.Out)
	}
	// Left alone, the client would have been hung up on after half a minute.
	if took := time.Since(begin); took > 25*time.Second {
		t.Errorf("the server took %v to end", took)
	}
}
