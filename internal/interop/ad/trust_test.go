package ad

import (
	"strings"
	"testing"

	"github.com/gosspi/kerberos/sspi"
)

// TestAD_Trust checks clients of the other forest: they have the groups of their own domain,
// and the domain-local groups of the service's domain of which they or their groups are
// members. A name without its realm is no identity: both forests have an alice.
func TestAD_Trust(t *testing.T) {
	l := theLab(t, heimdal)
	t.Parallel()
	a := l.corp.acceptor(t, "web")
	for _, c := range []struct {
		typed, account string
		groups         []string // of its own domain
	}{
		{"alice@" + l.partner.Realm, "alice", []string{"Domain Users"}},
		{"dan@" + l.partner.Realm, "dan", []string{"Domain Users", "consultants"}},
	} {
		login := l.login(t, c.typed)
		for _, library := range []string{mit, heimdal} {
			t.Run(c.typed+","+library, func(t *testing.T) {
				c, how := c, initiator{library, web.mech, web.target}
				x := login.accepted(t, how, a)
				x.sameAsSamba(t, how, a)
				if got := x.peer.Account; got.SID != l.partner.sidOf(t, c.account) || got.String() != l.partner.NetBIOS+`\`+c.account {
					t.Errorf("account %+v", got)
				}
				x.grants(t, l.partner, append(c.groups, c.account)...)
				x.grants(t, l.corp, "visitors")
				x.lacks(t, l.corp, "alice", "Domain Users", "staff", "readers", "Domain Admins")
				x.lacks(t, l.partner, "locals")
				if user, err := x.peer.User(l.corp.Realm); err == nil {
					t.Errorf("a client of %s is the user %s of %s", l.partner.Realm, user, l.corp.Realm)
				}
				if user, err := x.peer.User(l.corp.Realm, l.partner.Realm); user != c.account {
					t.Errorf("user %q, %v; want %s", user, err, c.account)
				}
			})
		}
	}
}

// TestAD_TrustTheOtherWay checks a client of the first forest at a service of the second.
func TestAD_TrustTheOtherWay(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	a, c := l.partner.acceptor(t, "web"), initiator{mit, "krb5", "HTTP@web.partner.example.test"}
	x := l.login(t, "alice").accepted(t, c, a)
	x.sameAsSamba(t, c, a)
	x.grants(t, l.corp, "alice", "Domain Users", "staff", "engineers", "makers")
	x.lacks(t, l.corp, "readers", "builders")
	x.lacks(t, l.partner, "alice", "Domain Users", "locals")
}

// TestAD_DomainIsLearned checks an acceptor without DomainSIDs: it grants a client of another
// realm nothing until a client of its own realm has logged in.
func TestAD_DomainIsLearned(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	a := l.corp.acceptorWith(t, "web", sspi.PACPolicy{})
	foreign, own := l.login(t, "alice@"+l.partner.Realm), l.login(t, "bob")
	x := foreign.accepted(t, web, a)
	if err := x.peer.AccessToken.Err(); x.peer.Account != nil || err == nil || !strings.Contains(err.Error(), "DomainSIDs") {
		t.Errorf("before: account %v, %v", x.peer.Account, err)
	}
	x.lacks(t, l.partner, "alice", "Domain Users")
	x.lacks(t, l.corp, "visitors")
	own.accepted(t, web, a)
	x = foreign.accepted(t, web, a)
	x.sameAsSamba(t, web, a)
	x.grants(t, l.partner, "alice", "Domain Users")
	x.grants(t, l.corp, "visitors")
}
