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
// lists are in the order of the PAC. They may share memory with it: the caller must not modify
// them.
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
// of the groups, also of those that are for deny-only, are not enabled, or are filtered: a
// hostile domain controller can cause that a group is filtered. Denies of a nil Access and of an
// Access without account is true for every sid, because the groups of such a client are unknown.
func (a *Access) Denies(sid SID) bool {
	return a == nil || a.User.IsZero() || a.User == sid ||
		containsSID(a.Groups, sid) || containsSID(a.DenyOnly, sid) || containsSID(a.Filtered, sid)
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
// The error has ReasonPACBad, and the client must be refused: the account is not in the domain
// that LOGON_INFO names, or that SID is not the SID of a domain (S-1-5-21-X-Y-Z), or the client
// is not of the service's realm and LOGON_INFO claims an account of the service's own domain.
func (l *LogonInfo) Filter(origin Origin, domain SID) (*Access, error) {
	switch {
	case !hasAccounts(l.DomainSID) || l.UserSID.Domain() != l.DomainSID:
		return nil, bad("LOGON_INFO has the account " + l.UserSID.String() + ", which is not an account of a domain")
	case origin != OwnRealm && !domain.IsZero() && l.DomainSID == domain:
		return nil, bad("LOGON_INFO claims an account of the service's domain for a client of another realm")
	}
	f := filter{origin: origin, local: domain, client: l.DomainSID}
	f.groups, f.unflagged = l.Groups, [2][]Group{l.ExtraSIDs, l.ResourceGroups}
	if l.UserFlags&LOGON_EXTRA_SIDS != 0 {
		f.extraSIDs, f.unflagged[0] = l.ExtraSIDs, nil
	}
	if l.UserFlags&LOGON_RESOURCE_GROUPS != 0 {
		f.resourceGroups, f.unflagged[1] = l.ResourceGroups, nil
	}
	return f.run(l.UserSID, l.all), nil
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
	return f.run(d.SID, nil), nil
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

// run returns the Access of an account. all contains every group of f in the order of walk, or
// is nil; the Access shares its memory if every group grants, as is usual.
func (f *filter) run(account SID, all []Group) *Access {
	a := new(Access)
	if f.knows(account) {
		a.User = account
	} else {
		a.Filtered = append(a.Filtered, Group{account, 0})
	}
	if all != nil && f.walk(func(g *Group, authorised bool) bool { return authorised && g.Grants() }) {
		a.Groups = all[:len(all):len(all)]
		return a
	}
	a.Groups = make([]Group, 0, len(f.groups)+len(f.extraSIDs)+len(f.resourceGroups))
	f.walk(a.add)
	return a
}

// walk calls visit for each group with the answer whether the realm of the client has
// authority over it, until visit returns false.
func (f *filter) walk(visit func(g *Group, authorised bool) bool) bool {
	for i := range f.groups {
		if g := &f.groups[i]; !visit(g, f.knows(g.SID)) {
			return false
		}
	}
	planted := false
	for i := range f.extraSIDs {
		g := &f.extraSIDs[i]
		authorised := f.extra(g.SID)
		planted = planted || !authorised
		if !visit(g, authorised) {
			return false
		}
	}
	// The KDC expands the SIDs of a client into groups of its own domain, also SIDs that a
	// foreign KDC planted. A member cannot tell such groups from the others.
	expanded := f.origin == OtherForest && planted
	for i := range f.resourceGroups {
		g := &f.resourceGroups[i]
		if !visit(g, !expanded && f.resource(g.SID) || g.SID.Domain() == claimsDomain && f.extra(g.SID)) {
			return false
		}
	}
	for _, list := range f.unflagged {
		for i := range list {
			if !visit(&list[i], false) {
				return false
			}
		}
	}
	return true
}

// add sorts one group into the lists. It returns true.
func (a *Access) add(g *Group, authorised bool) bool {
	switch {
	case !authorised:
		a.Filtered = append(a.Filtered, *g)
	case !g.Grants():
		a.DenyOnly = append(a.DenyOnly, *g)
	default:
		a.Groups = append(a.Groups, *g)
	}
	return true
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

// resource reports whether a resource group counts: only the service's domain has
// domain-local groups that count here. A client of the service's own realm has the service's
// domain.
func (f *filter) resource(group SID) bool {
	if f.local.IsZero() {
		return f.origin == OwnRealm && group.Domain() == f.client
	}
	return group.Domain() == f.local
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
