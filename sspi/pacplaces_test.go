package sspi_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// ber returns an AD-IF-RELEVANT whose list has a length in the long form of BER.
func ber(e types.AuthorizationDataEntry) types.AuthorizationDataEntry {
	der := krbtest.IfRelevant(e).ADData // 30 82 and two bytes of length
	if der[1] != 0x82 {
		panic("the list is short")
	}
	return types.AuthorizationDataEntry{ADType: 1, ADData: append([]byte{0x30, 0x83, 0}, der[2:]...)}
}

// TestPAC_1_Planted gives the acceptor good PACs in places where no KDC puts a PAC, and where
// clients can plant them: in the authenticator, nested, in BER, and outside AD-IF-RELEVANT. It
// never uses them, neither alone nor beside the PAC of the KDC.
func TestPAC_1_Planted(t *testing.T) {
	bob := accountPAC(domainSID, "CORP", "EXAMPLE.COM", "bob", "1001")
	raw := func(t *krbtest.Ticket) types.AuthorizationDataEntry {
		other := *t
		other.PAC = bob
		return planted(other.PACBytes())
	}
	inTicket := func(wrap func(types.AuthorizationDataEntry) types.AuthorizationDataEntry) func(*krbtest.APReq) {
		return func(q *krbtest.APReq) {
			part := &q.Ticket.Part
			part.AuthorizationData = append(part.AuthorizationData, wrap(raw(q.Ticket)))
		}
	}
	inAuthenticator := func(wrap func(types.AuthorizationDataEntry) types.AuthorizationDataEntry) func(*krbtest.APReq) {
		return func(q *krbtest.APReq) {
			q.Authenticator.AuthorizationData = types.AuthorizationData{wrap(raw(q.Ticket))}
		}
	}
	asIs := func(e types.AuthorizationDataEntry) types.AuthorizationDataEntry { return e }
	relevant := func(e types.AuthorizationDataEntry) types.AuthorizationDataEntry { return krbtest.IfRelevant(e) }
	nested := func(e types.AuthorizationDataEntry) types.AuthorizationDataEntry { return relevant(relevant(e)) }
	for name, x := range map[string]struct {
		plant  func(*krbtest.APReq)
		reason status.Reason // of the refusal
	}{
		"ticket, nested":                  {inTicket(nested), status.ReasonNone},
		"ticket, BER":                     {inTicket(ber), status.ReasonNone},
		"ticket, outside":                 {inTicket(asIs), status.ReasonNone},
		"authenticator":                   {inAuthenticator(relevant), status.ReasonNone},
		"authenticator, nested":           {inAuthenticator(nested), status.ReasonNone},
		"authenticator, outside":          {inAuthenticator(asIs), status.ReasonNone},
		"ticket, where the KDC's belongs": {inTicket(relevant), status.ReasonPACBad},
	} {
		for genuine, p := range map[string]*krbtest.PAC{"": nil, `CORP\alice`: alicePAC()} {
			if genuine == "" && x.reason == status.ReasonPACBad {
				continue // there it is the PAC of the ticket
			}
			s := newSite(t)
			q := s.request()
			q.Ticket.PAC = p
			x.plant(q)
			_, peer, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(t.Context(), q.Token())
			switch {
			case status.ReasonOf(err) != x.reason:
				t.Errorf("%s, beside %q: %v", name, genuine, err)
			case err == nil && peer.Account.String() != genuine:
				t.Errorf("%s, beside %q: the account is %v", name, genuine, peer.Account)
			}
		}
	}
}

// TestPAC_8_NeverAbsent checks that a bad PAC is no absent PAC: it refuses the client also if
// the policy admits clients without PAC and declares their realm to have none.
func TestPAC_8_NeverAbsent(t *testing.T) {
	kinds := pacKinds()
	bad := maps.Clone(kinds["signature, container or CLIENT_INFO is wrong"])
	maps.Copy(bad, kinds["two PACs"])
	maps.Copy(bad, kinds["buffers disagree about the account"])
	if len(bad) < 16 {
		t.Fatalf("%d PACs", len(bad))
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		c := policyCase{t: t, text: name, change: bad[name], policy: sspi.PACPolicy{RealmsWithoutPAC: []string{"EXAMPLE.COM"}}}
		c.refused()
	}
	c := policyCase{t: t, text: "absent", change: kinds["absent"]["no authorization data"], policy: sspi.PACPolicy{RealmsWithoutPAC: []string{"EXAMPLE.COM"}}}
	if _, peer, err := c.login(); err != nil || peer.Account != nil {
		t.Errorf("no PAC: %+v, %v", peer, err)
	}
}

// TestPAC_6_Disagree checks that buffers that disagree about the account refuse the client, and
// that the lax policy believes LOGON_INFO and reports the conflict.
func TestPAC_6_Disagree(t *testing.T) {
	for name, change := range pacKinds()["buffers disagree about the account"] {
		c := policyCase{t: t, text: name, change: change}
		c.refused()
		c.policy.Lax = true
		_, peer, err := c.login()
		if err != nil || peer.Account.String() != `CORP\alice` || peer.Account.SID != inDomain(domainSID, "1000") {
			t.Errorf("%s, lax: %+v, %v", name, peer, err)
			continue
		}
		if err := peer.AccessToken.PAC().Conflict(); status.ReasonOf(err) != status.ReasonPACBad {
			t.Errorf("%s, lax: the conflict is %v", name, err)
		}
	}
}
