package pac_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// domains are the SIDs of the domains of testdata/ad422, by realm.
var domains = map[string]pac.SID{
	"A22.EXAMPLE.TEST": pac.MustParseSID("S-1-5-21-4220000001-4220000002-4220000003"),
	"B22.EXAMPLE.TEST": pac.MustParseSID("S-1-5-21-2468013579-1357924680-987654321"),
}

// machineSIDs are SIDs that Samba's acceptor adds itself.
func machineSID(s string) bool {
	return slices.Contains([]string{"S-1-1-0", "S-1-5-2", "S-1-5-11"}, s) || strings.HasPrefix(s, "S-1-5-32-")
}

// refusedByFilter lists the cases that Filter refuses.
var refusedByFilter = map[string]string{
	"edited-foreign-crealm":      "the client's realm has no authority over the service's domain",
	"edited-transited-checked":   "the client's realm has no authority over the service's domain",
	"edited-transited-unchecked": "the client's realm has no authority over the service's domain",
	"trust-filter-domain":        "the client's realm has no authority over the service's domain",
}

// notGranted lists the SIDs that Samba grants and that must not be granted.
var notGranted = map[string]struct {
	reason string
	sids   []string
}{
	"extrasids-odd":     {"a deny-only SID never grants", []string{"S-1-5-21-9-8-7-500"}},
	"edited-resforeign": {"resource groups of a domain that is not the service's", []string{"S-1-5-21-111-222-333-1200", "S-1-5-21-111-222-333-1201"}},
	"trust-filter-admins": {"a planted SID, and the resource groups beside it, into which the KDC may have expanded it", []string{
		"S-1-5-21-4220000001-4220000002-4220000003-512", "S-1-5-21-4220000001-4220000002-4220000003-1468",
		"S-1-5-21-4220000001-4220000002-4220000003-1469", "S-1-5-21-4220000001-4220000002-4220000003-1470",
		"S-1-5-21-4220000001-4220000002-4220000003-572",
	}},
}

// TestPAC_13_GrantedSIDs compares the granted SIDs with those of Samba's acceptor.
func TestPAC_13_GrantedSIDs(t *testing.T) {
	compared := 0
	cases := ad422(t)
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
		origin := pac.OtherForest
		if content.Client.Realm() == content.Service.Realm() {
			origin = pac.OwnRealm
		}
		access, err := p.Access(origin, domains[content.Service.Realm()])
		if reason, refused := refusedByFilter[name]; refused || err != nil {
			if !refused || status.ReasonOf(err) != status.ReasonPACBad {
				t.Errorf("%s: %v, want a refusal: %v (%s)", name, err, refused, reason)
			}
			continue
		}
		if want.Token == nil {
			continue // no gensec.txt
		}
		var expected []string
		for _, s := range want.Token {
			if !machineSID(s) && !slices.Contains(notGranted[name].sids, s) {
				expected = append(expected, s)
			}
		}
		got := []string{access.User().String()}
		for _, g := range access.Groups() {
			got = append(got, g.SID.String())
		}
		slices.Sort(got)
		slices.Sort(expected)
		if !slices.Equal(slices.Compact(got), slices.Compact(expected)) {
			extra := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return slices.Contains(expected, s) })
			missing := slices.DeleteFunc(slices.Clone(expected), func(s string) bool { return slices.Contains(got, s) })
			t.Errorf("%s: granted and not by Samba %v, by Samba and not granted %v; denied %v, filtered %v", name, extra, missing, access.DenyOnly(), access.Filtered())
		}
		compared++
	}
	if compared != 55 {
		t.Errorf("%d cases compared, want 55", compared)
	}
}

// TestPAC_13_OwnRealmOtherDomain refuses an account of another domain for a client of the
// service's realm, and for no other reason: without a known domain the account counts.
func TestPAC_13_OwnRealmOtherDomain(t *testing.T) {
	content, fits := captured(t, "plain-krb5")
	p, err := pac.Verify(content.PAC, fits)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Access(pac.OwnRealm, domains["B22.EXAMPLE.TEST"]); status.ReasonOf(err) != status.ReasonPACBad {
		t.Errorf("another domain: %v", err)
	}
	for _, domain := range []pac.SID{{}, domains["A22.EXAMPLE.TEST"]} {
		if access, err := p.Access(pac.OwnRealm, domain); err != nil || access.User().IsZero() {
			t.Errorf("the domain %q: %v", domain, err)
		}
	}
}
