package pac_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
	"github.com/gosspi/kerberos/ticket/pac"
)

const (
	corpRealm    = "CORP.EXAMPLE"
	partnerRealm = "PARTNER.EXAMPLE"
	service      = "HTTP/www.corp.example@CORP.EXAMPLE"
	enabled      = pac.SE_GROUP_MANDATORY | pac.SE_GROUP_ENABLED_BY_DEFAULT | pac.SE_GROUP_ENABLED
)

var (
	corp    = pac.MustParseSID("S-1-5-21-1001-1002-1003")
	partner = pac.MustParseSID("S-1-5-21-2001-2002-2003")
)

// minted returns the verified PAC of a ticket for client, which a domain controller issued
// with the facts of p.
func minted(t testing.TB, client string, p *krbtest.PAC) *pac.PAC {
	t.Helper()
	r := krbtest.NewRealm(corpRealm)
	tkt := r.Ticket(client, service)
	tkt.PAC = p
	opened, err := ticket.Open(tkt.APReq().Bytes(), &ticket.Params{Keys: r.Service(service), Now: r.Now()})
	if err != nil {
		t.Fatal(err)
	}
	c := opened.Unproven()
	verified, err := pac.Verify(c.PAC, pac.Ticket{Key: c.ServiceKey, Client: c.Client, AuthTime: c.AuthTime})
	if err != nil {
		t.Fatal(err)
	}
	return verified
}

func sid(domain pac.SID, rid string) pac.SID { return pac.MustParseSID(domain.String() + "-" + rid) }

func grants(s pac.SID) pac.Group { return pac.Group{SID: s, Attributes: enabled} }

// account returns the LOGON_INFO of an account.
func account(user pac.SID) *pac.LogonInfo {
	domain := user.Domain()
	return &pac.LogonInfo{
		AccountName: "mallory", LogonDomain: "PARTNER", UserSID: user, DomainSID: domain,
		UserFlags: pac.LOGON_EXTRA_SIDS,
	}
}

// TestPAC_13_AccountOfNoDomain checks accounts that a hostile domain controller puts into a SID
// that is not that of a domain, so that the account or its groups become well-known SIDs, such
// as Administrators of BUILTIN. Every client is refused whose account is not of its domain.
func TestPAC_13_AccountOfNoDomain(t *testing.T) {
	in := func(domain string, user, grp string) *pac.LogonInfo {
		d := pac.MustParseSID(domain)
		l := account(sid(d, user))
		l.Groups = []pac.Group{grants(sid(d, grp))}
		return l
	}
	elsewhere := func(user string) *pac.LogonInfo { // with a user id of 0
		l := account(pac.MustParseSID(user))
		l.DomainSID = partner
		l.Groups = []pac.Group{grants(sid(partner, "513"))}
		return l
	}
	for name, l := range map[string]*pac.LogonInfo{
		"BUILTIN":                       in("S-1-5-32", "1000", "544"),
		"NT AUTHORITY":                  in("S-1-5", "1000", "18"),
		"World":                         in("S-1-1", "1000", "0"),
		"asserted identity":             in("S-1-18", "1000", "1"),
		"claims":                        in("S-1-5-21-0-0-0", "1000", "497"),
		"too short":                     in("S-1-5-21-1001-1002", "1000", "1003"),
		"too long":                      in("S-1-5-21-1001-1002-1003-512", "1000", "1"),
		"another authority":             in("S-1-22-21-1-2-3", "1000", "0"),
		"user Local System":             elsewhere("S-1-5-18"),
		"user Administrators":           elsewhere("S-1-5-32-544"),
		"user of the service's domain":  elsewhere("S-1-5-21-1001-1002-1003-500"),
		"user of a third domain":        elsewhere("S-1-5-21-3001-3002-3003-500"),
		"user without sub-authorities":  elsewhere("S-1-5"),
		"user with the SID of a domain": elsewhere("S-1-5-21-3001-3002-3003"),
	} {
		p := minted(t, "mallory@"+partnerRealm, &krbtest.PAC{Logon: l})
		decoded, err := p.LogonInfo()
		if err != nil || decoded.UserSID != l.UserSID {
			t.Fatalf("%s: %v, %v", name, decoded, err)
		}
		for _, origin := range []pac.Origin{pac.OtherForest, pac.OwnForest, pac.OwnRealm} {
			for _, domain := range []pac.SID{corp, {}} {
				access, err := decoded.Filter(origin, domain)
				if status.ReasonOf(err) != status.ReasonPACBad || access != nil {
					t.Errorf("%s: origin %d, domain %v: %+v, %v", name, origin, domain, access, err)
				}
				if access, err = p.Access(origin, domain); status.ReasonOf(err) != status.ReasonPACBad || access != nil {
					t.Errorf("%s: origin %d, domain %v: PAC.Access: %+v, %v", name, origin, domain, access, err)
				}
			}
		}
	}
	l := account(sid(partner, "1000"))
	access, err := l.Filter(pac.OtherForest, corp)
	if err != nil || access.User() != l.UserSID {
		t.Errorf("an ordinary account: %+v, %v", access, err)
	}
}

// TestPAC_13_DeviceOfNoDomain checks the same for the client's computer, which a client of the
// service's own realm may have brought from another forest.
func TestPAC_13_DeviceOfNoDomain(t *testing.T) {
	for domain, rid := range map[string]string{"S-1-5-32": "544", "S-1-5": "18", "S-1-5-21-0-0-0": "497"} {
		d := pac.MustParseSID(domain)
		p := minted(t, "alice", &krbtest.PAC{
			Logon:  account(sid(corp, "1000")),
			Device: &pac.DeviceInfo{SID: sid(d, "1000"), PrimaryGroup: sid(d, "515"), Groups: []pac.Group{grants(sid(d, rid))}},
		})
		info, err := p.DeviceInfo()
		if err != nil {
			t.Fatal(err)
		}
		for _, origin := range []pac.Origin{pac.OtherForest, pac.OwnForest, pac.OwnRealm} {
			if access, err := info.Filter(origin, corp); status.ReasonOf(err) != status.ReasonPACBad || !strings.Contains(err.Error(), domain) {
				t.Errorf("%s: origin %d: %+v, %v", domain, origin, access, err)
			}
		}
	}
}

// TestPAC_13_MachineAssigned checks that no realm, not even the service's own, gives a client
// the SIDs that the service's machine assigns.
func TestPAC_13_MachineAssigned(t *testing.T) {
	domainSIDs := []string{"S-1-5-9", "S-1-5-15", "S-1-5-65-1", "S-1-18-1", "S-1-18-2", "S-1-18-3", "S-1-5-21-0-0-0-497", "S-1-5-21-1001-1002-1003-1100", "S-1-5-21-9-9-9-1100"}
	machine := []string{
		"S-1-0-0", "S-1-1-0", "S-1-2-0", "S-1-3-0", "S-1-4-1", "S-1-5", "S-1-5-2", "S-1-5-5-0-1", "S-1-5-7", "S-1-5-11", "S-1-5-18", "S-1-5-19",
		"S-1-5-32-544", "S-1-5-32", "S-1-5-64-10", "S-1-5-80-1-2-3-4-5", "S-1-5-113", "S-1-5-114",
		"S-1-15-2-1", "S-1-16-12288", "S-1-16-16384", "S-1-22-1-0", "S-1-22-2-0", "S-1-0x100000005-32-544",
	}
	l := account(sid(corp, "1000"))
	for _, s := range append(machine, domainSIDs...) {
		l.ExtraSIDs = append(l.ExtraSIDs, grants(pac.MustParseSID(s)))
	}
	for _, domain := range []pac.SID{corp, {}} {
		access, err := l.Filter(pac.OwnRealm, domain)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range machine {
			if access.Grants(pac.MustParseSID(s)) {
				t.Errorf("%s is granted", s)
			}
		}
		for _, s := range domainSIDs {
			if !access.Grants(pac.MustParseSID(s)) {
				t.Errorf("%s is not granted", s)
			}
		}
	}
}

// TestPAC_13_DeniesFiltered checks a client of another forest that is a member of a group of
// the service's domain, to which a rule denies access. The domain controller of the client must
// not undo this rule by a planted SID, beside which no resource group grants.
func TestPAC_13_DeniesFiltered(t *testing.T) {
	banned := sid(corp, "1200")
	l := account(sid(partner, "1000"))
	l.UserFlags |= pac.LOGON_RESOURCE_GROUPS
	l.ResourceDomainSID, l.ResourceGroups = corp, []pac.Group{grants(banned)}
	for _, planted := range []bool{false, true} {
		if planted {
			l.ExtraSIDs = []pac.Group{grants(sid(corp, "512"))}
		}
		access, err := l.Filter(pac.OtherForest, corp)
		if err != nil || access.Grants(banned) == planted || !access.Denies(banned) {
			t.Errorf("planted %v: grants %v, denies %v, %v", planted, access.Grants(banned), access.Denies(banned), err)
		}
		if access.Denies(sid(corp, "1201")) {
			t.Errorf("planted %v: a group of which the client is no member denies", planted)
		}
	}
}

// TestPAC_11_DeviceGroups decodes as many SIDs of a computer as the limit permits in each list,
// and refuses one more in any list.
func TestPAC_11_DeviceGroups(t *testing.T) {
	many := func(domain pac.SID, n int) (list []pac.Group) {
		for i := range n {
			list = append(list, grants(sid(domain, strconv.Itoa(2000+i))))
		}
		return list
	}
	const limit = 4096
	for _, x := range [][3]int{
		{limit, 0, 0},
		{0, limit, 0},
		{0, 0, limit},
		{1365, 1365, 1366},
		{limit + 1, 0, 0},
		{0, limit + 1, 0},
		{0, 0, limit + 1},
		{1366, 1365, 1366},
		{limit, 0, 1},
		{limit, 1, 0},
		{0, limit, 1},
	} {
		p := minted(t, "alice", &krbtest.PAC{
			Logon: account(sid(corp, "1000")),
			Device: &pac.DeviceInfo{
				SID: sid(corp, "1100"), PrimaryGroup: sid(corp, "515"),
				Groups: many(corp, x[0]), ExtraSIDs: many(partner, x[1]), DomainGroups: many(corp, x[2]),
			},
		})
		info, err := p.DeviceInfo()
		if fits := x[0]+x[1]+x[2] <= limit; fits != (err == nil) || !fits && !strings.Contains(err.Error(), "more than 4096 SIDs") {
			t.Errorf("%v: %v", x, err)
		} else if fits && (len(info.Groups) != x[0] || len(info.ExtraSIDs) != x[1] || len(info.DomainGroups) != x[2]) {
			t.Errorf("%v: %d, %d and %d groups", x, len(info.Groups), len(info.ExtraSIDs), len(info.DomainGroups))
		}
	}
}
