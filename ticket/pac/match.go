package pac

import (
	"errors"
	"slices"
)

// SIDSet is a list of at most 64 SIDs that [Access.Match] looks for in one pass over the groups
// of a client. It is immutable and safe for concurrent use.
type SIDSet struct {
	sids   []SID
	rids   []uint32                  // of sids
	filter [1 << ridBits / 64]uint64 // a bit for the lowest bits of each RID
}

const (
	maxSIDSet = 64
	ridBits   = 12
)

// NewSIDSet returns a SIDSet of up to 64 SIDs. The zero SID cannot be in it.
func NewSIDSet(sids ...SID) (*SIDSet, error) {
	if len(sids) > maxSIDSet {
		return nil, errors.New("pac: a SIDSet has at most 64 SIDs")
	}
	s := &SIDSet{sids: slices.Clone(sids)}
	for _, sid := range sids {
		if sid.IsZero() {
			return nil, errors.New("pac: the zero SID cannot be in a SIDSet")
		}
		rid := sid.RID()
		s.rids = append(s.rids, rid)
		s.filter[rid%(1<<ridBits)/64] |= 1 << (rid % 64)
	}
	return s, nil
}

// Match returns the results of Grants and Denies for all SIDs of s: bit i of grants and of
// denies is that of the SID i. It takes little longer than one Grants, and does not allocate.
func (a *Access) Match(s *SIDSet) (grants, denies uint64) {
	if s == nil {
		return 0, 0
	}
	all := s.mask()
	if a == nil {
		return 0, all
	}
	if l := a.all; l != nil {
		grants = s.inArray(l.groups, l.account.DomainSID) | s.in(l.extraSIDs) | s.inArray(l.resourceGroups, l.resourceDomainSID)
	}
	grants |= s.in(a.groups)
	if a.user.IsZero() {
		denies = all
	} else {
		grants |= s.one(a.user)
	}
	denyOnly := s.in(a.denyOnly)
	return grants &^ denyOnly, denies | grants | denyOnly | s.in(a.filtered)
}

// mask returns the bits of all SIDs.
func (s *SIDSet) mask() uint64 {
	return 1<<len(s.sids) - 1 // all bits for 64 SIDs: a shift by 64 gives 0
}

// mayHave reports false only if no SID of s has the RID.
func (s *SIDSet) mayHave(rid uint32) bool {
	return s.filter[rid%(1<<ridBits)/64]>>(rid%64)&1 != 0
}

// one returns the bits of the SIDs that equal sid.
func (s *SIDSet) one(sid SID) (found uint64) {
	rid := sid.RID()
	if !s.mayHave(rid) {
		return 0
	}
	for i := range s.rids {
		if s.rids[i] == rid && s.sids[i] == sid {
			found |= 1 << i
		}
	}
	return found
}

// in returns the bits of the SIDs that groups contains.
func (s *SIDSet) in(groups []Group) (found uint64) {
	for i := range groups {
		found |= s.one(groups[i].SID)
	}
	return found
}

// inArray returns the bits of the SIDs that an array of GROUP_MEMBERSHIP of a domain contains.
func (s *SIDSet) inArray(a array, domain SID) (found uint64) {
	for b := a.elements; len(b) >= 8; b = b[8:] {
		rid := le32(b)
		if !s.mayHave(rid) {
			continue
		}
		for i := range s.rids {
			if s.rids[i] == rid && s.sids[i].Domain() == domain {
				found |= 1 << i
			}
		}
	}
	return found
}
