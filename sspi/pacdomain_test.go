package sspi_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// Domains of these tests. The service's realm is EXAMPLE.COM.
var (
	domainSID  = pac.MustParseSID("S-1-5-21-1001-1002-1003")
	partnerSID = pac.MustParseSID("S-1-5-21-2001-2002-2003")
	thirdSID   = pac.MustParseSID("S-1-5-21-3001-3002-3003")
)

const enabledGroup = pac.SE_GROUP_MANDATORY | pac.SE_GROUP_ENABLED_BY_DEFAULT | pac.SE_GROUP_ENABLED

// inDomain returns the SID of rid in a domain.
func inDomain(domain pac.SID, rid string) pac.SID {
	return pac.MustParseSID(domain.String() + "-" + rid)
}

// accountPAC returns the PAC of the account rid in a domain, whose primary group is Domain Users.
func accountPAC(domain pac.SID, netBIOS, dns, name, rid string, groups ...pac.SID) *krbtest.PAC {
	users := inDomain(domain, "513")
	l := &pac.LogonInfo{
		AccountName: name, LogonDomain: netBIOS, UserSID: inDomain(domain, rid), DomainSID: domain, PrimaryGroup: users,
		Groups: []pac.Group{{SID: users, Attributes: enabledGroup}}, UserFlags: pac.LOGON_EXTRA_SIDS, AccountControl: 0x10,
	}
	for _, g := range groups {
		l.ExtraSIDs = append(l.ExtraSIDs, pac.Group{SID: g, Attributes: enabledGroup})
	}
	return &krbtest.PAC{Logon: l, UPN: &pac.UPNDNSInfo{UPN: name + "@" + dns, DNSDomain: dns, SAMName: name, SID: l.UserSID}}
}

// withPAC returns a request of client whose ticket has this PAC.
func (s *site) withPAC(client string, p *krbtest.PAC) *krbtest.APReq {
	tkt := s.realm.Ticket(client, service)
	tkt.PAC = p
	return tkt.APReq()
}

// account returns the account of a client with this PAC, and the error of a refusal.
func (s *site) account(client string, p *krbtest.PAC) (*sspi.Peer, error) {
	_, peer, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), s.withPAC(client, p).Token())
	return peer, err
}

// policy sets Config.PAC.
func policy(p sspi.PACPolicy) func(*sspi.Config) {
	return func(cfg *sspi.Config) { cfg.PAC = p }
}

// TestPAC_13_AccountOfAnotherDomain checks a hostile domain controller of a trusted realm that
// puts its client into a domain of which it has no authority.
func TestPAC_13_AccountOfAnotherDomain(t *testing.T) {
	admins := func(domain pac.SID) *krbtest.PAC {
		return accountPAC(domain, "PARTNER", "PARTNER.EXAMPLE", "administrator", "500", inDomain(domain, "512"))
	}
	own, child, third := "EXAMPLE.COM", "CHILD.EXAMPLE.COM", "THIRD.EXAMPLE"
	all := map[string]pac.SID{own: domainSID, child: thirdSID}
	for name, x := range map[string]struct {
		policy sspi.PACPolicy
		learn  bool
		client string
		domain pac.SID
		text   string // of the refusal
	}{
		"the service's, configured":     {sspi.PACPolicy{DomainSIDs: all}, false, "mallory@PARTNER.EXAMPLE", domainSID, "claims an account of the service's domain"},
		"the service's, learned":        {sspi.PACPolicy{}, true, "mallory@PARTNER.EXAMPLE", domainSID, "claims an account of the service's domain"},
		"a domain of the forest":        {sspi.PACPolicy{DomainSIDs: all, ForestRealms: []string{child}}, false, "mallory@PARTNER.EXAMPLE", thirdSID, `for the realm "CHILD.EXAMPLE.COM"`},
		"another one, within a forest":  {sspi.PACPolicy{DomainSIDs: all, ForestRealms: []string{child, third}}, false, "mallory@THIRD.EXAMPLE", thirdSID, `for the realm "CHILD.EXAMPLE.COM"`},
		"not the configured one":        {sspi.PACPolicy{DomainSIDs: map[string]pac.SID{third: thirdSID}}, true, "mallory@THIRD.EXAMPLE", partnerSID, "has S-1-5-21-3001-3002-3003 for this realm"},
		"not that of the first client":  {sspi.PACPolicy{}, true, "mallory@EXAMPLE.COM", partnerSID, "the first client of this realm had an account of S-1-5-21-1001-1002-1003"},
		"realms differ in case":         {sspi.PACPolicy{DomainSIDs: all}, false, "mallory@example.com", domainSID, "claims an account of the service's domain"},
		"within the forest, of service": {sspi.PACPolicy{DomainSIDs: all, ForestRealms: []string{child}}, false, "mallory@CHILD.EXAMPLE.COM", domainSID, "has S-1-5-21-3001-3002-3003 for this realm"},
	} {
		s := newSite(t, policy(x.policy))
		if x.learn {
			if peer, err := s.account("alice", accountPAC(domainSID, "CORP", "EXAMPLE.COM", "alice", "1000")); err != nil || peer.Account == nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		peer, err := s.account(x.client, admins(x.domain))
		if status.ReasonOf(err) != status.ReasonPACBad || !strings.Contains(err.Error(), x.text) {
			t.Errorf("%s: %+v, %v", name, peer, err)
		}
	}
	s := newSite(t, policy(sspi.PACPolicy{DomainSIDs: all}))
	if peer, err := s.account("bert@PARTNER.EXAMPLE", admins(partnerSID)); err != nil || !peer.AccessToken.Grants(inDomain(partnerSID, "512")) {
		t.Errorf("the client's own domain: %v", err)
	}
}

// TestPAC_13_NameOfAnotherDomain checks a hostile domain controller of a trusted realm that
// gives its client a name of the service's domain, or of another domain that is known.
func TestPAC_13_NameOfAnotherDomain(t *testing.T) {
	configured := map[string]pac.SID{"EXAMPLE.COM": domainSID, "CHILD.EXAMPLE.COM": thirdSID}
	if peer, err := newSite(t).account("mallory@PARTNER.EXAMPLE", accountPAC(partnerSID, "PARTNER", "example.com", "administrator", "500")); status.ReasonOf(err) != status.ReasonPACBad {
		t.Errorf("the DNS name, nothing known: %+v, %v", peer, err)
	}
	for name, x := range map[string]struct {
		learn        bool
		netBIOS, dns string
		refused      bool
	}{
		"its own":                              {true, "PARTNER", "PARTNER.EXAMPLE", false},
		"its own, nothing learned":             {false, "PARTNER", "PARTNER.EXAMPLE", false},
		"the NetBIOS name":                     {true, "CORP", "PARTNER.EXAMPLE", true},
		"the NetBIOS name in another case":     {true, "cOrP", "PARTNER.EXAMPLE", true},
		"the first label, nothing learned":     {false, "Example", "PARTNER.EXAMPLE", true},
		"the first label of a realm of others": {true, "EXAMPLE", "PARTNER.EXAMPLE", false},
		"the realm as NetBIOS name":            {false, "example.com", "PARTNER.EXAMPLE", true},
		"the DNS name":                         {true, "PARTNER", "example.com", true},
		"the DNS name, nothing learned":        {false, "PARTNER", "EXAMPLE.COM", true},
		"the DNS name of a configured realm":   {false, "PARTNER", "child.example.com", true},
		"no DNS name":                          {true, "PARTNER", "", false},
	} {
		s := newSite(t, policy(sspi.PACPolicy{DomainSIDs: configured}))
		if x.learn {
			if _, err := s.account("alice", accountPAC(domainSID, "CORP", "EXAMPLE.COM", "alice", "1000")); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		peer, err := s.account("mallory@PARTNER.EXAMPLE", accountPAC(partnerSID, x.netBIOS, x.dns, "administrator", "500"))
		if (status.ReasonOf(err) == status.ReasonPACBad) != x.refused || !x.refused && (err != nil || peer.Account.String() != x.netBIOS+`\administrator`) {
			t.Errorf("%s: %+v, %v", name, peer, err)
		}
	}
}

// TestPAC_13_TwoRealms checks an acceptor with services of two realms: each domain controller
// speaks only for its own domain.
func TestPAC_13_TwoRealms(t *testing.T) {
	s := newSite(t)
	const second = "HTTP/www.partner.example@PARTNER.EXAMPLE"
	s.keys = s.realm.Service(service, second)
	var err error
	if s.acceptor, err = sspi.NewAcceptor(sspi.Config{Keys: s.keys, Time: s.realm.Now, Replay: s.replay}); err != nil {
		t.Fatal(err)
	}
	accept := func(client, service string, p *krbtest.PAC) (*sspi.Peer, error) {
		tkt := s.realm.Ticket(client, service)
		tkt.PAC = p
		_, peer, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), tkt.APReq().Token())
		return peer, err
	}
	alice := accountPAC(domainSID, "CORP", "EXAMPLE.COM", "alice", "1000")
	bert := accountPAC(partnerSID, "PARTNER", "PARTNER.EXAMPLE", "bert", "1000")
	if _, err := accept("alice@EXAMPLE.COM", service, alice); err != nil {
		t.Fatal(err)
	}
	// Before a client of PARTNER.EXAMPLE has logged in at a service of that realm.
	for name, p := range map[string]*krbtest.PAC{
		"the other realm's domain": accountPAC(domainSID, "PARTNER", "PARTNER.EXAMPLE", "administrator", "500"),
	} {
		if peer, err := accept("mallory@PARTNER.EXAMPLE", second, p); status.ReasonOf(err) != status.ReasonPACBad {
			t.Errorf("%s: %+v, %v", name, peer, err)
		}
	}
	for client, x := range map[string]struct {
		service string
		pac     *krbtest.PAC
	}{"bert@PARTNER.EXAMPLE": {second, bert}, "alice@EXAMPLE.COM": {second, alice}} {
		if peer, err := accept(client, x.service, x.pac); err != nil || client == "bert@PARTNER.EXAMPLE" && peer.Account == nil {
			t.Errorf("%s: %v", client, err)
		}
	}
	for name, x := range map[string]struct {
		client, service string
		pac             *krbtest.PAC
	}{
		"a third realm with the first domain":  {"mallory@THIRD.EXAMPLE", second, accountPAC(domainSID, "THIRD", "THIRD.EXAMPLE", "administrator", "500")},
		"a third realm with the second domain": {"mallory@THIRD.EXAMPLE", service, accountPAC(partnerSID, "THIRD", "THIRD.EXAMPLE", "administrator", "500")},
		"a third realm with the second name":   {"mallory@THIRD.EXAMPLE", service, accountPAC(thirdSID, "partner", "THIRD.EXAMPLE", "administrator", "500")},
		"a third realm with the second realm":  {"mallory@THIRD.EXAMPLE", service, accountPAC(thirdSID, "THIRD", "Partner.example", "administrator", "500")},
		"a client that changed its domain":     {"mallory@PARTNER.EXAMPLE", service, accountPAC(thirdSID, "PARTNER", "PARTNER.EXAMPLE", "administrator", "500")},
	} {
		if peer, err := accept(x.client, x.service, x.pac); status.ReasonOf(err) != status.ReasonPACBad {
			t.Errorf("%s: %+v, %v", name, peer, err)
		}
	}
}

// TestPACPolicy_Contradictions: NewAcceptor refuses a policy that cannot be meant.
func TestPACPolicy_Contradictions(t *testing.T) {
	for text, p := range map[string]sspi.PACPolicy{
		"Mode is unknown":                     {Mode: sspi.PACRequire + 1},
		`unknown mode for "R"`:                {Realms: map[string]sspi.PACMode{"R": 17}},
		`requires a PAC of the realm "R"`:     {Mode: sspi.PACRequire, RealmsWithoutPAC: []string{"R"}},
		`requires a PAC of the realm "S"`:     {Realms: map[string]sspi.PACMode{"S": sspi.PACRequire}, RealmsWithoutPAC: []string{"R", "S"}},
		`no SID of a domain (S-1-5-21-X-Y-Z)`: {DomainSIDs: map[string]pac.SID{"R": pac.MustParseSID("S-1-5-32")}},
		`the same SID for "A" and "B"`:        {DomainSIDs: map[string]pac.SID{"B": domainSID, "A": domainSID}},
	} {
		_, err := sspi.NewAcceptor(sspi.Config{Keys: newSite(t).keys, PAC: p})
		if status.ReasonOf(err) != status.ReasonArgument || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
	p := sspi.PACPolicy{Mode: sspi.PACRequire, Realms: map[string]sspi.PACMode{"R": sspi.PACUse}, RealmsWithoutPAC: []string{"R"}}
	if _, err := sspi.NewAcceptor(sspi.Config{Keys: newSite(t).keys, PAC: p}); err != nil {
		t.Errorf("a realm that is excepted: %v", err)
	}
}

// TestNAME_3_NamesThatAreTwoNames checks names of an account or of its domain that DOMAIN\name
// could not tell from other names. The client has no account and no user name.
func TestNAME_3_NamesThatAreTwoNames(t *testing.T) {
	for _, x := range [][2]string{
		{`CORP\administrator`, "x"},
		{"PARTNER", `CORP\administrator`},
		{"", `CORP\administrator`},
		{"", "administrator"},
		{"PARTNER", `alice\`},
		{"PARTNER\n", "alice"},
		{"PARTNER", "alice\r\nCORP"},
		{"PARTNER", "al\tice"},
		{"PART\x1bNER", "alice"},
		{"PARTNER", "alice\x7f"},
		{"PARTNER", "alice\u0085"},
	} {
		s := newSite(t, policy(sspi.PACPolicy{DomainSIDs: map[string]pac.SID{"EXAMPLE.COM": domainSID}}))
		for realm, domain := range map[string]pac.SID{"EXAMPLE.COM": domainSID, "PARTNER.EXAMPLE": partnerSID} {
			peer, err := s.account("mallory@"+realm, accountPAC(domain, x[0], realm, x[1], "1000", pac.AuthenticationAuthorityAsserted))
			if err != nil {
				t.Errorf("%q: %v", x, err)
				continue
			}
			user, userErr := peer.UserNamed(func(string) bool { return true }, realm)
			if status.ReasonOf(peer.AccessToken.Err()) != status.ReasonPACBad || peer.Account != nil || userErr == nil || peer.AccessToken.Grants(pac.AuthenticationAuthorityAsserted) {
				t.Errorf("%q: account %v, user %q, %v", x, peer.Account, user, peer.AccessToken.Err())
			}
		}
	}
}

// TestNAME_3_ComputerWithoutDollar checks the account of a computer, or of a trust, with the
// name of a user: a domain controller without the correction of CVE-2021-42278 lets ordinary
// users make one.
func TestNAME_3_ComputerWithoutDollar(t *testing.T) {
	s := newSite(t)
	all := func(string) bool { return true }
	for control, computer := range map[uint32]bool{0x10: false, 0x210: false, 0x40: true, 0x80: true, 0x100: true, 0x280: true} {
		for _, name := range []string{"root", "WS1$"} {
			p := accountPAC(domainSID, "CORP", "EXAMPLE.COM", name, "1000")
			p.Logon.AccountControl = control
			peer, err := s.account("root", p)
			if err != nil || peer.Account == nil {
				t.Fatal(err)
			}
			user, err := peer.User("EXAMPLE.COM")
			if want := name == "root" && !computer; want != (err == nil && user == "root") || !want && status.ReasonOf(err) != status.ReasonNotAuthorized {
				t.Errorf("%#x: %q is the user %q, %v", control, name, user, err)
			}
			named, err := peer.UserNamed(all, "EXAMPLE.COM")
			if want := name == "WS1$" || !computer; want != (err == nil && named == name) {
				t.Errorf("%#x: %q is named %q, %v", control, name, named, err)
			}
		}
	}
}

// TestPAC_13_LearnedOnce lets clients of two realms log in at the same time at an acceptor that
// does not know its domain. Each client of the service's realm has an account, and a client of
// another realm never has an account of the service's domain.
func TestPAC_13_LearnedOnce(t *testing.T) {
	s := newSite(t)
	own := s.withPAC("alice", accountPAC(domainSID, "CORP", "EXAMPLE.COM", "alice", "1000"))
	foreign := s.withPAC("bert@PARTNER.EXAMPLE", accountPAC(partnerSID, "PARTNER", "PARTNER.EXAMPLE", "bert", "1000"))
	impostor := s.withPAC("mallory@PARTNER.EXAMPLE", accountPAC(domainSID, "PARTNER", "PARTNER.EXAMPLE", "mallory", "500"))
	var wg sync.WaitGroup
	for _, q := range []*krbtest.APReq{own, foreign, impostor} {
		for range 8 {
			token := q.Token() // with a time of its own
			q.SetTime(q.Time().Add(time.Microsecond))
			wg.Go(func() {
				_, peer, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token)
				switch {
				case q == own && (err != nil || peer.Account == nil), q == foreign && err != nil:
					t.Errorf("%v: %v", q.Ticket.Part.CName, err)
				case q == impostor && err == nil && (peer.Account != nil || peer.AccessToken.Grants(inDomain(domainSID, "500"))):
					t.Errorf("the impostor has the account %v", peer.Account)
				}
			})
		}
	}
	wg.Wait()
	if peer, err := s.account("bert@PARTNER.EXAMPLE", accountPAC(partnerSID, "PARTNER", "PARTNER.EXAMPLE", "bert", "1000")); err != nil || peer.Account == nil {
		t.Errorf("after a client of the service's realm: %v", err)
	}
}

// TestPAC_13_RefusedTeachesNothing checks that an acceptor does not learn its domain from a
// client whose AP-REQ is right and whose mechListMIC is wrong, and learns it from a client whose
// exchange has several tokens.
func TestPAC_13_RefusedTeachesNothing(t *testing.T) {
	for name, style := range map[string]func(*krbtest.APReq){"mutual": nothing, "DCE style": dce} {
		s := newSite(t)
		bert := func() *sspi.Peer {
			peer, err := s.account("bert@PARTNER.EXAMPLE", accountPAC(partnerSID, "PARTNER", "PARTNER.EXAMPLE", "bert", "1000"))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return peer
		}
		alice := func(change func(*krbtest.Negotiation)) *sspi.Context {
			q := s.withPAC("alice", accountPAC(domainSID, "CORP", "EXAMPLE.COM", "alice", "1000"))
			style(q)
			n := q.Start().Negotiate()
			n.Mechanisms = ntlmFirst
			change(n)
			c := s.acceptor.NewContext(sspi.ContextConfig{})
			_, _ = negotiate(n, c) // the context has the error
			return c
		}
		if c := alice(func(n *krbtest.Negotiation) { n.MIC = func([]byte) ([]byte, error) { return []byte{}, nil } }); status.ReasonOf(c.Err()) != status.ReasonMechListMIC {
			t.Fatalf("%s: %v", name, c.Err())
		}
		if peer := bert(); peer.Account != nil {
			t.Errorf("%s: after a refused client, a client of another realm has the account %v", name, peer.Account)
		}
		if c := alice(func(*krbtest.Negotiation) {}); c.Peer() == nil {
			t.Fatalf("%s: %v", name, c.Err())
		}
		if peer := bert(); peer.Account == nil {
			t.Errorf("%s: after an accepted client: %v", name, peer.AccessToken.Err())
		}
	}
}
