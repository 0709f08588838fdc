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

// TestInteropGSSClient runs every case with examples/gss-server, for every encryption type
// of the service's key.
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

// serveOne starts examples/gss-server with the keytab of a new service.
func serveOne(t *testing.T, r *realm, name string, key, session int) (*ourServer, *service) {
	t.Helper()
	svc := r.service(t, unique(name), key, session)
	keytab := filepath.Join(t.TempDir(), "keytab")
	svc.keytab(t, keytab)
	return startOurs(t, r, keytab), svc
}

// TestInteropGSSClient_ETypes checks every pair of encryption types of the service's key
// and the session key. The context's key is the acceptor's subkey, which has 256 bits,
// because MIT's client offers that (RFC 4537). Without mutual authentication it is the
// client's own key.
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

// TestInteropGSSClient_Version1 checks the older version of the protocol, which MIT's
// server no longer supports.
func TestInteropGSSClient_Version1(t *testing.T) {
	r := theRealm(t, "gss-client")
	t.Parallel()
	srv, svc := serveOne(t, r, "v1", 18, 18)
	c := clientCase{args: []string{"-v1", "-mcount", "3"}, flags: usual, messages: 3, verified: 3}
	c.check(t, srv, r.login(t), svc)
}

// TestInteropGSSClient_Rotation gives the service a new key while the server runs.
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

// waitRefused waits until the server refuses tickets under a key that was removed from the
// file. The server checks the file once a second.
func waitRefused(t *testing.T, srv *ourServer, old *session, svc *service) {
	t.Helper()
	wire := startRelay(t, srv.port(), nil)
	for end := time.Now().Add(patience); ; {
		res := old.gssClient(t, wire.port(), svc)
		_, tokens := wire.tokens()
		if e, err := krbError(tokens[len(tokens)-1]); err == nil {
			if e.ErrorCode != 44 || res.code == 0 || !strings.Contains(res.out, "Key version is not available") {
				t.Errorf("kvno 1, removed: KRB-ERROR %d, exit %d\n%s", e.ErrorCode, res.code, res.out)
			}
			t.Logf("kvno 1, taken out: KRB-ERROR 44 after %d accepts", len(tokens)-1)
			return
		}
		if time.Now().After(end) {
			t.Fatalf("a key that is in the keytab no more still opens tickets:\n%s", srv.p.Out)
		}
	}
}

// TestInteropGSSClient_OneService checks that a server for one service refuses tickets for
// another, although its keytab has that key.
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
		srv.contexts(t, 1) // the server may report after its client has exited
		res := login.gssClient(t, srv.port(), other)
		last := srv.contexts(t, 2)[1]
		if res.code == 0 || last.fields["reason"] != status.ReasonWrongService.String() {
			t.Errorf("server for %s, ticket for %s: exit %d, %v", name, other.principal(), res.code, last.fields)
		}
		t.Logf("server for %s: %s", name, last.fields["err"])
	}
}

// TestInteropGSSClient_OneWayRefused checks that a refused client that does not wait for a
// reply gets none.
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

// TestInteropGSSClient_ManyAtOnce checks that the server serves clients concurrently.
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

// TestInteropGSSServer_Once checks that the server exits after one connection.
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

// TestInteropGSSServer_TermFinishes checks that the server accepts no new connection after
// SIGTERM, and finishes the open ones.
func TestInteropGSSServer_TermFinishes(t *testing.T) {
	r := theRealm(t, "gss-client")
	t.Parallel()
	srv, svc := serveOne(t, r, "term", 18, 18)
	wire := startRelay(t, srv.port(), nil)
	wire.between = func() {
		srv.signal(t)
		for end := time.Now().Add(patience); ; { // until the server has stopped listening
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

// TestInteropGSSServer_TermIsBounded checks that a client that sends nothing does not keep
// the server from ending. The program's own tests check the time.
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
	// Without SIGTERM, the server would close the connection after half a minute.
	if took := time.Since(begin); took > 25*time.Second {
		t.Errorf("the server took %v to end", took)
	}
}
