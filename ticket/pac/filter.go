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

// Access is the part of a LogonInfo that may decide about access. The lists are in the
// order of the LogonInfo and share no memory with it.
type Access struct {
	// Granted are the SIDs that grant: the account, its groups, and well-known SIDs.
	Granted []SID
	// Denied are groups that are for deny-only or are not enabled. They never grant.
	Denied []Group
	// Filtered are SIDs that the realm of the client has no authority over. They never
	// grant.
	Filtered []Group
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
	if origin != OwnRealm && !domain.IsZero() && l.DomainSID == domain {
		return nil, bad("LOGON_INFO claims an account of the service's domain for a client of another realm")
	}
	f := filter{origin: origin, local: domain, client: l.DomainSID}
	if f.knows(l.UserSID) {
		f.access.Granted = append(f.access.Granted, l.UserSID)
	} else {
		f.access.Filtered = append(f.access.Filtered, Group{l.UserSID, 0})
	}
	for _, g := range l.Groups {
		f.add(g, f.knows(g.SID))
	}
	planted := len(f.access.Filtered)
	for _, g := range l.ExtraSIDs {
		f.add(g, l.UserFlags&LOGON_EXTRA_SIDS != 0 && f.extra(g.SID))
	}
	// The KDC expands the SIDs of a client into groups of its own domain, also SIDs that a
	// foreign KDC planted. A member cannot tell such groups from the others.
	expanded := origin == OtherForest && len(f.access.Filtered) > planted
	for _, g := range l.ResourceGroups {
		f.add(g, l.UserFlags&LOGON_RESOURCE_GROUPS != 0 && !expanded && f.resource(l.ResourceDomainSID))
	}
	return &f.access, nil
}

// filter is the state of one call of Filter.
type filter struct {
	origin        Origin
	local, client SID // domains of the service and of the client
	access        Access
}

// add sorts one group into the lists.
func (f *filter) add(g Group, authorised bool) {
	switch {
	case !authorised:
		f.access.Filtered = append(f.access.Filtered, g)
	case !g.Grants():
		f.access.Denied = append(f.access.Denied, g)
	default:
		f.access.Granted = append(f.access.Granted, g.SID)
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
		return sid.Domain().isDomain()
	}
	return sid.Domain().isDomain() && sid.Domain() == f.client
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
