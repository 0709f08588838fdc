package sspi_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// proven is the name that a client proves: the results of Peer.Principal and Peer.User.
type proven struct {
	principal string
	user      string // for EXAMPLE.COM; "": none
	why       string // a part of the error of User
}

// noPACText is the whole Detail of the refusal of a ticket without PAC.
const noPACText = `the principal "typed@EXAMPLE.COM" proves no name: its ticket has no PAC that this acceptor uses, and in Active Directory a principal alone proves no name; if the realm "EXAMPLE.COM" issues no PACs, add it to Config.PAC.RealmsWithoutPAC`

// named returns a PAC of an account of the service's domain.
func named(name string) *krbtest.PAC {
	return accountPAC(domainSID, "CORP", "EXAMPLE.COM", name, "1000")
}

func anonymous(q *krbtest.APReq) {
	q.Ticket.Part.Flags = krbtest.TicketFlags(flags.TicketAnonymous | flags.TicketTransitedPolicyChecked)
}

func nothingElse(*krbtest.APReq) {}

// mappings are clients and the names that they prove.
var mappings = map[string]struct {
	client string // typed
	policy sspi.PACPolicy
	pac    *krbtest.PAC
	change func(*krbtest.APReq)
	want   proven
}{
	"account":                                            {"typed", sspi.PACPolicy{}, alicePAC(), nothingElse, proven{"alice@EXAMPLE.COM", "alice", ""}},
	"account of a user who typed root":                   {"root", sspi.PACPolicy{}, alicePAC(), nothingElse, proven{"alice@EXAMPLE.COM", "alice", ""}},
	"computer that typed no dollar":                      {"WS1", sspi.PACPolicy{}, named("WS1$"), nothingElse, proven{"WS1$@EXAMPLE.COM", "", `with the account "CORP\\WS1$" is not a plain user: its name contains '$'`}},
	"account in a realm that is declared to have no PAC": {"typed", sspi.PACPolicy{RealmsWithoutPAC: []string{"EXAMPLE.COM"}}, alicePAC(), nothingElse, proven{"alice@EXAMPLE.COM", "alice", ""}},
	"account with a realm in its name":                   {"typed", sspi.PACPolicy{}, named("root@EXAMPLE.COM"), nothingElse, proven{`root\@EXAMPLE.COM@EXAMPLE.COM`, "", "its name contains '@'"}},
	"account with a slash":                               {"typed", sspi.PACPolicy{}, named("root/admin"), nothingElse, proven{`root\/admin@EXAMPLE.COM`, "", "its name contains '/'"}},
	"account with a space":                               {"typed", sspi.PACPolicy{}, named("root "), nothingElse, proven{"root @EXAMPLE.COM", "", "its name contains ' '"}},
	"account with a name that is too long":               {"typed", sspi.PACPolicy{}, named(strings.Repeat("a", 2000)), nothingElse, proven{"", "", "the name of its account is no principal"}},
	"PAC of MIT's KDC":                                   {"typed", sspi.PACPolicy{}, new(krbtest.PAC), nothingElse, proven{"typed@EXAMPLE.COM", "typed", ""}},
	"PAC of a host":                                      {"host/x", sspi.PACPolicy{}, new(krbtest.PAC), nothingElse, proven{"host/x@EXAMPLE.COM", "", "several components"}},
	"no PAC":                                             {"typed", sspi.PACPolicy{}, nil, nothingElse, proven{"", "", noPACText}},
	"no PAC, as declared":                                {"typed", sspi.PACPolicy{RealmsWithoutPAC: []string{"X", "EXAMPLE.COM"}}, nil, nothingElse, proven{"typed@EXAMPLE.COM", "typed", ""}},
	"no PAC, another realm declared":                     {"typed", sspi.PACPolicy{RealmsWithoutPAC: []string{"PARTNER.EXAMPLE", "example.com"}}, nil, nothingElse, proven{"", "", noPACText}},
	"PAC ignored":                                        {"typed", sspi.PACPolicy{Mode: sspi.PACIgnore}, alicePAC(), nothingElse, proven{"", "", noPACText}},
	"LOGON_INFO that does not decode": {
		"typed",
		sspi.PACPolicy{},
		undecodable(), nothingElse,
		proven{"", "", `the principal "typed@EXAMPLE.COM" proves no name: its PAC has no account that counts: kerberos: pac-bad`},
	},
	"LOGON_INFO that does not decode, declared": {
		"typed",
		sspi.PACPolicy{RealmsWithoutPAC: []string{"EXAMPLE.COM"}},
		undecodable(), nothingElse,
		proven{"", "", "LOGON_INFO of the PAC does not decode"},
	},
	"foreign account, own domain unknown": {
		"bert@PARTNER.EXAMPLE",
		sspi.PACPolicy{},
		bertPAC(), nothingElse,
		proven{"", "", `the account "PARTNER\\bert" is of another domain, and the SID of the service's domain is unknown`},
	},
	"foreign account, own domain known": {
		"typed@PARTNER.EXAMPLE",
		sspi.PACPolicy{DomainSIDs: map[string]pac.SID{"EXAMPLE.COM": domainSID}},
		bertPAC(), nothingElse,
		proven{"bert@PARTNER.EXAMPLE", "", `its realm is "PARTNER.EXAMPLE", and the realms given are "EXAMPLE.COM"`},
	},
	"anonymous, PAC of MIT's KDC": {"typed", sspi.PACPolicy{}, new(krbtest.PAC), anonymous, proven{"", "", "it is anonymous"}},
	"anonymous, account":          {"typed", sspi.PACPolicy{}, alicePAC(), anonymous, proven{"", "", "it is anonymous"}},
	"anonymous, declared":         {"typed", sspi.PACPolicy{RealmsWithoutPAC: []string{"EXAMPLE.COM"}}, nil, anonymous, proven{"", "", "it is anonymous"}},
}

// undecodable returns a PAC whose LOGON_INFO does not decode.
func undecodable() *krbtest.PAC {
	p := alicePAC()
	replaced(krbtest.PACLogonInfo, []byte("garbage"))(p)
	return p
}

// bertPAC returns the PAC of an account of PARTNER.EXAMPLE.
func bertPAC() *krbtest.PAC {
	return accountPAC(partnerSID, "PARTNER", "PARTNER.EXAMPLE", "bert", "1000")
}

// check compares the names that peer proves.
func (w *proven) check(t *testing.T, name string, peer *sspi.Peer) {
	t.Helper()
	principal, err := peer.Principal()
	if principal.String() != w.principal || (err == nil) != (w.principal != "") || err != nil && status.ReasonOf(err) != status.ReasonNotAuthorized {
		t.Errorf("%s: Principal %q, %v, want %q", name, principal, err, w.principal)
	}
	user, err := peer.User("EXAMPLE.COM")
	if user != w.user || (err == nil) != (w.user != "") || err != nil && (status.ReasonOf(err) != status.ReasonNotAuthorized || !strings.Contains(err.Error(), w.why)) {
		t.Errorf("%s: User %q, %v, want %q %s", name, user, err, w.user, w.why)
	}
	all := func(string) bool { return true }
	if user, err := peer.UserNamed(all, "EXAMPLE.COM"); err == nil && user != w.user && user+"@EXAMPLE.COM" != w.principal {
		t.Errorf("%s: UserNamed %q", name, user)
	}
}

// TestNAME_3_Mapping checks the rule by which clients map to names.
func TestNAME_3_Mapping(t *testing.T) {
	for name, m := range mappings {
		s := newSite(t, policy(m.policy))
		q := s.withPAC(m.client, m.pac)
		m.change(q)
		_, peer, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), q.Token())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m.want.check(t, name, peer)
		without := *peer
		without.Account = nil
		if principal, err := without.Principal(); peer.Account != nil && err == nil {
			t.Errorf("%s, Account removed: %v", name, principal)
		}
		typed, err := s.realm.Principal(m.client)
		if err != nil || peer.Client != typed {
			t.Errorf("%s: Client %v, want %v", name, peer.Client, typed)
		}
	}
}

// TestNAME_3_Exported checks that the rule holds in the process that imports the context.
func TestNAME_3_Exported(t *testing.T) {
	for name, m := range mappings {
		s := newSite(t, policy(m.policy), exporting)
		q := s.withPAC(m.client, m.pac)
		m.change(q)
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		if _, _, err := c.Accept(context.Background(), q.Token()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sealed, err := c.Export()
		if err != nil {
			t.Fatal(err)
		}
		moved, err := s.worker(t).Import(context.Background(), sealed) // the policy is that of the exporter
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m.want.check(t, name+", imported", moved.Peer())
		if was, is := c.Peer(), moved.Peer(); was.Account.String() != is.Account.String() || (was.Account == nil) != (is.Account == nil) ||
			errorText(was.AccessToken.Err()) != errorText(is.AccessToken.Err()) {
			t.Errorf("%s: %v, %v became %v, %v", name, was.Account, was.AccessToken.Err(), is.Account, is.AccessToken.Err())
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestCTX_12_AccessToken checks that an exported context keeps the account, every list of
// SIDs, and the claims.
func TestCTX_12_AccessToken(t *testing.T) {
	s := newSite(t, policy(sspi.PACPolicy{DomainSIDs: map[string]pac.SID{"EXAMPLE.COM": domainSID}, ForestRealms: []string{"PARTNER.EXAMPLE"}}), exporting)
	// A client of another domain with filtered SIDs, deny-only groups, claims and a device.
	p := bertPAC()
	p.Logon.ExtraSIDs = []pac.Group{
		{SID: pac.AuthenticationAuthorityAsserted, Attributes: enabledGroup},
		{SID: pac.ClaimsValid, Attributes: enabledGroup},
		{SID: pac.CompoundedAuthentication, Attributes: enabledGroup},
		{SID: pac.MustParseSID("S-1-5-32-544"), Attributes: enabledGroup},
	}
	p.Logon.Groups = append(p.Logon.Groups, pac.Group{SID: inDomain(partnerSID, "1200"), Attributes: pac.SE_GROUP_USE_FOR_DENY_ONLY})
	p.Logon.FullName = "Bert"
	p.ClientClaims = []pac.Claim{{ID: "level", Source: 1, Type: pac.CLAIM_TYPE_UINT64, Uint64s: []uint64{1<<64 - 1}}}
	p.DeviceClaims = []pac.Claim{{ID: "rack", Source: 1, Type: pac.CLAIM_TYPE_STRING, Strings: []string{"ü"}}}
	p.Device = &pac.DeviceInfo{SID: inDomain(partnerSID, "1500"), PrimaryGroup: inDomain(partnerSID, "515"), Groups: []pac.Group{{SID: inDomain(partnerSID, "515"), Attributes: enabledGroup}}}
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	if _, _, err := c.Accept(context.Background(), s.withPAC("bert@PARTNER.EXAMPLE", p).Token()); err != nil {
		t.Fatal(err)
	}
	before := tokenFacts(t, c.Peer())
	for _, part := range []string{"level", "rack", "-1500", "-544", "-1200", "Bert"} {
		if !bytes.Contains(before, []byte(part)) {
			t.Errorf("the token has no %s: %s", part, before)
		}
	}
	for range 3 {
		sealed, err := c.Export()
		if err != nil {
			t.Fatal(err)
		}
		if c, err = s.worker(t).Import(context.Background(), sealed); err != nil {
			t.Fatal(err)
		}
		if after := tokenFacts(t, c.Peer()); !bytes.Equal(before, after) {
			t.Fatalf("the token became\n%s from\n%s", after, before)
		}
	}
}

// TestPAC_13_ClaimsOfAnotherForest checks that the claims of a client of another forest are an
// error, and never claims and never an empty list.
func TestPAC_13_ClaimsOfAnotherForest(t *testing.T) {
	for name, x := range map[string]struct {
		forest []string
		counts bool
	}{"of another forest": {nil, false}, "of the own forest": {[]string{"PARTNER.EXAMPLE"}, true}} {
		s := newSite(t, policy(sspi.PACPolicy{DomainSIDs: map[string]pac.SID{"EXAMPLE.COM": domainSID}, ForestRealms: x.forest}))
		p := bertPAC()
		for _, sid := range []pac.SID{pac.AuthenticationAuthorityAsserted, pac.ClaimsValid, pac.CompoundedAuthentication} {
			p.Logon.ExtraSIDs = append(p.Logon.ExtraSIDs, pac.Group{SID: sid, Attributes: enabledGroup})
		}
		p.ClientClaims = []pac.Claim{{ID: "department", Source: 1, Type: pac.CLAIM_TYPE_STRING, Strings: []string{"finance"}}}
		p.DeviceClaims, p.Device = p.ClientClaims, &pac.DeviceInfo{SID: inDomain(p.Logon.DomainSID, "1500"), PrimaryGroup: inDomain(p.Logon.DomainSID, "515")}
		peer, err := s.account("bert@PARTNER.EXAMPLE", p)
		if err != nil {
			t.Fatal(err)
		}
		for kind, read := range map[string]func() ([]pac.Claim, error){"user": peer.AccessToken.UserClaims, "device": peer.AccessToken.DeviceClaims} {
			claims, err := read()
			if x.counts && (err != nil || len(claims) != 1) || !x.counts && (claims != nil || status.ReasonOf(err) != status.ReasonPACBad) {
				t.Errorf("claims of a %s %s: %v, %v", kind, name, claims, err)
			}
		}
	}
}

// TestPAC_13_DeviceOfAnotherDomain checks that a computer of another domain than its user's counts
// as one of another forest: a domain controller there chose its groups and its claims.
func TestPAC_13_DeviceOfAnotherDomain(t *testing.T) {
	s := newSite(t, policy(sspi.PACPolicy{DomainSIDs: map[string]pac.SID{"EXAMPLE.COM": domainSID}, ForestRealms: []string{"PARTNER.EXAMPLE"}}))
	third := pac.MustParseSID("S-1-5-21-31-32-33")
	claim := []pac.Claim{{ID: "rack", Source: 1, Type: pac.CLAIM_TYPE_STRING, Strings: []string{"7"}}}
	planted := pac.Group{SID: inDomain(domainSID, "512"), Attributes: enabledGroup}
	for name, x := range map[string]struct {
		client string
		user   *krbtest.PAC
		device pac.SID
		counts bool
	}{
		"of the own realm, for its user":       {"alice", alicePAC(), domainSID, true},
		"of a third domain, for an own user":   {"alice", alicePAC(), third, false},
		"of a sister realm, for its user":      {"bert@PARTNER.EXAMPLE", bertPAC(), partnerSID, true},
		"of a third domain, for a sister user": {"bert@PARTNER.EXAMPLE", bertPAC(), third, false},
	} {
		p := x.user
		for _, sid := range []pac.SID{pac.ClaimsValid, pac.CompoundedAuthentication} {
			p.Logon.ExtraSIDs = append(p.Logon.ExtraSIDs, pac.Group{SID: sid, Attributes: enabledGroup})
		}
		p.Logon.UserFlags |= pac.LOGON_EXTRA_SIDS
		p.DeviceClaims = claim
		p.Device = &pac.DeviceInfo{SID: inDomain(x.device, "1500"), PrimaryGroup: inDomain(x.device, "515"), ExtraSIDs: []pac.Group{planted}}
		peer, err := s.account(x.client, p)
		if err != nil {
			t.Fatal(err)
		}
		device, err := peer.AccessToken.Device()
		if err != nil || device.Grants(planted.SID) != x.counts {
			t.Errorf("%s: %v, %v", name, device, err)
		}
		claims, err := peer.AccessToken.DeviceClaims()
		if x.counts && (err != nil || len(claims) != 1) || !x.counts && (claims != nil || status.ReasonOf(err) != status.ReasonPACBad) {
			t.Errorf("claims of a computer %s: %v, %v", name, claims, err)
		}
	}
}

// TestPAC_13_DeviceOfAThirdForest checks that a domain controller of another forest cannot name a
// computer of a third domain for its client, and so satisfy a rule about the computers there.
func TestPAC_13_DeviceOfAThirdForest(t *testing.T) {
	third := pac.MustParseSID("S-1-5-21-31-32-33")
	s := newSite(t, policy(sspi.PACPolicy{DomainSIDs: map[string]pac.SID{"EXAMPLE.COM": domainSID, "THIRD.EXAMPLE": third}}))
	p, laptops := bertPAC(), inDomain(third, "2004")
	for _, sid := range []pac.SID{pac.ClaimsValid, pac.CompoundedAuthentication} {
		p.Logon.ExtraSIDs = append(p.Logon.ExtraSIDs, pac.Group{SID: sid, Attributes: enabledGroup})
	}
	p.Device = &pac.DeviceInfo{SID: inDomain(third, "1500"), PrimaryGroup: inDomain(third, "515"), Groups: []pac.Group{{SID: laptops, Attributes: enabledGroup}}}
	peer, err := s.account("bert@PARTNER.EXAMPLE", p)
	if err != nil {
		t.Fatal(err)
	}
	device, err := peer.AccessToken.Device()
	if status.ReasonOf(err) != status.ReasonPACBad || device.Grants(p.Device.SID) || device.Grants(laptops) || !device.Denies(laptops) {
		t.Errorf("%v in %v, %v", device.User(), device.Groups(), err)
	}
}

// TestPAC_13_ClaimsWithoutDevice checks that the claims of a computer that the PAC does not name,
// or names in a malformed buffer, are an error, and that a PAC without such claims has none.
func TestPAC_13_ClaimsWithoutDevice(t *testing.T) {
	s := newSite(t, policy(sspi.PACPolicy{DomainSIDs: map[string]pac.SID{"EXAMPLE.COM": domainSID}}))
	for name, x := range map[string]struct {
		edit func(*krbtest.PAC)
		want status.Reason
	}{
		"no computer":                       {func(p *krbtest.PAC) { p.Device = nil }, status.ReasonPACBad},
		"no claims":                         {func(p *krbtest.PAC) { p.DeviceClaims = nil }, status.ReasonNone},
		"no computer and no claims":         {func(p *krbtest.PAC) { p.Device, p.DeviceClaims = nil, nil }, status.ReasonNone},
		"a malformed computer":              {func(p *krbtest.PAC) { p.Edit = spoilt(krbtest.PACDeviceInfo) }, status.ReasonPACBad},
		"malformed claims":                  {func(p *krbtest.PAC) { p.Edit = spoilt(krbtest.PACDeviceClaims) }, status.ReasonPACBad},
		"a malformed computer and no claim": {func(p *krbtest.PAC) { p.DeviceClaims, p.Edit = nil, spoilt(krbtest.PACDeviceInfo) }, status.ReasonPACBad},
	} {
		p := alicePAC()
		for _, sid := range []pac.SID{pac.ClaimsValid, pac.CompoundedAuthentication} {
			p.Logon.ExtraSIDs = append(p.Logon.ExtraSIDs, pac.Group{SID: sid, Attributes: enabledGroup})
		}
		p.Logon.UserFlags |= pac.LOGON_EXTRA_SIDS
		p.DeviceClaims = []pac.Claim{{ID: "rack", Source: 1, Type: pac.CLAIM_TYPE_STRING, Strings: []string{"7"}}}
		p.Device = &pac.DeviceInfo{SID: inDomain(domainSID, "1500"), PrimaryGroup: inDomain(domainSID, "515")}
		x.edit(p)
		peer, err := s.account("alice", p)
		if err != nil {
			t.Fatal(err)
		}
		if claims, err := peer.AccessToken.DeviceClaims(); claims != nil || status.ReasonOf(err) != x.want {
			t.Errorf("%s: %v, %v", name, claims, err)
		}
	}
}

// spoilt cuts the buffers of a type.
func spoilt(kind uint32) func([]krbtest.PACBuffer) []krbtest.PACBuffer {
	return func(list []krbtest.PACBuffer) []krbtest.PACBuffer {
		for i := range list {
			if list[i].Type == kind {
				list[i].Data = list[i].Data[:len(list[i].Data)/2]
			}
		}
		return list
	}
}
