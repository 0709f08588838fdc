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

// Access is the part of a LOGON_INFO or of a DEVICE_INFO that may decide about access. The
// lists are in the order of the PAC. An Access is immutable and safe for concurrent use. The
// nil Access grants nothing and denies everything.
type Access struct {
	user SID
	all  *logon // every group of it grants, as is usual; nil: the lists count

	groups, denyOnly, filtered []Group
}

// User returns the account, or the zero SID if the account must not count.
func (a *Access) User() SID {
	if a == nil {
		return SID{}
	}
	return a.user
}

// Groups returns the groups that grant: those of the account, and well-known SIDs. Each call
// makes a new list.
func (a *Access) Groups() []Group {
	switch {
	case a == nil:
		return nil
	case a.all != nil:
		l := a.all.expand()
		return slices.Concat(l.Groups, l.ExtraSIDs, l.ResourceGroups)
	}
	return slices.Clone(a.groups)
}

// DenyOnly returns the groups that are for deny-only or are not enabled. They never grant.
func (a *Access) DenyOnly() []Group {
	if a == nil {
		return nil
	}
	return slices.Clone(a.denyOnly)
}

// Filtered returns the SIDs that the realm of the client has no authority over. They never
// grant.
func (a *Access) Filtered() []Group {
	if a == nil {
		return nil
	}
	return slices.Clone(a.filtered)
}

// Grants reports whether sid is the account or one of the groups that grant. A SID that
// DenyOnly also lists does not grant.
func (a *Access) Grants(sid SID) bool {
	if a == nil || sid.IsZero() || containsSID(a.denyOnly, sid) {
		return false
	}
	return a.user == sid || a.all.contains(sid) || containsSID(a.groups, sid)
}

// Denies reports whether a rule that denies access to sid applies: sid is the account or one
// of the groups, also of those that are for deny-only, are not enabled, or are filtered: a
// hostile domain controller can cause that a group is filtered. Denies of a nil Access and of an
// Access without account is true for every sid, because the groups of such a client are unknown.
func (a *Access) Denies(sid SID) bool {
	return a == nil || a.user.IsZero() || a.user == sid || a.all.contains(sid) ||
		containsSID(a.groups, sid) || containsSID(a.denyOnly, sid) || containsSID(a.filtered, sid)
}

func containsSID(groups []Group, sid SID) bool {
	return slices.ContainsFunc(groups, func(g Group) bool { return g.SID == sid })
}

// contains reports whether sid is one of the groups of l.
func (l *logon) contains(sid SID) bool {
	return l != nil && (l.groups.contains(l.account.DomainSID, sid) || containsSID(l.extraSIDs, sid) || l.resourceGroups.contains(l.resourceDomainSID, sid))
}

// Filter decides which SIDs of l may grant access. It does the part of SID filtering that
// belongs to the member server ([MS-PAC], Section 4.1.2.2), and for clients of other
// forests also the part of the domain controller, because domain controllers exist that do
// not filter.
//
// domain is the SID of the service's domain, or the zero SID if it is unknown. While it is
// unknown, a client of another realm is granted no SID except the asserted identity.
//
// The error has ReasonPACBad, and the client must be refused: the account is not in the domain
// that LOGON_INFO names, or that SID is not the SID of a domain (S-1-5-21-X-Y-Z), or LOGON_INFO
// has an account of the service's domain for a client of another realm, or of another domain
// for a client of the service's realm.
func (l *LogonInfo) Filter(origin Origin, domain SID) (*Access, error) {
	if err := checkAccount(l.UserSID, l.DomainSID, origin, domain); err != nil {
		return nil, err
	}
	f := filter{origin: origin, local: domain, client: l.DomainSID}
	f.groups, f.unflagged = l.Groups, [2][]Group{l.ExtraSIDs, l.ResourceGroups}
	if l.UserFlags&LOGON_EXTRA_SIDS != 0 {
		f.extraSIDs, f.unflagged[0] = l.ExtraSIDs, nil
	}
	if l.UserFlags&LOGON_RESOURCE_GROUPS != 0 {
		f.resourceGroups, f.unflagged[1] = l.ResourceGroups, nil
	}
	return f.run(l.UserSID), nil
}

// Filter decides which SIDs of a client's computer may grant access, by the rules of
// [LogonInfo.Filter]. origin is that of the client. User is the SID of the computer's
// account. A computer of another domain than the service's counts as one of another forest,
// also if the client is of the service's realm: the computer's domain controller chose its
// SIDs.
func (d *DeviceInfo) Filter(origin Origin, domain SID) (*Access, error) {
	client := d.SID.Domain()
	switch {
	case !hasAccounts(client):
		return nil, bad("DEVICE_INFO has the computer " + d.SID.String() + ", which is not an account of a domain")
	case origin == OwnRealm && client != domain:
		origin = OtherForest
	case origin != OwnRealm && !domain.IsZero() && client == domain:
		return nil, bad("DEVICE_INFO claims a computer of the service's domain for a client of another realm")
	}
	f := filter{origin: origin, local: domain, client: client, groups: d.Groups, extraSIDs: d.ExtraSIDs, resourceGroups: d.DomainGroups}
	return f.run(d.SID), nil
}

// checkAccount refuses an account that is not of its domain, or not of the client's realm.
func checkAccount(user, of SID, origin Origin, domain SID) error {
	switch {
	case !hasAccounts(of) || user.Domain() != of:
		return bad("LOGON_INFO has the account " + user.String() + ", which is not an account of a domain")
	case origin != OwnRealm && !domain.IsZero() && of == domain:
		return bad("LOGON_INFO claims an account of the service's domain for a client of another realm")
	case origin == OwnRealm && !domain.IsZero() && of != domain:
		return bad("LOGON_INFO has an account of another domain for a client of the service's realm")
	}
	return nil
}

// hasAccounts reports whether domain is the SID of a domain that has accounts. A hostile domain
// controller could else make the client a member of BUILTIN or of another well-known SID: the
// relative identifiers of a PAC are numbers within any SID.
func hasAccounts(domain SID) bool { return domain.IsDomain() && domain != claimsDomain }

// filter is one call of Filter: where the client and its SIDs come from.
type filter struct {
	origin        Origin
	local, client SID // domains of the service and of the client

	groups, extraSIDs, resourceGroups []Group
	unflagged                         [2][]Group // lists that the user flags do not announce
}

// run returns the Access of an account.
func (f *filter) run(account SID) *Access {
	a := new(Access)
	if f.knows(account.Domain()) {
		a.user = account
	} else {
		a.filtered = append(a.filtered, Group{account, 0})
	}
	for _, g := range f.groups {
		a.add(g, f.knows(g.SID.Domain()))
	}
	planted := false
	for _, g := range f.extraSIDs {
		authorised := f.extra(g.SID)
		planted = planted || !authorised
		a.add(g, authorised)
	}
	// The KDC expands the SIDs of a client into groups of its own domain, also SIDs that a
	// foreign KDC planted. A member cannot tell such groups from the others.
	expanded := f.origin == OtherForest && planted
	for _, g := range f.resourceGroups {
		a.add(g, !expanded && f.resource(g.SID.Domain()) || g.SID.Domain() == claimsDomain && f.extra(g.SID))
	}
	for _, list := range f.unflagged {
		for _, g := range list {
			a.add(g, false)
		}
	}
	return a
}

// add sorts one group into the lists.
func (a *Access) add(g Group, authorised bool) {
	switch {
	case !authorised:
		a.filtered = append(a.filtered, g)
	case !g.Grants():
		a.denyOnly = append(a.denyOnly, g)
	default:
		a.groups = append(a.groups, g)
	}
}

// allGrant reports whether run would find that the account and every group of l count and
// grant, as is usual. It reports true only if run would find that; run decides the rest.
func (f *filter) allGrant(l *logon) bool {
	if !f.knows(l.account.DomainSID) || !l.groups.grants() || !l.resourceGroups.grants() {
		return false
	}
	flags := l.wire.flags
	if len(l.extraSIDs) > 0 && flags&LOGON_EXTRA_SIDS == 0 {
		return false
	}
	for _, g := range l.extraSIDs {
		if !g.Grants() || !f.extra(g.SID) {
			return false
		}
	}
	return l.resourceGroups.len() == 0 || flags&LOGON_RESOURCE_GROUPS != 0 && f.resource(l.resourceDomainSID)
}

// knows reports whether SIDs of a domain count: always for clients of the
// service's realm, else only if the service's domain is known, because only then the
// client's domain is known to differ from it.
func (f *filter) knows(domain SID) bool {
	return f.origin == OwnRealm || !f.local.IsZero() && domain != f.local
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

// resource reports whether resource groups of a domain count: only the service's domain has
// domain-local groups that count here. A client of the service's own realm has the service's
// domain.
func (f *filter) resource(domain SID) bool {
	if f.local.IsZero() {
		return f.origin == OwnRealm && domain == f.client
	}
	return domain == f.local
}

// machineAssigned reports whether only the machine of the service may assign sid ([MS-PAC],
// Section 4.1.2.2, AlwaysFilter): identities such as Everyone, Network, Local System and
// Authenticated Users, the aliases of BUILTIN, and SIDs of authorities that domain controllers
// do not use, such as integrity levels (16) and the Unix users of Samba (22).
func machineAssigned(sid SID) bool {
	switch sid.authority() {
	case 5:
		// SIDs of domains are S-1-5-21-...
		return sid.count() == 0 || sid.sub(0) != 21 && !slices.Contains(assignedByKDC[:], sid)
	case 18: // asserted identities
		return false
	}
	return true
}

// assignedByKDC are the SIDs of the authority 5 outside of domains that domain controllers
// put into a PAC: Enterprise Domain Controllers, This Organization, Other Organization, and
// This Organization Certificate.
var assignedByKDC = [...]SID{
	MustParseSID("S-1-5-9"), MustParseSID("S-1-5-15"), MustParseSID("S-1-5-1000"), MustParseSID("S-1-5-65-1"),
}
