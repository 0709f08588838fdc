package ad

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/interop/program"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi/sspideleg"
)

// frontEnd is a service of a forest that requests tickets on behalf of its clients.
func (f *forest) frontEnd(t testing.TB, name string) *sspideleg.Service {
	t.Helper()
	text := string(must(os.ReadFile(filepath.Join(f.lab.dir, "krb5.conf")))(t))
	conf := must(config.NewFromString(strings.ReplaceAll(text, " qualify_shortname = \"\"\n", " udp_preference_limit = 1\n forwardable = true\n")))(t)
	cl := client.NewWithPassword(name, f.Realm, password, conf, client.DisablePAFXFAST(true))
	t.Cleanup(cl.Destroy)
	return &sspideleg.Service{Client: cl, Keys: must(keytab.OpenFile(f.keytab(name)))(t)}
}

// spn returns the principal of a service of the forest.
func (f *forest) spn(t testing.TB, name string) keytab.Principal {
	t.Helper()
	return must(keytab.NewPrincipal(f.Realm, strings.Split(name, "/")...))(t)
}

// with returns a session whose cache has the tickets of d.
func (l *lab) with(t testing.TB, d *authenticator.Delegated) *session {
	t.Helper()
	s := &session{lab: l, cache: filepath.Join(t.TempDir(), "ccache")}
	if err := sspideleg.WriteCCache(s.cache, d); err != nil {
		t.Fatal(err)
	}
	return s
}

// evidence logs a user in at a front end, and returns the ticket of the user.
func (l *lab) evidence(t testing.TB, user, service string, more ...string) *authenticator.DelegatedTicket {
	t.Helper()
	x := l.login(t, user, more...).accepted(t, initiator{mit, "krb5", service}, l.corp.acceptor(t, service))
	if x.evidence == nil {
		t.Fatal("the context has no evidence")
	}
	return x.evidence
}

const back = "HTTP/back.corp.example.test"

// reaches checks that the back end accepts alice with the tickets of d, and that the PAC
// names the services that delegated, in their order.
func (l *lab) reaches(t testing.TB, d *authenticator.Delegated, service, target string, path ...string) *exchange {
	t.Helper()
	c, a := initiator{mit, "krb5", target}, l.corp.acceptor(t, service)
	x := l.with(t, d).accepted(t, c, a)
	x.sameAsSamba(t, c, a)
	if got := x.peer.Account; got == nil || got.SID != l.corp.sidOf(t, "alice") {
		t.Errorf("account %+v", got)
	}
	info, err := x.peer.AccessToken.PAC().DelegationInfo()
	if err != nil || info == nil {
		t.Fatalf("delegation %+v, %v", info, err)
	}
	var want []string
	for _, p := range path {
		want = append(want, p+"@"+l.corp.Realm)
	}
	if strings.Join(info.TransitedServices, " ") != strings.Join(want, " ") {
		t.Errorf("delegation %+v, want %q", info, want)
	}
	return x
}

// TestAD_OnBehalf checks that a front end reaches a back end as alice: by protocol
// transition, with her ticket, by resource-based delegation, and over two hops.
func TestAD_OnBehalf(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	alice, ctx := l.corp.spn(t, "alice"), t.Context()
	t.Run("protocol transition", func(t *testing.T) {
		s := l.corp.frontEnd(t, "portal")
		evidence := must(s.ForUser(ctx, alice))(t)
		d := must(s.OnBehalf(ctx, evidence, l.corp.spn(t, back)))(t)
		l.reaches(t, d, "back", back, "portal").isAliceByService(t, l.corp)
	})
	t.Run("Kerberos only", func(t *testing.T) {
		d := must(l.corp.frontEnd(t, "gate").OnBehalf(ctx, l.evidence(t, "alice", "gate", "-f"), l.corp.spn(t, back)))(t)
		l.reaches(t, d, "back", back, "gate")
	})
	t.Run("resource-based", func(t *testing.T) {
		s := l.corp.frontEnd(t, "front")
		evidence := must(s.ForUser(ctx, alice))(t)
		d := must(s.OnBehalf(ctx, evidence, l.corp.spn(t, "HTTP/localhost")))(t)
		l.reaches(t, d, "web", "HTTP@localhost", "front").isAliceByService(t, l.corp)
	})
	t.Run("resource-based with her ticket", func(t *testing.T) {
		d := must(l.corp.frontEnd(t, "front").OnBehalf(ctx, l.evidence(t, "alice", "front", "-f"), l.corp.spn(t, "HTTP/localhost")))(t)
		l.reaches(t, d, "web", "HTTP@localhost", "front")
	})
	t.Run("two hops", func(t *testing.T) {
		const middle = "HTTP/middle.corp.example.test"
		d := must(l.corp.frontEnd(t, "gate").OnBehalf(ctx, l.evidence(t, "alice", "gate", "-f"), l.corp.spn(t, middle)))(t)
		x := l.reaches(t, d, "middle", middle, "gate")
		d = must(l.corp.frontEnd(t, "middle").OnBehalf(ctx, x.evidence, l.corp.spn(t, back)))(t)
		l.reaches(t, d, "back", back, "gate", middle)
	})
}

// TestAD_OnBehalfRefused checks the requests that the domain controller refuses, by its error
// number, and that MIT's kvno is refused too.
func TestAD_OnBehalfRefused(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	for name, row := range map[string]struct {
		service, user, target string
		self, proxy           int32 // 0: the KDC issues the ticket
	}{
		"a sensitive user":                 {"portal", "sam", back, 0, 13},
		"a sensitive user, resource-based": {"front", "sam", "HTTP/localhost", 0, 13},
		"a target that is not allowed":     {"portal", "alice", "HTTP/middle.corp.example.test", 0, 13},
		"no protocol transition":           {"gate", "alice", back, 0, 13},
		"a service without any delegation": {"back", "alice", "HTTP/localhost", 0, 13},
		"a user who does not exist":        {"portal", "nobody", back, 6, 0},
		"a target that does not exist":     {"portal", "alice", "HTTP/nowhere.corp.example.test", 0, 7},
		"a resource that names no other":   {"portal", "alice", "HTTP/localhost", 0, 13},
	} {
		t.Run(name, func(t *testing.T) {
			s := l.corp.frontEnd(t, row.service)
			evidence, err := s.ForUser(t.Context(), l.corp.spn(t, row.user))
			if refusedWith(t, "ForUser", err, row.self) {
				return
			}
			_, err = s.OnBehalf(t.Context(), evidence, l.corp.spn(t, row.target))
			refusedWith(t, "OnBehalf", err, row.proxy)
			args := []string{"-I", row.user, "-P", row.target}
			res := program.Run(t, l.login(t, row.service, "-f").env(), "", "kvno", args...)
			if res.Code == 0 {
				t.Errorf("kvno %q gets the ticket:\n%s", args, res.Out)
			}
		})
	}
	t.Run("evidence that is not forwardable", func(t *testing.T) {
		evidence := l.evidence(t, "alice", "gate", "-F")
		_, err := l.corp.frontEnd(t, "gate").OnBehalf(t.Context(), evidence, l.corp.spn(t, back))
		refusedWith(t, "OnBehalf", err, 13)
	})
	// Samba's domain controller issues protected users no forwardable tickets. It does not look
	// at Protected Users when a service names the user: kvno gets the ticket too.
	for _, user := range []string{"pat", "sam"} {
		t.Run("the evidence of "+user, func(t *testing.T) {
			_, err := l.corp.frontEnd(t, "gate").OnBehalf(t.Context(), l.evidence(t, user, "gate", "-f"), l.corp.spn(t, back))
			refusedWith(t, "OnBehalf", err, 13)
		})
	}
	t.Run("protocol transition for a protected user", func(t *testing.T) {
		s := l.corp.frontEnd(t, "portal")
		_, err := s.OnBehalf(t.Context(), must(s.ForUser(t.Context(), l.corp.spn(t, "pat")))(t), l.corp.spn(t, back))
		res := program.Run(t, l.login(t, "portal", "-f").env(), "", "kvno", "-I", "pat", "-P", back)
		if (err == nil) != (res.Code == 0) {
			t.Errorf("%v, and kvno exits with %d\n%s", err, res.Code, res.Out)
		}
	})
	t.Run("evidence of another service", func(t *testing.T) {
		evidence := l.evidence(t, "alice", "back", "-f")
		_, err := l.corp.frontEnd(t, "gate").OnBehalf(t.Context(), evidence, l.corp.spn(t, back))
		if e, ok := errors.AsType[*sspideleg.KDCError](err); !ok {
			t.Errorf("%v", err)
		} else {
			t.Logf("KRB-ERROR %d", e.Code)
		}
	})
}

// refusedWith checks that the KDC refused with an error number, or did not refuse if it is 0.
func refusedWith(t testing.TB, what string, err error, code int32) bool {
	t.Helper()
	if code == 0 {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return false
	}
	if e, ok := errors.AsType[*sspideleg.KDCError](err); !ok || e.Code != code {
		t.Errorf("%s: %v, want KRB-ERROR %d", what, err, code)
	}
	return true
}
