package pac_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/gosspi/kerberos/ticket/pac"
)

// agrees compares Match with Grants and Denies for sids, of any number.
func agrees(t testing.TB, name string, a *pac.Access, sids []pac.SID) {
	t.Helper()
	for part := range slices.Chunk(sids, 64) {
		set, err := pac.NewSIDSet(part...)
		if err != nil {
			t.Fatal(err)
		}
		grants, denies := a.Match(set)
		for i, s := range part {
			if g, d := grants>>i&1 == 1, denies>>i&1 == 1; g != a.Grants(s) || d != a.Denies(s) {
				t.Errorf("%s: Match of %v is %v, %v; Grants %v, Denies %v", name, s, g, d, a.Grants(s), a.Denies(s))
			}
		}
		if high := ^uint64(0) << len(part) * min(1, 64-uint64(len(part))); (grants|denies)&high != 0 {
			t.Errorf("%s: bits of no SID: %x, %x", name, grants, denies)
		}
	}
}

// TestRULE_1_Match compares Match with Grants and Denies in all captured PACs, for the SIDs of
// all of them.
func TestRULE_1_Match(t *testing.T) {
	cases := ad422(t)
	var accesses []*pac.Access
	seen := make(map[pac.SID]bool)
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		want := cases[name]
		if !want.PAC || want.AccountName == nil || refusedByVerify[name] != "" {
			continue
		}
		content := openTicket(t, name, want.Keytab, time.Unix(want.Time, 0))
		p, err := pac.Verify(content.PAC, pac.Ticket{Key: content.ServiceKey, Client: content.Client, AuthTime: content.AuthTime})
		if err != nil {
			t.Fatal(err)
		}
		for _, origin := range []pac.Origin{pac.OtherForest, pac.OwnForest, pac.OwnRealm} {
			for _, domain := range []pac.SID{{}, domains[content.Service.Realm()]} {
				a, err := p.Access(origin, domain)
				if err != nil {
					continue
				}
				accesses = append(accesses, a)
				for _, g := range slices.Concat(a.Groups(), a.DenyOnly(), a.Filtered()) {
					seen[g.SID] = true
				}
				if !a.User().IsZero() {
					seen[a.User()] = true
				}
			}
		}
	}
	sids := slices.SortedFunc(maps.Keys(seen), func(a, b pac.SID) int { return int(a.RID()) - int(b.RID()) })
	if len(sids) < 100 || len(accesses) < 100 {
		t.Fatalf("%d SIDs, %d PACs", len(sids), len(accesses))
	}
	// SIDs with the RID of another, and the shortest.
	sids = append(sids, sid(corp, "513"), sid(partner, "513"), sid(corp, "1537"), pac.MustParseSID("S-1-5"), pac.MustParseSID("S-1-5-0"))
	for i, a := range append(accesses, nil, new(pac.Access)) {
		agrees(t, fmt.Sprint(i), a, sids)
	}
}

// TestRULE_1_SIDSet checks the limits of a SIDSet.
func TestRULE_1_SIDSet(t *testing.T) {
	if _, err := pac.NewSIDSet(sid(corp, "513"), pac.SID{}); err == nil {
		t.Error("the zero SID is in a SIDSet")
	}
	if _, err := pac.NewSIDSet(slices.Repeat([]pac.SID{sid(corp, "513")}, 65)...); err == nil {
		t.Error("65 SIDs are in a SIDSet")
	}
	if g, d := (*pac.Access)(nil).Match(nil); g != 0 || d != 0 {
		t.Errorf("a nil SIDSet matches: %x, %x", g, d)
	}
}
