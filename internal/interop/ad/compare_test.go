package ad

import (
	"slices"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/ticket/pac"
)

// sameAsSamba gives the client's token to Samba's acceptor too, and compares the account and
// the SIDs that both grant.
func (x *exchange) sameAsSamba(t testing.TB, c initiator, a *acceptor) {
	t.Helper()
	verdict := a.forest.sambaAccepts(t, a.service, c.mech, x.token)
	if verdict.Error != "" {
		t.Fatalf("Samba's acceptor: %s", verdict.Error)
	}
	if x.peer.Account == nil {
		t.Fatalf("no account (%v), Samba has %s\\%s", x.peer.AccessToken.Err(), verdict.Domain, verdict.Account)
	}
	if got, want := x.peer.Account.String(), verdict.Domain+`\`+verdict.Account; got != want {
		t.Errorf("the account is %s, Samba has %s", got, want)
	}
	want := slices.DeleteFunc(verdict.SIDs, assignedByMachine)
	slices.Sort(want)
	if got := granted(t, x.peer); !slices.Equal(got, want) {
		t.Errorf("granted %q, Samba grants %q", got, want)
	}
	if filtered := x.peer.AccessToken.Filtered(); len(filtered) > 0 {
		t.Errorf("filtered %v", filtered)
	}
}

// granted returns the SIDs that grant, sorted.
func granted(t testing.TB, p *sspi.Peer) []string {
	t.Helper()
	groups, err := p.AccessToken.Groups()
	if err != nil {
		t.Fatal(err)
	}
	sids := []string{p.AccessToken.User().String()}
	for _, g := range groups {
		sids = append(sids, g.SID.String())
	}
	slices.Sort(sids)
	return sids
}

// grants checks that the client is granted some groups of a forest, by their names.
func (x *exchange) grants(t testing.TB, f *forest, groups ...string) {
	t.Helper()
	for _, g := range groups {
		if !x.peer.AccessToken.Grants(f.sidOf(t, g)) {
			t.Errorf("%s lacks %s (%s): %q", x.peer.Account, g, f.sidOf(t, g), granted(t, x.peer))
		}
	}
}

// lacks checks that the client is not granted some groups of a forest.
func (x *exchange) lacks(t testing.TB, f *forest, groups ...string) {
	t.Helper()
	for _, g := range groups {
		if x.peer.AccessToken.Grants(f.sidOf(t, g)) {
			t.Errorf("%s is granted %s (%s)", x.peer.Account, g, f.sidOf(t, g))
		}
	}
}

// sameSIDs reports whether two lists have the same SIDs, in any order.
func sameSIDs(a, b []pac.SID) bool {
	compare := func(x, y pac.SID) int { return strings.Compare(x.String(), y.String()) }
	return slices.Equal(slices.SortedFunc(slices.Values(a), compare), slices.SortedFunc(slices.Values(b), compare))
}
