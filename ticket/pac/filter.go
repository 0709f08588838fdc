package pac

import "slices"

// An Origin is the place of a client's realm, as the service sees it ([MS-PAC], Section
// 4.1.2.2). The zero Origin is OtherForest, which filters most.
type Origin uint8

// Origins of clients.
const (
	OtherForest Origin = iota // a realm of a trusted forest or an external domain
	OwnForest                 // another realm of the service's forest
	OwnRealm                  // the realm of the service
)

// Access is the part of a LogonInfo or of a DeviceInfo that may decide about access. The
// lists are in the order of the PAC and share no memory with it.
type Access struct {
	// User is the account, or the zero SID if the account must not count.
	User SID
	// Groups grant: the groups of the account, and well-known SIDs.
	Groups []Group
	// DenyOnly are groups that are for deny-only or are not enabled. They never grant.
	DenyOnly []Group
	// Filtered are SIDs that the realm of the client has no authority over. They never
	// grant.
	Filtered []Group
}

// Grants reports whether sid is the account or one of the groups that grant. A SID that
// DenyOnly also lists does not grant.
func (a *Access) Grants(sid SID) bool {
	if a == nil || sid.IsZero() || containsSID(a.DenyOnly, sid) {
		return false
	}
	return a.User == sid || containsSID(a.Groups, sid)
}

// Denies reports whether a rule that denies access to sid applies: sid is the account or one
// of the groups, also of those that are for deny-only or are not enabled. Denies of a nil
// Access and of an Access without account is true for every sid: nobody knows the groups of
// such a client.
func (a *Access) Denies(sid SID) bool {
	return a == nil || a.User.IsZero() || a.User == sid || containsSID(a.Groups, sid) || containsSID(a.DenyOnly, sid)
}

func containsSID(groups []Group, sid SID) bool {
	return slices.ContainsFunc(groups, func(g Group) bool { return g.SID == sid })
}

// Filter decides which SIDs of l may grant access. It does the part of SID filtering that
// belongs to the member server ([MS-PAC], Section 4.1.2.2), and for clients of other
// forests also the part of the domain controller, because domain controllers exist that do
// not filter.
//
// domain is the SID of the service's domain, or the zero SID if it is unknown. While it is
// unknown, a client of another realm is granted no SID except the asserted identity.
//
// The error has ReasonPACBad: the client is not of the service's realm, and its LOGON_INFO
// claims an account of the service's own domain. Such a client must be refused.
func (l *LogonInfo) Filter(origin Origin, domain SID) (*Access, error) {
	access := new(Access)
	if err := access.Filter(l, origin, domain); err != nil {
		return nil, err
	}
	return access, nil
}

// Filter sets a to the result of [LogonInfo.Filter], for callers that keep an Access in
// memory of their own.
func (a *Access) Filter(l *LogonInfo, origin Origin, domain SID) error {
	if origin != OwnRealm && !domain.IsZero() && l.DomainSID == domain {
		return bad("LOGON_INFO claims an account of the service's domain for a client of another realm")
	}
	n := len(l.Groups) + len(l.ExtraSIDs) + len(l.ResourceGroups)
	*a = Access{Groups: make([]Group, 0, n)}
	f := filter{origin: origin, local: domain, client: l.DomainSID, access: a}
	f.account(l.UserSID)
	for _, g := range l.Groups {
		f.add(g, f.knows(g.SID))
	}
	planted := len(a.Filtered)
	for _, g := range l.ExtraSIDs {
		f.add(g, l.UserFlags&LOGON_EXTRA_SIDS != 0 && f.extra(g.SID))
	}
	// The KDC expands the SIDs of a client into groups of its own domain, also SIDs that a
	// foreign KDC planted. A member cannot tell such groups from the others.
	expanded := origin == OtherForest && len(a.Filtered) > planted
	for _, g := range l.ResourceGroups {
		f.add(g, l.UserFlags&LOGON_RESOURCE_GROUPS != 0 && !expanded && f.resource(l.ResourceDomainSID))
	}
	return nil
}

// Filter decides which SIDs of a client's computer may grant access, by the rules of
// [LogonInfo.Filter]. origin is that of the client. User is the SID of the computer's
// account. A computer of another domain than the service's counts as one of another forest,
// also if the client is of the service's realm: the computer's domain controller chose its
// SIDs.
func (d *DeviceInfo) Filter(origin Origin, domain SID) (*Access, error) {
	client := d.SID.Domain()
	switch {
	case origin == OwnRealm && client != domain:
		origin = OtherForest
	case origin != OwnRealm && !domain.IsZero() && client == domain:
		return nil, bad("DEVICE_INFO claims a computer of the service's domain for a client of another realm")
	}
	access := new(Access)
	f := filter{origin: origin, local: domain, client: client, access: access}
	f.account(d.SID)
	for _, g := range d.Groups {
		f.add(g, f.knows(g.SID))
	}
	planted := len(access.Filtered)
	for _, g := range d.ExtraSIDs {
		f.add(g, f.extra(g.SID))
	}
	expanded := origin == OtherForest && len(access.Filtered) > planted
	for _, g := range d.DomainGroups {
		of := g.SID.Domain()
		f.add(g, of == claimsDomain && f.extra(g.SID) || !expanded && f.resource(of))
	}
	return access, nil
}

// filter is the state of one call of Filter.
type filter struct {
	origin        Origin
	local, client SID // domains of the service and of the client
	access        *Access
}

// account stores the SID of the account.
func (f *filter) account(sid SID) {
	if f.knows(sid) {
		f.access.User = sid
	} else {
		f.access.Filtered = append(f.access.Filtered, Group{sid, 0})
	}
}

// add sorts one group into the lists.
func (f *filter) add(g Group, authorised bool) {
	switch {
	case !authorised:
		f.access.Filtered = append(f.access.Filtered, g)
	case !g.Grants():
		f.access.DenyOnly = append(f.access.DenyOnly, g)
	default:
		f.access.Groups = append(f.access.Groups, g)
	}
}

// knows reports whether SIDs of the client's domain count: always for clients of the
// service's realm, else only if the service's domain is known, because only then the
// client's domain is known to differ from it.
func (f *filter) knows(sid SID) bool {
	return f.origin == OwnRealm || !f.local.IsZero() && sid.Domain() != f.local
}

// extra reports whether a SID of ExtraSids counts.
func (f *filter) extra(sid SID) bool {
	switch {
	case sid == AuthenticationAuthorityAsserted || sid == ServiceAsserted:
		return true
	case machineAssigned(sid):
		return false
	case f.origin == OwnRealm:
		return true
	case f.local.IsZero():
		return false
	case sid.Domain() == claimsDomain:
		return true
	case f.origin == OwnForest:
		// Universal groups of the service's domain may contain accounts of the forest.
		return sid.Domain().IsDomain()
	}
	return sid.Domain().IsDomain() && sid.Domain() == f.client
}

// resource reports whether resource groups of a domain count: only the service's domain
// has domain-local groups that count here.
func (f *filter) resource(domain SID) bool {
	if f.local.IsZero() {
		// A client of the service's own realm has the service's domain.
		return f.origin == OwnRealm && domain == f.client
	}
	return domain == f.local
}

// machineAssigned reports whether only the machine of the service may assign sid ([MS-PAC],
// Section 4.1.2.2, AlwaysFilter): identities such as Everyone, Network, Local System and
// Authenticated Users, and the aliases of BUILTIN.
func machineAssigned(sid SID) bool {
	authority := sid.authority
	switch authority {
	case [6]byte{5: 0}, [6]byte{5: 1}, [6]byte{5: 2}, [6]byte{5: 3}:
		return true
	case [6]byte{5: 5}:
		// SIDs of domains are S-1-5-21-...
		return sid.n == 0 || sid.sub[0] != 21 && !slices.Contains(assignedByKDC[:], sid)
	}
	return false
}

// assignedByKDC are the SIDs of the authority 5 outside of domains that domain controllers
// put into a PAC: Enterprise Domain Controllers, This Organization, Other Organization, and
// This Organization Certificate.
var assignedByKDC = [...]SID{
	MustParseSID("S-1-5-9"), MustParseSID("S-1-5-15"), MustParseSID("S-1-5-1000"), MustParseSID("S-1-5-65-1"),
}
