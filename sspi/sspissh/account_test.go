package sspissh_test

import (
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspissh"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// accountOf returns options of a client with an account of EXAMPLE.COM.
func accountOf(name string) sspitest.Options {
	return sspitest.Options{Account: &sspitest.Account{Name: name, SID: pac.MustParseSID("S-1-5-21-1-2-3-1105")}}
}

// TestNAME_3_SSH checks that SameUser lets a client in as the user of its account, whatever
// name it typed, and that a ticket without PAC proves no user in a realm that is not declared.
func TestNAME_3_SSH(t *testing.T) {
	noPAC := sspitest.Options{NoPAC: true}
	const undeclared = `the principal "alice@EXAMPLE.COM" proves no name: its ticket has no PAC that this acceptor uses, and in Active Directory a principal alone proves no name; if the realm "EXAMPLE.COM" issues no PACs, add it to Config.PAC.RealmsWithoutPAC`
	for _, c := range []struct {
		typed   string
		o       sspitest.Options
		as      string
		policy  sspi.PACPolicy
		refusal string // "": the login succeeds
	}{
		{"root", accountOf("bob"), "bob", sspi.PACPolicy{}, ""},
		{"root", accountOf("bob"), "root", sspi.PACPolicy{}, `the principal "bob@EXAMPLE.COM" may not log in as the user "root"`},
		{"alice", accountOf("bob"), "alice", sspi.PACPolicy{}, `the principal "bob@EXAMPLE.COM" may not log in as the user "alice"`},
		{"alice", accountOf("root"), "root", sspi.PACPolicy{}, `SameUser does not let "root@EXAMPLE.COM" log in as root`},
		{"WS1", accountOf("WS1$"), "WS1", sspi.PACPolicy{}, `with the account "EXAMPLE\\WS1$" is not a plain user: its name contains '$'`},
		{"WS1", accountOf("WS1$"), "WS1$", sspi.PACPolicy{}, `its name contains '$'`},
		{"ALICE", accountOf("alice"), "alice", sspi.PACPolicy{}, ""},
		{"ALICE", accountOf("alice"), "ALICE", sspi.PACPolicy{}, "may not log in"},
		{"alice", noPAC, "alice", sspi.PACPolicy{}, undeclared},
		{"alice", noPAC, "alice", sspi.PACPolicy{RealmsWithoutPAC: []string{"OTHER.EXAMPLE"}}, undeclared},
		{"alice", noPAC, "alice", sspi.PACPolicy{RealmsWithoutPAC: []string{realmName}}, ""},
		{"root", accountOf("bob"), "root", sspi.PACPolicy{RealmsWithoutPAC: []string{realmName}}, `"bob@EXAMPLE.COM" may not log in`},
	} {
		s := newSite(t)
		s.cfg.Acceptor = s.acceptorWith(func(cfg *sspi.Config) { cfg.PAC = c.policy })
		s.start()
		o := s.login(c.as, s.initiate(c.typed, c.o))
		if c.refusal != "" {
			wantReason(t, c.as+", who typed "+c.typed, o.attempt(), status.ReasonNotAuthorized, c.refusal)
			continue
		}
		if o.err != nil {
			t.Errorf("%s, who typed %s: %v", c.as, c.typed, o.attempt())
			continue
		}
		if p := sspissh.Peer(o.conn); p.Client.Name() != c.typed || c.o.Account != nil && p.Account.Name != c.as {
			t.Errorf("%s, who typed %s: %v, %v", c.as, c.typed, p.Client, p.Account)
		}
	}
}
