package ad

import (
	"slices"
	"testing"
)

// sameAsSamba compares the library's facts with Samba's verdict about the same token.
func sameAsSamba(t testing.TB, f *facts, v sambaVerdict) {
	t.Helper()
	if v.Error != "" {
		t.Fatalf("Samba's acceptor: %s", v.Error)
	}
	if f.account != v.Account || f.domain != v.Domain {
		t.Errorf("account %s\\%s, Samba has %s\\%s", f.domain, f.account, v.Domain, v.Account)
	}
	want := slices.DeleteFunc(slices.Clone(v.SIDs), assignedByMachine)
	got := slices.Clone(f.granted)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || len(f.filtered) > 0 {
		t.Errorf("granted %q and filtered %q, Samba grants %q", got, f.filtered, want)
	}
}

// has checks that the client is granted the groups, by name, of a forest, and lacks
// others.
func (f *facts) has(t testing.TB, of *forest, groups []string, lacks ...string) {
	t.Helper()
	for _, g := range groups {
		if !slices.Contains(f.granted, of.sids[g]) {
			t.Errorf("%s is not granted %s (%s): %q", f.account, g, of.sids[g], f.granted)
		}
	}
	for _, g := range lacks {
		if slices.Contains(f.granted, of.sids[g]) {
			t.Errorf("%s is granted %s (%s)", f.account, g, of.sids[g])
		}
	}
}

// TestAD_Groups: a user of the service's domain has its groups of every scope, directly and
// through other groups, whatever library and mechanism bring the ticket.
func TestAD_Groups(t *testing.T) {
	l := theLab(t, heimdal)
	t.Parallel()
	a, login := l.corp.acceptor(t, "web"), l.login(t, "alice")
	for _, library := range []string{mit, heimdal} {
		for _, mech := range []string{"krb5", "spnego"} {
			t.Run(library+","+mech, func(t *testing.T) {
				x := login.accepted(t, client{library, mech, "HTTP@localhost"}, a)
				f := x.facts(t, a)
				sameAsSamba(t, f, l.corp.sambaAccepts(t, "web", mech, x.token))
				if f.account != "alice" || f.sid != l.corp.sids["alice"] {
					t.Errorf("account %s, %s", f.account, f.sid)
				}
				f.has(t, l.corp, []string{"Domain Users", "staff", "engineers", "makers", "readers", "builders"}, "visitors", "labs")
			})
		}
	}
}
