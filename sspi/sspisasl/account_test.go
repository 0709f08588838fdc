package sspisasl_test

import (
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// accountOf returns options of a client with an account of EXAMPLE.COM.
func accountOf(name string) sspitest.Options {
	return sspitest.Options{Account: &sspitest.Account{Name: name, SID: pac.MustParseSID("S-1-5-21-1-2-3-1105")}}
}

// acceptorWith returns an acceptor with a policy for PACs.
func (s *site) acceptorWith(p sspi.PACPolicy) *sspi.Acceptor {
	s.t.Helper()
	cfg, err := s.realm.Config(service)
	if err != nil {
		s.t.Fatal(err)
	}
	cfg.PAC = p
	a, err := sspi.NewAcceptor(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// TestNAME_3_SASL checks that a client acts as the principal of its account, whatever name it
// typed, and that a ticket without PAC proves no identity in a realm that is not declared.
func TestNAME_3_SASL(t *testing.T) {
	noPAC := sspitest.Options{NoPAC: true}
	declared := sspi.PACPolicy{RealmsWithoutPAC: []string{"EXAMPLE.COM"}}
	const undeclared = `the principal "root@EXAMPLE.COM" proves no name: its ticket has no PAC that this acceptor uses, and in Active Directory a principal alone proves no name; if the realm "EXAMPLE.COM" issues no PACs, add it to Config.PAC.RealmsWithoutPAC`
	for _, c := range []struct {
		typed   string
		o       sspitest.Options
		authzid string
		policy  sspi.PACPolicy
		want    string // the identity; "": refused
		refusal string
	}{
		{"root", accountOf("bob"), "", sspi.PACPolicy{}, "bob@EXAMPLE.COM", ""},
		{"root", accountOf("bob"), "bob", sspi.PACPolicy{}, "bob", ""},
		{"root", accountOf("bob"), "bob@EXAMPLE.COM", sspi.PACPolicy{}, "bob@EXAMPLE.COM", ""},
		{"root", accountOf("bob"), "root", sspi.PACPolicy{}, "", `the principal "bob@EXAMPLE.COM" requests to act as "root"`},
		{"root", accountOf("bob"), "root@EXAMPLE.COM", sspi.PACPolicy{}, "", `the principal "bob@EXAMPLE.COM" requests to act as "root@EXAMPLE.COM"`},
		{"root", accountOf("bob"), "root", declared, "", `the principal "bob@EXAMPLE.COM" requests to act as "root"`},
		{"WS1", accountOf("WS1$"), "WS1", sspi.PACPolicy{}, "", `the principal "WS1$@EXAMPLE.COM" requests to act as "WS1"`},
		{"WS1", accountOf("WS1$"), "WS1$", sspi.PACPolicy{}, "", "its name contains '$'"},
		{"WS1", accountOf("WS1$"), "", sspi.PACPolicy{}, "WS1$@EXAMPLE.COM", ""},
		{"root", noPAC, "", sspi.PACPolicy{}, "", undeclared},
		{"root", noPAC, "root", sspi.PACPolicy{}, "", undeclared},
		{"root", noPAC, "root@EXAMPLE.COM", sspi.PACPolicy{}, "", undeclared},
		{"root", noPAC, "", declared, "root@EXAMPLE.COM", ""},
		{"root", noPAC, "root", declared, "root", ""},
	} {
		site := newSite(t)
		cfg := site.config()
		cfg.Realms = []string{"EXAMPLE.COM"}
		cfg.Acceptor = site.acceptorWith(c.policy)
		s := newServer(t, cfg, sspisasl.GSSAPI)
		client := site.clientOf(c.typed, c.o)
		offer(t, s, client)
		response := choice(t, client, 0x01_000000, c.authzid)
		if c.want == "" {
			refused(t, s, response, status.ReasonNotAuthorized, c.refusal)
			continue
		}
		if _, done := next(t, s, response); !done || s.AuthorizationID() != c.want {
			t.Errorf("%s as %q: %v, %q, want %q", c.typed, c.authzid, done, s.AuthorizationID(), c.want)
		}
	}
}

// TestNAME_3_SASLAuthorize checks that a Server with its own Authorize, which admits everyone,
// still has no identity for a client that proves no name and requests none.
func TestNAME_3_SASLAuthorize(t *testing.T) {
	for authzid, want := range map[string]status.Reason{"": status.ReasonNotAuthorized, "chosen": status.ReasonNone} {
		site := newSite(t)
		cfg := site.config()
		cfg.Authorize = func(*sspi.Peer, string) error { return nil }
		s := newServer(t, cfg, sspisasl.GSSAPI)
		client := site.clientOf("root", sspitest.Options{NoPAC: true})
		offer(t, s, client)
		_, _, err := s.Next(choice(t, client, 0x01_000000, authzid))
		if status.ReasonOf(err) != want || err == nil && s.AuthorizationID() != authzid {
			t.Errorf("%q: %v, %q", authzid, err, s.AuthorizationID())
		}
	}
}
