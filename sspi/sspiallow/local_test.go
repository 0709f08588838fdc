package sspiallow_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspiallow"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// TestRULE_6_Client checks that the rules apply to the account of a client and not to the name
// that it typed, and which results are refused.
func TestRULE_6_Client(t *testing.T) {
	account := func(name string) sspitest.Options {
		return sspitest.Options{Account: &sspitest.Account{SID: corp(1104), Name: name}}
	}
	workstation := account("WS1$")
	for _, c := range []struct {
		values string // separated by ;
		peer   *sspi.Peer
		want   string // or the reason of the refusal
	}{
		{"DEFAULT", client(t, "alice", account("")), "alice"},
		{"DEFAULT", client(t, "root", account("bob")), "bob"},
		{"DEFAULT", client(t, "alice", sspitest.Options{}), "alice"},
		{"DEFAULT", client(t, "alice", sspitest.Options{NoPAC: true}), "its ticket has no PAC"},
		{"DEFAULT", client(t, "alice@OTHER.EXAMPLE", sspitest.Options{}), "no rule of auth_to_local applies"},
		{"DEFAULT", client(t, "root", sspitest.Options{}), "to root"},
		{"DEFAULT", client(t, "ws1", workstation), "which is not a POSIX user name"},
		{"RULE:[1:$1@$0](WS.*)s/\\$@.*//;DEFAULT", client(t, "ws1", workstation), "WS1"},
		{"RULE:[1:$1@$0](.*@OTHER)s/@.*//;RULE:[1:$1@$0](.*@CORP.EXAMPLE)s/@.*//s/^/c-/", client(t, "x", account("eve")), "c-eve"},
		{"RULE:[1:$1@$0]", client(t, "alice", account("")), "which is not a POSIX user name"},
		{"RULE:[1:-$1]", client(t, "alice", account("")), "which is not a POSIX user name"},
		{"RULE:[1:$1]s/.*//", client(t, "alice", account("")), "which is not a POSIX user name"},
		{"RULE:[1:root]", client(t, "alice", account("")), "to root"},
		{"DEFAULT", &sspi.Peer{Client: clientOf(t), Anonymous: true}, "it is anonymous"},
		{"DEFAULT", nil, "it has no principal"},
		{"DEFAULT", computer(t, "eve"), "its account is that of a computer"},
		{"RULE:[1:$1]s/\\$//", computer(t, "WS1$"), "WS1"},
	} {
		l, err := sspiallow.ParseLocalNames(corpRealm, strings.Split(c.values, ";")...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.User(c.peer)
		if err == nil && got != c.want || err != nil && (got != "" || status.ReasonOf(err) != status.ReasonNotAuthorized || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %q, %v, want %s", c.values, got, err, c.want)
		}
	}
}

// computer returns a client whose account is that of a computer, whatever its name is.
func computer(t *testing.T, name string) *sspi.Peer {
	t.Helper()
	const service, workstation = "HTTP/www.corp.example", 0x80
	realm := krbtest.NewRealm(corpRealm)
	realm.ETypes = []keytab.EType{keytab.AES256_CTS_HMAC_SHA384_192} // also with GODEBUG=fips140=only
	a, err := sspi.NewAcceptor(sspi.Config{
		Keys: realm.Service(service), Time: realm.Now, Replay: authenticator.NewMemoryCache(0, authenticator.AcceptOlder),
	})
	if err != nil {
		t.Fatal(err)
	}
	ticket := realm.Ticket("typed", service)
	ticket.PAC = &krbtest.PAC{Logon: &pac.LogonInfo{
		AccountName: name, LogonDomain: "CORP", UserSID: corp(1104), DomainSID: corp(1).Domain(), AccountControl: workstation,
	}}
	_, p, err := a.NewContext(sspi.ContextConfig{}).Accept(context.Background(), ticket.APReq().Token())
	if err != nil {
		t.Fatal(err)
	}
	return p
}
