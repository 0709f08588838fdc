package pac_test

import (
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/ticket/pac"
)

// TestPAC_13_Grants checks, for clients of each origin, which SIDs of LOGON_INFO grant. Each
// list of LOGON_INFO has a SID that differs from the others in its domain alone.
func TestPAC_13_Grants(t *testing.T) {
	const rid, one, two = "1500", "1501", "1502"
	denyOnly := func(s pac.SID) pac.Group {
		return pac.Group{SID: s, Attributes: enabled | pac.SE_GROUP_USE_FOR_DENY_ONLY}
	}
	claims := pac.ClaimsValid
	for name, row := range map[string]struct {
		user   pac.SID
		origin pac.Origin
		local  pac.SID
		change func(l *pac.LogonInfo)
		grants []pac.SID
		not    []pac.SID
	}{
		"own realm": {
			user: corp, origin: pac.OwnRealm, local: corp,
			grants: []pac.SID{sid(corp, rid), sid(corp, "1000"), sid(third, one)},
			not:    []pac.SID{{}, sid(third, rid), sid(corp, one), sid(partner, rid), sid(corp, two)},
		},
		"own realm, all flags": {
			user: corp, origin: pac.OwnRealm, local: corp, change: withResources(sid(corp, two)),
			grants: []pac.SID{sid(corp, rid), sid(third, one), sid(corp, two)},
			not:    []pac.SID{{}, sid(third, two), sid(third, rid)},
		},
		"own realm, of an unknown domain": {
			user: corp, origin: pac.OwnRealm, change: withResources(sid(corp, two)),
			grants: []pac.SID{sid(corp, rid), sid(third, one), sid(corp, two)},
		},
		"own realm, of an unknown domain, resources of another": {
			user: corp, origin: pac.OwnRealm, change: withResources(sid(third, two)),
			grants: []pac.SID{sid(corp, rid)}, not: []pac.SID{sid(third, two)},
		},
		"a group for deny-only": {
			user: corp, origin: pac.OwnRealm, local: corp,
			change: func(l *pac.LogonInfo) { l.Groups = append(l.Groups, denyOnly(sid(corp, two))) },
			grants: []pac.SID{sid(corp, rid)}, not: []pac.SID{sid(corp, two)},
		},
		"a group also for deny-only": {
			user: corp, origin: pac.OwnRealm, local: corp,
			change: func(l *pac.LogonInfo) { l.ExtraSIDs = append(l.ExtraSIDs, denyOnly(sid(corp, rid))) },
			grants: []pac.SID{sid(third, one)}, not: []pac.SID{sid(corp, rid)},
		},
		"an account also for deny-only": {
			user: corp, origin: pac.OwnRealm, local: corp,
			change: func(l *pac.LogonInfo) { l.ExtraSIDs = append(l.ExtraSIDs, denyOnly(sid(corp, "1000"))) },
			grants: []pac.SID{sid(corp, rid)}, not: []pac.SID{sid(corp, "1000")},
		},
		"extra SIDs that no flag announces": {
			user: corp, origin: pac.OwnRealm, local: corp,
			change: func(l *pac.LogonInfo) { l.UserFlags &^= pac.LOGON_EXTRA_SIDS },
			grants: []pac.SID{sid(corp, rid)}, not: []pac.SID{sid(third, one)},
		},
		"resource groups that no flag announces": {
			user: corp, origin: pac.OwnRealm, local: corp,
			change: func(l *pac.LogonInfo) {
				withResources(sid(corp, two))(l)
				l.UserFlags &^= pac.LOGON_RESOURCE_GROUPS
			},
			grants: []pac.SID{sid(corp, rid)}, not: []pac.SID{sid(corp, two)},
		},
		"own forest": {
			user: partner, origin: pac.OwnForest, local: corp,
			grants: []pac.SID{sid(partner, "1000"), sid(partner, rid), sid(third, one)},
			not:    []pac.SID{sid(corp, rid)},
		},
		"another forest": {
			user: partner, origin: pac.OtherForest, local: corp,
			grants: []pac.SID{sid(partner, "1000"), sid(partner, rid)},
			not:    []pac.SID{sid(third, one), sid(corp, rid)},
		},
		"own forest, unknown domain": {
			user: partner, origin: pac.OwnForest,
			change: func(l *pac.LogonInfo) { l.ExtraSIDs = append(l.ExtraSIDs, grants(claims)) },
			not:    []pac.SID{{}, sid(partner, "1000"), sid(partner, rid), sid(third, one), claims},
		},
		"another forest, unknown domain": {
			user: partner, origin: pac.OtherForest,
			change: func(l *pac.LogonInfo) { l.ExtraSIDs = append(l.ExtraSIDs, grants(claims)) },
			not:    []pac.SID{{}, sid(partner, "1000"), sid(partner, rid), sid(third, one), claims},
		},
	} {
		l := account(sid(row.user, "1000"))
		l.Groups = []pac.Group{grants(sid(row.user, rid))}
		l.ExtraSIDs = []pac.Group{grants(sid(third, one))}
		if row.change != nil {
			row.change(l)
		}
		p := minted(t, "mallory", &krbtest.PAC{Logon: l})
		decoded, err := p.LogonInfo()
		if err != nil {
			t.Fatal(err)
		}
		access, err := p.Access(row.origin, row.local)
		filtered, err2 := decoded.Filter(row.origin, row.local)
		if err != nil || err2 != nil {
			t.Fatalf("%s: %v, %v", name, err, err2)
		}
		for how, a := range map[string]*pac.Access{"Access": access, "Filter": filtered} {
			for _, s := range row.grants {
				if !a.Grants(s) || !a.Denies(s) {
					t.Errorf("%s, %s: %v: grants %v, denies %v", name, how, s, a.Grants(s), a.Denies(s))
				}
			}
			for _, s := range row.not {
				if a.Grants(s) {
					t.Errorf("%s, %s: %v is granted", name, how, s)
				}
			}
		}
	}
}

// withResources gives a LOGON_INFO a resource group.
func withResources(s pac.SID) func(*pac.LogonInfo) {
	return func(l *pac.LogonInfo) {
		l.UserFlags |= pac.LOGON_RESOURCE_GROUPS
		l.ResourceDomainSID, l.ResourceGroups = s.Domain(), []pac.Group{grants(s)}
	}
}

// TestPAC_13_DeviceOfTheService checks a client of another realm whose computer has an account
// of the service's domain.
func TestPAC_13_DeviceOfTheService(t *testing.T) {
	d := &pac.DeviceInfo{SID: sid(corp, "1000"), Groups: []pac.Group{grants(sid(corp, "512"))}}
	for _, origin := range []pac.Origin{pac.OtherForest, pac.OwnForest} {
		access, err := d.Filter(origin, corp)
		wantPACBad(t, "a computer", err, "claims a computer of the service's domain")
		if access != nil {
			t.Errorf("origin %d: %+v", origin, access)
		}
	}
	if access, err := d.Filter(pac.OwnRealm, corp); err != nil || !access.Grants(sid(corp, "512")) {
		t.Errorf("own realm: %v", err)
	}
}
