package sspi_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// adExpected is a case of testdata/ad422/expect.json: the account that Samba's NDR decoder
// finds, and the SIDs that Samba's acceptor grants.
type adExpected struct {
	Keytab      string
	Time        int64
	PAC         bool     `json:"pac"`
	Account     string   `json:"account_name"`
	FullName    *string  `json:"full_name"`
	Domain      string   `json:"logon_domain"`
	UserSID     pac.SID  `json:"user_sid"`
	Primary     pac.SID  `json:"primary_group_sid"`
	UPN         string   `json:"upn"`
	DNSDomain   string   `json:"dns_domain"`
	Constructed *bool    `json:"upn_constructed"`
	Token       []string `json:"samba_token_sids"`
}

// adServices are the SIDs of the two domains of testdata/ad422.
var adServices = map[string]pac.SID{
	"A22.EXAMPLE.TEST": pac.MustParseSID("S-1-5-21-4220000001-4220000002-4220000003"),
	"B22.EXAMPLE.TEST": pac.MustParseSID("S-1-5-21-2468013579-1357924680-987654321"),
}

// adRefused lists the cases that the acceptor refuses, with the Reason and a part of the text.
var adRefused = map[string]struct {
	reason status.Reason
	text   string
}{
	"edited-noclient":            {status.ReasonPACBad, "no CLIENT_INFO"},
	"edited-ridmismatch":         {status.ReasonPACBad, "different SIDs of the account"},
	"edited-namemismatch":        {status.ReasonPACBad, "different names of the account"},
	"edited-foreign-crealm":      {status.ReasonPACBad, "claims an account of the service's domain"},
	"edited-transited-checked":   {status.ReasonPACBad, "claims an account of the service's domain"},
	"edited-transited-unchecked": {status.ReasonTransited, ""},
	"trust-filter-domain":        {status.ReasonPACBad, "different SIDs of the account"},
}

// adNotGranted lists the SIDs that Samba's acceptor grants and this library does not.
var adNotGranted = map[string][]string{
	"extrasids-odd":     {"S-1-5-21-9-8-7-500"},                                     // deny-only
	"edited-resforeign": {"S-1-5-21-111-222-333-1200", "S-1-5-21-111-222-333-1201"}, // of a domain that is not the service's
	// A planted SID, and the resource groups beside it, into which the KDC may have expanded it.
	"trust-filter-admins": {
		"S-1-5-21-4220000001-4220000002-4220000003-512", "S-1-5-21-4220000001-4220000002-4220000003-1468",
		"S-1-5-21-4220000001-4220000002-4220000003-1469", "S-1-5-21-4220000001-4220000002-4220000003-1470",
		"S-1-5-21-4220000001-4220000002-4220000003-572",
	},
}

func adCases(t testing.TB) map[string]adExpected {
	t.Helper()
	return vectors.AD422[adExpected](t)
}

// adAccept gives the captured token of a case to a new acceptor that also permits RC4.
func adAccept(t testing.TB, name string, want adExpected, policy sspi.PACPolicy) (*sspi.Context, error) {
	t.Helper()
	return adAcceptOf(t, name, want, policy, append(sspi.DefaultETypes(), keytab.RC4_HMAC))
}

// adAcceptOf is adAccept for an acceptor that permits the encryption types.
func adAcceptOf(t testing.TB, name string, want adExpected, policy sspi.PACPolicy, etypes []keytab.EType) (*sspi.Context, error) {
	t.Helper()
	keys, err := keytab.Parse(vectors.AD422Keytab(t, want.Keytab))
	if err != nil {
		t.Fatal(err)
	}
	a, err := sspi.NewAcceptor(sspi.Config{
		Keys: keys, PAC: policy, ETypes: etypes,
		Time:   func() time.Time { return time.Unix(want.Time, 0) },
		Replay: authenticator.NewMemoryCache(0, authenticator.AcceptOlder),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := a.NewContext(sspi.ContextConfig{})
	_, _, err = c.Accept(context.Background(), vectors.AD422Token(t, name))
	if errors.Is(err, sspi.ErrContinue) { // DCE style: the third leg is not captured
		err = nil
	}
	return c, err
}

// TestPAC_7_Accounts gives every captured token to an acceptor that knows the domains, and
// compares account and SIDs with those of Samba.
func TestPAC_7_Accounts(t *testing.T) {
	cases := adCases(t)
	accounts, compared, refused := 0, 0, 0
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		want := cases[name]
		c, err := adAccept(t, name, want, sspi.PACPolicy{DomainSIDs: adServices})
		if r, ok := adRefused[name]; ok {
			refused++
			if status.ReasonOf(err) != r.reason || !strings.Contains(err.Error(), r.text) {
				t.Errorf("%s: %v, want %v %q", name, err, r.reason, r.text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		peer := c.Peer()
		if peer == nil { // DCE style
			continue
		}
		if (peer.AccessToken != nil) != want.PAC || (peer.Account != nil) != (want.Account != "") {
			t.Errorf("%s: token %v, account %v", name, peer.AccessToken != nil, peer.Account)
			continue
		}
		if peer.Account == nil {
			continue
		}
		accounts++
		adCompare(t, name, peer, want)
		if want.Token != nil {
			compared++
			adCompareSIDs(t, name, peer.AccessToken, want)
		}
	}
	if accounts != 54 || compared != 52 || refused != len(adRefused) {
		t.Errorf("%d accounts, %d SID lists compared, %d refused", accounts, compared, refused)
	}
}

func adCompare(t *testing.T, name string, peer *sspi.Peer, want adExpected) {
	t.Helper()
	a := peer.Account
	if a.Name != want.Account || a.Domain != want.Domain || a.SID != want.UserSID || a.UPN != want.UPN || a.DNSDomain != want.DNSDomain ||
		want.FullName != nil && a.DisplayName != *want.FullName || want.Constructed != nil && a.UPNConstructed != *want.Constructed {
		t.Errorf("%s: %+v, want %+v", name, *a, want)
	}
	if p := peer.AccessToken.PrimaryGroup(); p != want.Primary {
		t.Errorf("%s: primary group %v, want %v", name, p, want.Primary)
	}
	principal, err := peer.Principal()
	if expected, _ := keytab.NewPrincipal(peer.Client.Realm(), want.Account); err != nil || principal != expected {
		t.Errorf("%s: Principal %v, %v", name, principal, err)
	}
}

func adCompareSIDs(t *testing.T, name string, token *sspi.AccessToken, want adExpected) {
	t.Helper()
	groups, err := token.Groups()
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	got := []string{token.User().String()}
	for _, g := range groups {
		got = append(got, g.SID.String())
		if !token.Grants(g.SID) || !token.Denies(g.SID) {
			t.Errorf("%s: %v grants %v, denies %v", name, g.SID, token.Grants(g.SID), token.Denies(g.SID))
		}
	}
	var expected []string
	for _, s := range want.Token {
		machine := slices.Contains([]string{"S-1-1-0", "S-1-5-2", "S-1-5-11"}, s) || strings.HasPrefix(s, "S-1-5-32-")
		if withheld := slices.Contains(adNotGranted[name], s); !machine && !withheld {
			expected = append(expected, s)
		} else if token.Grants(pac.MustParseSID(s)) {
			t.Errorf("%s: %s is granted", name, s)
		}
	}
	slices.Sort(got)
	slices.Sort(expected)
	if !slices.Equal(slices.Compact(got), slices.Compact(expected)) {
		t.Errorf("%s: granted %v, want %v; filtered %v", name, got, expected, token.Filtered())
	}
}

// TestPAC_6_Lax: without the strict rule LOGON_INFO counts, as for Windows, and the
// difference can be read. An account of the service's domain stays refused for a client of
// another realm.
func TestPAC_6_Lax(t *testing.T) {
	cases := adCases(t)
	for name, account := range map[string]string{"edited-ridmismatch": "alice", "edited-namemismatch": "bob", "trust-filter-domain": ""} {
		c, err := adAccept(t, name, cases[name], sspi.PACPolicy{DomainSIDs: adServices, Lax: true})
		if account == "" {
			if status.ReasonOf(err) != status.ReasonPACBad {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || c.Peer().Account.Name != account || c.Peer().Account.SID != cases[name].UserSID {
			t.Errorf("%s: %v, %+v", name, err, c.Peer())
			continue
		}
		if status.ReasonOf(c.Peer().AccessToken.PAC().Conflict()) != status.ReasonPACBad {
			t.Errorf("%s: no conflict is reported", name)
		}
	}
}

// TestNAME_3_TypedNames: the account of the PAC maps to a user, and the typed name never does.
func TestNAME_3_TypedNames(t *testing.T) {
	cases := adCases(t)
	policy := sspi.PACPolicy{DomainSIDs: adServices}
	const realm = "A22.EXAMPLE.TEST"
	all := func(string) bool { return true }
	for name, want := range map[string]struct{ client, account, user string }{
		"typed-dollar":          {"WS1@A22.EXAMPLE.TEST", `A22\WS1$`, ""},
		"typed-dollar-nopac":    {"WS1@A22.EXAMPLE.TEST", "", ""},
		"upcase-client":         {"ALICE@A22.EXAMPLE.TEST", `A22\alice`, "alice"},
		"upn-suffix-enterprise": {`erin.long.name\@corp.example.test@A22.EXAMPLE.TEST`, `A22\erin`, "erin"},
		"nopac":                 {"alice@A22.EXAMPLE.TEST", "", ""},
		"edited-nologon":        {"alice@A22.EXAMPLE.TEST", "", "alice"}, // a PAC as those of MIT's KDC
		"plain-krb5":            {"alice@A22.EXAMPLE.TEST", `A22\alice`, "alice"},
		"trust-same-name":       {"alice@B22.EXAMPLE.TEST", `B22\alice`, ""},
		"resource-groups-only":  {"domlocal@A22.EXAMPLE.TEST", `A22\domlocal`, "domlocal"},
	} {
		c, err := adAccept(t, name, cases[name], policy)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		peer := c.Peer()
		user, err := peer.User(realm)
		if peer.Client.String() != want.client || peer.Account.String() != want.account || user != want.user || (err == nil) != (want.user != "") {
			t.Errorf("%s: client %v, account %v, user %q, %v", name, peer.Client, peer.Account, user, err)
		}
		if named, _ := peer.UserNamed(all, realm); named == "WS1" {
			t.Errorf("%s: the computer is the user WS1", name)
		}
	}
	// Declared to issue no PACs, the realm maps the typed name: never declare a domain so.
	policy.RealmsWithoutPAC = []string{realm}
	c, err := adAccept(t, "typed-dollar", cases["typed-dollar"], policy)
	if err != nil {
		t.Fatal(err)
	}
	if user, err := c.Peer().User(realm); err == nil {
		t.Errorf("a PAC of a declared realm is not used: %q", user)
	}
}
