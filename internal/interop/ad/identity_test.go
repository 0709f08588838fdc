package ad

import (
	"strings"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// web is how most tests ask for the service web.
var web = initiator{mit, "krb5", "HTTP@localhost"}

// TestAD_Groups checks that a user of the service's domain has its groups of every scope,
// directly and through other groups, whatever library and mechanism bring the ticket.
func TestAD_Groups(t *testing.T) {
	l := theLab(t, heimdal)
	t.Parallel()
	a, login := l.corp.acceptor(t, "web"), l.login(t, "alice")
	for _, library := range []string{mit, heimdal} {
		for _, mech := range []string{"krb5", "spnego"} {
			t.Run(library+","+mech, func(t *testing.T) {
				c := initiator{library, mech, web.target}
				x := login.accepted(t, c, a)
				x.sameAsSamba(t, c, a)
				if got := x.peer.Account; got.SID != l.corp.sidOf(t, "alice") || got.DisplayName != "Alice Liddell" || !got.UPNConstructed || got.DNSDomain != l.corp.Realm {
					t.Errorf("account %+v", got)
				}
				x.grants(t, l.corp, "alice", "Domain Users", "staff", "engineers", "makers", "readers", "builders")
				x.lacks(t, l.corp, "visitors", "labs", "Domain Admins", "bob")
				if got := x.peer.AccessToken.PrimaryGroup(); got != l.corp.sidOf(t, "Domain Users") {
					t.Errorf("primary group %s", got)
				}
			})
		}
	}
}

// typedNames are names that users type, and the accounts that the domain has for them.
var typedNames = []struct {
	typed   string
	options []string // of kinit
	client  string   // the name in the ticket
	account string
	upn     string
	user    string // of Peer.User; "" if the account has no such name
}{
	{typed: "alice", client: "alice", account: "alice", user: "alice"},
	{typed: "ALICE", client: "ALICE", account: "alice", user: "alice"},
	{typed: "bob", client: "bob", account: "bob", upn: "root@corp.example.test", user: "bob"},
	{typed: "root", client: "root", account: "bob", upn: "root@corp.example.test", user: "bob"},
	{
		typed: "erin.long.name@people.example.test", options: []string{"-E"}, client: `erin.long.name\@people.example.test`,
		account: "erin", upn: "erin.long.name@people.example.test", user: "erin",
	},
	{typed: "WS1$", client: "WS1$", account: "WS1$"},
	{typed: "WS1", client: "WS1", account: "WS1$"},
}

// TestAD_TypedNames checks that the account is the identity, and never the name that the
// client typed: machine WS1$ is no user WS1, and bob, whose userPrincipalName is root@...,
// is no user root.
func TestAD_TypedNames(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	a := l.corp.acceptor(t, "web")
	for _, c := range typedNames {
		t.Run(c.typed, func(t *testing.T) {
			x := l.login(t, c.typed, c.options...).accepted(t, web, a)
			x.sameAsSamba(t, web, a)
			if got, want := x.peer.Client.String(), c.client+"@"+l.corp.Realm; got != want {
				t.Errorf("the ticket's client is %s, want %s", got, want)
			}
			got := x.peer.Account
			if got.Name != c.account || got.Domain != l.corp.NetBIOS || got.SID != l.corp.sidOf(t, c.account) {
				t.Errorf("account %+v, want %s", got, c.account)
			}
			if got.UPNConstructed != (c.upn == "") || c.upn != "" && got.UPN != c.upn {
				t.Errorf("UPN %q (constructed: %v), want %q", got.UPN, got.UPNConstructed, c.upn)
			}
			user, err := x.peer.User(l.corp.Realm)
			if user != c.user || (err == nil) != (c.user != "") {
				t.Errorf("user %q, %v; want %q", user, err, c.user)
			}
		})
	}
}

// TestAD_WithoutPAC checks clients that ask their KDC for no PAC: the ticket proves no
// account, so that the client has no user name, and where a PAC is required no login.
func TestAD_WithoutPAC(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	a := l.corp.acceptor(t, "web")
	strict := l.corp.acceptorWith(t, "web", sspi.PACPolicy{Mode: sspi.PACRequire})
	for _, c := range typedNames {
		t.Run(c.typed, func(t *testing.T) {
			login := l.login(t, c.typed, append([]string{"--no-request-pac"}, c.options...)...)
			x := login.accepted(t, web, a)
			x.hasNoName(t, l.corp)
			if v := l.corp.sambaAccepts(t, "web", web.mech, x.token); v.Error == "" {
				t.Errorf("Samba's acceptor accepts a ticket without PAC: %+v", v)
			}
			refused := login.exchange(t, web, strict)
			if got := status.ReasonOf(refused.err); got != status.ReasonPACRequired {
				t.Errorf("PACRequire: %v, want %v", refused.err, status.ReasonPACRequired)
			}
		})
	}
	t.Run("NO_AUTH_DATA_REQUIRED", func(t *testing.T) {
		c := initiator{mit, "krb5", "HTTP@nopac.corp.example.test"}
		l.login(t, "alice").accepted(t, c, l.corp.acceptor(t, "nopac")).hasNoName(t, l.corp)
	})
}

// hasNoName checks that the client has neither an account nor a user name.
func (x *exchange) hasNoName(t testing.TB, f *forest) {
	t.Helper()
	if x.peer.Account != nil || x.peer.AccessToken != nil {
		t.Errorf("a ticket without PAC has the account %v", x.peer.Account)
	}
	user, err := x.peer.User(f.Realm)
	if user != "" || err == nil || !strings.Contains(err.Error(), "no PAC") {
		t.Errorf("user %q, %v; want an error that names the missing PAC", user, err)
	}
}

// TestAD_Services checks that the kind of the service's account does not change the groups of
// the client: a group managed service account, keys of AES128 only, and an account to which
// the KDC sends domain-local groups as whole SIDs.
func TestAD_Services(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	login := l.login(t, "alice")
	for _, service := range []string{"gweb", "aes128", "uncompressed"} {
		t.Run(service, func(t *testing.T) {
			a := l.corp.acceptor(t, service)
			c := initiator{mit, "krb5", "HTTP@" + service + ".corp.example.test"}
			x := login.accepted(t, c, a)
			if service != "gweb" { // nobody knows the password of a managed account
				x.sameAsSamba(t, c, a)
			}
			x.grants(t, l.corp, "alice", "Domain Users", "staff", "engineers", "makers", "readers", "builders")
			x.lacks(t, l.corp, "visitors", "labs")
			logon, err := x.peer.AccessToken.PAC().LogonInfo()
			if err != nil || (len(logon.ResourceGroups) == 0) != (service == "uncompressed") {
				t.Errorf("resource groups %v, %v", logon.ResourceGroups, err)
			}
		})
	}
}
