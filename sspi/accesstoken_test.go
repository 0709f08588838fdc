package sspi_test

import (
	"encoding/json"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// tokenFacts returns the account and all results of the methods of the access token, as JSON.
func tokenFacts(t *testing.T, p *sspi.Peer) []byte {
	t.Helper()
	token := p.AccessToken
	facts := map[string]any{"account": p.Account, "user": token.User(), "primary": token.PrimaryGroup(), "filtered": token.Filtered(), "buffers": token.PAC().Buffers()}
	add := func(name string, v any, err error) {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		facts[name] = v
	}
	groups, err := token.Groups()
	add("groups", groups, err)
	deny, err := token.DenyOnly()
	add("deny", deny, err)
	device, err := token.Device()
	add("device", []any{device.User(), device.Groups(), device.Filtered()}, err)
	claims, err := token.UserClaims()
	add("claims", claims, err)
	claims, err = token.DeviceClaims()
	add("device claims", claims, err)
	b, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// grantsNothing checks a token without an account: it grants nothing, denies everything, and
// every method that could return facts returns why it does not.
func grantsNothing(t *testing.T, name string, token *sspi.AccessToken, reason status.Reason) {
	t.Helper()
	_, groups := token.Groups()
	_, deny := token.DenyOnly()
	device, deviceErr := token.Device()
	claims, claimsErr := token.UserClaims()
	deviceClaims, deviceClaimsErr := token.DeviceClaims()
	for i, err := range []error{token.Err(), groups, deny, deviceErr, claimsErr, deviceClaimsErr} {
		if status.ReasonOf(err) != reason {
			t.Errorf("%s, %d: %v, want %v", name, i, err, reason)
		}
	}
	if device != nil || claims != nil || deviceClaims != nil || !token.User().IsZero() || !token.PrimaryGroup().IsZero() {
		t.Errorf("%s: %v, %v, %v, %v, %v", name, device, claims, deviceClaims, token.User(), token.PrimaryGroup())
	}
	for _, s := range []pac.SID{{}, inDomain(domainSID, "1000"), inDomain(domainSID, "513"), inDomain(partnerSID, "1000"), pac.AuthenticationAuthorityAsserted, pac.ClaimsValid} {
		if token.Grants(s) || !token.Denies(s) {
			t.Errorf("%s: %q: grants %v, denies %v", name, s, token.Grants(s), token.Denies(s))
		}
	}
}

// TestPAC_7_NoAccount checks the access tokens of clients without an account, the nil token
// among them.
func TestPAC_7_NoAccount(t *testing.T) {
	var none *sspi.AccessToken
	grantsNothing(t, "nil", none, status.ReasonPACRequired)
	if none.Filtered() != nil || none.PAC() != nil || none.PAC().Buffers() != nil {
		t.Errorf("nil: %v, %v", none.Filtered(), none.PAC())
	}
	grantsNothing(t, "zero", new(sspi.AccessToken), status.ReasonPACRequired)

	for name, reason := range map[string]status.Reason{
		"no PAC": status.ReasonPACRequired, "PAC ignored": status.ReasonPACRequired, "PAC of MIT's KDC": status.ReasonPACRequired,
		"LOGON_INFO that does not decode": status.ReasonPACBad, "foreign account, own domain unknown": status.ReasonPACRequired,
	} {
		m := mappings[name]
		s := newSite(t, policy(m.policy))
		peer, err := s.account(m.client, m.pac)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if peer.Account != nil || (peer.AccessToken == nil) != (name == "no PAC" || name == "PAC ignored") {
			t.Errorf("%s: %v, %v", name, peer.Account, peer.AccessToken)
		}
		grantsNothing(t, name, peer.AccessToken, reason)
	}
}

// TestPAC_7_ClaimsCount checks that claims count only with ClaimsValid, and those of a device
// and the device itself only with CompoundedAuthentication.
func TestPAC_7_ClaimsCount(t *testing.T) {
	for _, x := range []struct{ valid, compounded bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		p := alicePAC()
		p.ClientClaims = []pac.Claim{{ID: "x", Source: 1, Type: pac.CLAIM_TYPE_INT64, Int64s: []int64{1}}}
		p.DeviceClaims = p.ClientClaims
		p.Device = &pac.DeviceInfo{SID: inDomain(domainSID, "1500"), PrimaryGroup: inDomain(domainSID, "515")}
		for s, there := range map[pac.SID]bool{pac.ClaimsValid: x.valid, pac.CompoundedAuthentication: x.compounded} {
			g := pac.Group{SID: s, Attributes: enabledGroup}
			if !there {
				g.Attributes = pac.SE_GROUP_USE_FOR_DENY_ONLY
			}
			p.Logon.ExtraSIDs = append(p.Logon.ExtraSIDs, g)
		}
		peer, err := newSite(t).account("alice", p)
		if err != nil {
			t.Fatal(err)
		}
		user, err1 := peer.AccessToken.UserClaims()
		ofDevice, err2 := peer.AccessToken.DeviceClaims()
		device, err3 := peer.AccessToken.Device()
		if err1 != nil || err2 != nil || err3 != nil {
			t.Errorf("%+v: %v, %v, %v", x, err1, err2, err3)
		}
		if (user != nil) != x.valid || (ofDevice != nil) != (x.valid && x.compounded) || (device != nil) != x.compounded {
			t.Errorf("%+v: claims %v, of the device %v, device %v", x, user, ofDevice, device)
		}
	}
}
