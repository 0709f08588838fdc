package sspitest_test

import (
	"crypto/fips140"
	"reflect"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// account returns the account of bob.
func account() *sspitest.Account {
	return &sspitest.Account{Name: "bob", SID: sid("S-1-5-21-1-2-3-1105")}
}

func sid(s string) pac.SID { return pac.MustParseSID(s) }

// with returns options with an account that has groups.
func with(groups ...pac.Group) sspitest.Options {
	a := account()
	a.Groups = groups
	return sspitest.Options{Account: a}
}

// TestAccount_Seen checks that the acceptor finds each field of an Account.
func TestAccount_Seen(t *testing.T) {
	const local = pac.SE_GROUP_RESOURCE
	a := account()
	a.Domain, a.UPN, a.DisplayName = "CORP", "robert@example.com", "Robert"
	a.Groups = []pac.Group{
		{SID: sid("S-1-5-21-1-2-3-1201")},
		{SID: sid("S-1-5-21-7-8-9-1300")},
		{SID: sid("S-1-5-21-1-2-3-1400"), Attributes: local},
		{SID: sid("S-1-5-21-1-2-3-1202"), Attributes: pac.SE_GROUP_USE_FOR_DENY_ONLY},
	}
	a.Claims = []pac.Claim{{ID: "ad://ext/level", Source: pac.CLAIMS_SOURCE_TYPE_AD, Type: pac.CLAIM_TYPE_INT64, Int64s: []int64{-3, 4}}}
	a.Device = &sspitest.Account{
		SID:    sid("S-1-5-21-1-2-3-1500"),
		Groups: []pac.Group{{SID: sid("S-1-5-21-1-2-3-1501")}},
		Claims: []pac.Claim{{ID: "ad://ext/rack", Source: pac.CLAIMS_SOURCE_TYPE_AD, Type: pac.CLAIM_TYPE_STRING, Strings: []string{"ü", ""}}},
	}
	peer, _, _, err := login(t, sspitest.Options{Account: a}, sspi.ContextConfig{})
	if err != nil {
		t.Fatal(err)
	}
	want := sspi.Account{SID: a.SID, Name: "bob", Domain: "CORP", DNSDomain: "EXAMPLE.COM", UPN: a.UPN, DisplayName: "Robert"}
	if peer.Account == nil || *peer.Account != want {
		t.Errorf("%+v, want %+v", peer.Account, want)
	}
	token := peer.AccessToken
	for s, granted := range map[string]bool{
		"S-1-5-21-1-2-3-1105": true, "S-1-5-21-1-2-3-513": true, "S-1-5-21-1-2-3-1201": true, "S-1-5-21-7-8-9-1300": true,
		"S-1-5-21-1-2-3-1400": true, "S-1-18-1": true, "S-1-5-21-0-0-0-496": true, "S-1-5-21-0-0-0-497": true,
		"S-1-5-21-1-2-3-1202": false, "S-1-5-21-1-2-3-515": false, "S-1-5-21-1-2-3-1501": false,
	} {
		if token.Grants(sid(s)) != granted {
			t.Errorf("%s is granted: %v", s, !granted)
		}
	}
	logon, err := token.PAC().LogonInfo()
	if err != nil || logon.ResourceDomainSID != sid("S-1-5-21-1-2-3") || len(logon.ResourceGroups) != 1 || logon.ResourceGroups[0].Attributes != local|7 {
		t.Errorf("%+v, %v", logon, err)
	}
	if len(logon.Groups) != 3 || len(logon.ExtraSIDs) != 4 {
		t.Errorf("groups of the domain %v, others %v", logon.Groups, logon.ExtraSIDs)
	}
	if claims, err := token.UserClaims(); err != nil || !reflect.DeepEqual(claims, a.Claims) {
		t.Errorf("%+v, %v", claims, err)
	}
	if claims, err := token.DeviceClaims(); err != nil || !reflect.DeepEqual(claims, a.Device.Claims) {
		t.Errorf("%+v, %v", claims, err)
	}
	device, err := token.Device()
	if err != nil || device.User() != a.Device.SID || !device.Grants(sid("S-1-5-21-1-2-3-1501")) || !device.Grants(sid("S-1-5-21-1-2-3-515")) {
		t.Errorf("%+v, %v", device, err)
	}
}

// TestAccount_Defaults checks an Account that has a SID only, of users and of computers.
func TestAccount_Defaults(t *testing.T) {
	realm := sspitest.NewDeterministicRealm("corp.Example.com")
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	for typed, primary := range map[string]string{"alice": "S-1-5-21-1-2-3-513", "WS1$": "S-1-5-21-1-2-3-515"} {
		client, err := realm.User(typed).Initiate(service, sspitest.Options{Account: &sspitest.Account{SID: account().SID}})
		if err != nil {
			t.Fatal(err)
		}
		peer, err := sspitest.Handshake(client, acceptor.NewContext(sspi.ContextConfig{}))
		if err != nil {
			t.Fatal(err)
		}
		want := sspi.Account{SID: account().SID, Name: typed, Domain: "CORP", DNSDomain: "CORP.EXAMPLE.COM", UPN: typed + "@corp.example.com", UPNConstructed: true}
		if peer.Account == nil || *peer.Account != want || peer.AccessToken.PrimaryGroup() != sid(primary) {
			t.Errorf("%+v, %v, want %+v", peer.Account, peer.AccessToken.PrimaryGroup(), want)
		}
		if claims, err := peer.AccessToken.UserClaims(); claims != nil || err != nil || peer.AccessToken.Grants(pac.ClaimsValid) {
			t.Errorf("claims %v, %v", claims, err)
		}
	}
}

// TestAccount_PAC checks the PACs of the three kinds of tickets, with each encryption type.
func TestAccount_PAC(t *testing.T) {
	etypes := []keytab.EType{keytab.AES256_CTS_HMAC_SHA384_192, keytab.AES128_CTS_HMAC_SHA256_128}
	if !fips140.Enforced() {
		etypes = append(etypes, keytab.AES256_CTS_HMAC_SHA1_96, keytab.AES128_CTS_HMAC_SHA1_96, keytab.RC4_HMAC)
	}
	for _, etype := range etypes {
		realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
		cfg, err := realm.Config(service)
		if err != nil {
			t.Fatal(err)
		}
		cfg.ETypes = []keytab.EType{etype}
		acceptor, err := sspi.NewAcceptor(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for name, row := range map[string]struct {
			o       sspitest.Options
			buffers []int
			user    string
		}{
			"MIT":     {sspitest.Options{}, []int{6, 7, 10, 16, 19}, "alice"},
			"account": {with(), []int{1, 6, 7, 10, 12, 13, 16, 19}, "bob"},
			"none":    {sspitest.Options{NoPAC: true}, nil, ""},
		} {
			row.o.TicketEType = etype
			client, err := realm.User("alice").Initiate(service, row.o)
			if err != nil {
				t.Fatal(err)
			}
			peer, err := sspitest.Handshake(client, acceptor.NewContext(sspi.ContextConfig{}))
			if err != nil {
				t.Errorf("%s, %v: %v", name, etype, err)
				continue
			}
			user, err := peer.User("EXAMPLE.COM")
			if got := peer.AccessToken.PAC().Buffers(); !slices.Equal(got, row.buffers) || user != row.user || (err == nil) != (row.user != "") {
				t.Errorf("%s, %v: buffers %v, user %q, %v", name, etype, got, user, err)
			}
			if err != nil && status.ReasonOf(err) != status.ReasonNotAuthorized {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
