package ad

import (
	"path/filepath"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
	"github.com/gosspi/kerberos/ticket/pac"
)

// onBehalf makes the login of a service get a ticket on behalf of a user, by protocol
// transition, and returns a session with this ticket. More arguments are kvno's.
func (s *session) onBehalf(t testing.TB, user, target string, more ...string) *session {
	t.Helper()
	out := &session{lab: s.lab, cache: filepath.Join(t.TempDir(), "ccache")}
	args := append([]string{"-I", user, "--out-cache", "FILE:" + out.cache}, more...)
	if res := program.Run(t, s.env(), "", "kvno", append(args, target)...); res.Code != 0 {
		t.Fatalf("kvno: exit %d\n%s", res.Code, res.Out)
	}
	return out
}

// TestAD_ServiceForUser checks a client whose ticket a service made by protocol transition
// (S4U2Self): the groups are alice's, and the ticket says that alice did not log in.
func TestAD_ServiceForUser(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	a, c := l.corp.acceptor(t, "front"), initiator{mit, "krb5", "front"}
	x := l.login(t, "front").onBehalf(t, "alice", "front").accepted(t, c, a)
	x.sameAsSamba(t, c, a)
	x.isAliceByService(t, l.corp)
	if d, err := x.peer.AccessToken.PAC().DelegationInfo(); d != nil || err != nil {
		t.Errorf("delegation %+v, %v", d, err)
	}
}

// TestAD_Delegation checks a client whose ticket another service made by resource-based
// constrained delegation: the PAC has the path of the delegation.
func TestAD_Delegation(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	a := l.corp.acceptor(t, "web")
	x := l.login(t, "front", "-f").onBehalf(t, "alice", "HTTP/localhost", "-P").accepted(t, web, a)
	x.sameAsSamba(t, web, a)
	x.isAliceByService(t, l.corp)
	d, err := x.peer.AccessToken.PAC().DelegationInfo()
	if err != nil || d == nil {
		t.Fatalf("delegation %+v, %v", d, err)
	}
	if d.ProxyTarget != "HTTP/localhost" || len(d.TransitedServices) != 1 || d.TransitedServices[0] != "front@"+l.corp.Realm {
		t.Errorf("delegation %+v", d)
	}
}

// isAliceByService checks that the client is alice, by the word of a service.
func (x *exchange) isAliceByService(t testing.TB, f *forest) {
	t.Helper()
	if got := x.peer.Account; got == nil || got.SID != f.sidOf(t, "alice") {
		t.Errorf("account %+v", got)
	}
	x.grants(t, f, "staff", "makers", "builders", "readers")
	token := x.peer.AccessToken
	if !token.Grants(pac.ServiceAsserted) || token.Grants(pac.AuthenticationAuthorityAsserted) {
		t.Errorf("granted %q", granted(t, x.peer))
	}
}
