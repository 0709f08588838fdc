package sspi_test

import (
	"context"
	"sync"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// bertCounts reports whether bert, whose realm is trusted, has an account and groups.
func bertCounts(t *testing.T, s *site) bool {
	t.Helper()
	peer, err := s.account("bert@PARTNER.EXAMPLE", bertPAC())
	if err != nil {
		t.Fatal(err)
	}
	token, users := peer.AccessToken, inDomain(partnerSID, "513")
	if (peer.Account == nil) != (token.Err() != nil) || token.Grants(users) != (peer.Account != nil) {
		t.Errorf("account %v, %v, Domain Users %v", peer.Account, token.Err(), token.Grants(users))
	}
	return peer.Account != nil
}

// TestPAC_13_Learning checks from which clients an acceptor learns the domain of the service,
// without which the accounts of other realms do not count.
func TestPAC_13_Learning(t *testing.T) {
	accept := func(client string, p *krbtest.PAC, changes ...func(*krbtest.APReq)) func(*testing.T, *site) error {
		return func(_ *testing.T, s *site) error {
			q := s.withPAC(client, p)
			for _, change := range changes {
				change(q)
			}
			_, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), q.Token())
			return err
		}
	}
	broken := alicePAC()
	broken.UPN.SAMName = "bob"
	for name, x := range map[string]struct {
		policy sspi.PACPolicy
		first  func(*testing.T, *site) error
		reason status.Reason // of the first client
		learnt bool
	}{
		"a client of the realm":           {sspi.PACPolicy{}, accept("alice", alicePAC()), status.ReasonNone, true},
		"who typed another name":          {sspi.PACPolicy{}, accept("root", alicePAC()), status.ReasonNone, true},
		"of another realm":                {sspi.PACPolicy{}, accept("bert@PARTNER.EXAMPLE", bertPAC()), status.ReasonNone, false},
		"of the forest":                   {sspi.PACPolicy{ForestRealms: []string{"CHILD.EXAMPLE.COM"}}, accept("carol@CHILD.EXAMPLE.COM", accountPAC(thirdSID, "CHILD", "CHILD.EXAMPLE.COM", "carol", "1000")), status.ReasonNone, false},
		"with the PAC of MIT's KDC":       {sspi.PACPolicy{}, accept("alice", new(krbtest.PAC)), status.ReasonNone, false},
		"without PAC":                     {sspi.PACPolicy{}, accept("alice", nil), status.ReasonNone, false},
		"whose LOGON_INFO is garbage":     {sspi.PACPolicy{}, accept("alice", undecodable()), status.ReasonNone, false},
		"whose PAC is ignored":            {sspi.PACPolicy{Realms: map[string]sspi.PACMode{"EXAMPLE.COM": sspi.PACIgnore}}, accept("alice", alicePAC()), status.ReasonNone, false},
		"whose buffers disagree":          {sspi.PACPolicy{}, accept("alice", broken), status.ReasonPACBad, false},
		"that has no proof of the ticket": {sspi.PACPolicy{}, accept("alice", alicePAC(), func(q *krbtest.APReq) { q.Authenticator.CName.NameString = []string{"other"} }), status.ReasonNameMismatch, false},
		"that the program refuses":        {sspi.PACPolicy{}, requiring("alice", alicePAC()), status.ReasonRequirementNotMet, false},
		"whose authenticator is known":    {sspi.PACPolicy{}, replayed("alice", alicePAC()), status.ReasonReplay, false},
	} {
		s := newSite(t, policy(x.policy))
		if bertCounts(t, s) {
			t.Errorf("%s: the account counts before", name)
		}
		if err := x.first(t, s); status.ReasonOf(err) != x.reason {
			t.Errorf("%s: %v, want %v", name, err, x.reason)
		}
		if got := bertCounts(t, s); got != x.learnt {
			t.Errorf("%s: learnt %v, want %v", name, got, x.learnt)
		}
	}
}

// requiring returns a login at a context that requires more than the client offers.
func requiring(client string, p *krbtest.PAC) func(*testing.T, *site) error {
	return func(_ *testing.T, s *site) error {
		q := s.withPAC(client, p)
		oneWay(q)
		_, _, err := s.acceptor.NewContext(sspi.ContextConfig{Require: flags.ASC_RET_MUTUAL_AUTH}).Accept(context.Background(), q.Token())
		return err
	}
}

// replayed returns a login with an authenticator that another acceptor of the same replay
// cache has accepted.
func replayed(client string, p *krbtest.PAC) func(*testing.T, *site) error {
	return func(t *testing.T, s *site) error {
		other, err := sspi.NewAcceptor(sspi.Config{Keys: s.keys, Time: s.realm.Now, Replay: s.replay})
		if err != nil {
			t.Fatal(err)
		}
		token := s.withPAC(client, p).Token()
		if _, _, err := other.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token); err != nil {
			t.Fatal(err)
		}
		_, _, err = s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token)
		return err
	}
}

// TestPAC_13_LearningOnce checks that of two domains at the same time one is learnt, and that
// clients of the other are refused from then on.
func TestPAC_13_LearningOnce(t *testing.T) {
	s := newSite(t)
	var all sync.WaitGroup
	for i := range 16 {
		domain := []pac.SID{domainSID, thirdSID}[i%2]
		token := s.withPAC("alice", accountPAC(domain, "CORP", "EXAMPLE.COM", "alice", "1000")).Token()
		all.Go(func() {
			_, _, _ = s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token)
		})
	}
	all.Wait()
	accepted := 0
	for _, domain := range []pac.SID{domainSID, thirdSID} {
		peer, err := s.account("alice", accountPAC(domain, "CORP", "EXAMPLE.COM", "alice", "1000"))
		switch {
		case err == nil && peer.Account.SID.Domain() == domain:
			accepted++
		case status.ReasonOf(err) != status.ReasonPACBad:
			t.Error(err)
		}
	}
	if accepted != 1 {
		t.Errorf("%d of two domains count", accepted)
	}
}
