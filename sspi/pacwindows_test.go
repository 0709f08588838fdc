package sspi_test

import (
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// establishedWith returns the handle of a context whose client typed a name and has a PAC.
func establishedWith(t *testing.T, s *site, typed string, p *krbtest.PAC) sspi.CtxtHandle {
	t.Helper()
	h, _ := s.establish(t, func(q *krbtest.APReq) {
		name, err := s.realm.Principal(typed)
		if err != nil {
			t.Fatal(err)
		}
		part := &q.Ticket.Part
		part.CRealm, part.CName.NameString = name.Realm(), []string{name.Name()}
		q.Authenticator.CRealm, q.Authenticator.CName = part.CRealm, part.CName
		q.Ticket.PAC = p
	})
	return h
}

// TestQuery_Accounts checks the attributes that name the client: NAMES has the account,
// NATIVE_NAMES the typed principal, and DCE_INFO, by which servers of DCE RPC decide, the
// principal of the account and never the typed name.
func TestQuery_Accounts(t *testing.T) {
	known := sspi.PACPolicy{DomainSIDs: map[string]pac.SID{"EXAMPLE.COM": domainSID}}
	for name, x := range map[string]struct {
		typed      string
		policy     sspi.PACPolicy
		pac        *krbtest.PAC
		names, dce string // "": SEC_E_UNSUPPORTED_FUNCTION
	}{
		"account":                {"root", sspi.PACPolicy{}, alicePAC(), `CORP\alice`, "alice@EXAMPLE.COM"},
		"computer":               {"WS1", sspi.PACPolicy{}, named("WS1$"), `CORP\WS1$`, "WS1$@EXAMPLE.COM"},
		"account of a partner":   {"root@PARTNER.EXAMPLE", known, bertPAC(), `PARTNER\bert`, "bert@PARTNER.EXAMPLE"},
		"own domain unknown":     {"root@PARTNER.EXAMPLE", sspi.PACPolicy{}, bertPAC(), "root@PARTNER.EXAMPLE", ""},
		"PAC of MIT's KDC":       {"root", sspi.PACPolicy{}, new(krbtest.PAC), "root@EXAMPLE.COM", "root@EXAMPLE.COM"},
		"does not decode":        {"root", sspi.PACPolicy{}, undecodable(), "root@EXAMPLE.COM", ""},
		"no PAC":                 {"root", sspi.PACPolicy{}, nil, "root@EXAMPLE.COM", ""},
		"no PAC, as is declared": {"root", sspi.PACPolicy{RealmsWithoutPAC: []string{"EXAMPLE.COM"}}, nil, "root@EXAMPLE.COM", "root@EXAMPLE.COM"},
	} {
		s := newSite(t, policy(x.policy))
		h := establishedWith(t, s, x.typed, x.pac)
		if got := query[sspi.SecPkgContext_Names](t, h, sspi.SECPKG_ATTR_NAMES).UserName; got != x.names {
			t.Errorf("%s: NAMES %q, want %q", name, got, x.names)
		}
		typed, err := s.realm.Principal(x.typed)
		if err != nil {
			t.Fatal(err)
		}
		want := sspi.SecPkgContext_NativeNames{ClientName: typed.String(), ServerName: service + "@EXAMPLE.COM"}
		if got := query[sspi.SecPkgContext_NativeNames](t, h, sspi.SECPKG_ATTR_NATIVE_NAMES); got != want {
			t.Errorf("%s: NATIVE_NAMES %+v, want %+v", name, got, want)
		}
		var dce sspi.SecPkgContext_DceInfo
		code := sspi.QueryContextAttributes(&h, sspi.SECPKG_ATTR_DCE_INFO, &dce)
		switch {
		case x.dce == "":
			wantCode(t, name+": DCE_INFO", code, status.SEC_E_UNSUPPORTED_FUNCTION)
			wantZero(t, name, &dce)
		case code != status.SEC_E_OK || dce != sspi.SecPkgContext_DceInfo{AuthzSvc: sspi.RPC_C_AUTHZ_NAME, Pac: x.dce}:
			t.Errorf("%s: DCE_INFO %v, %+v, want %s", name, code, dce, x.dce)
		}
	}
}

// TestQuerySecurityContextToken checks that the function returns the token of a client with an
// account, and no token in any other case.
func TestQuerySecurityContextToken(t *testing.T) {
	s := newSite(t)
	h := establishedWith(t, s, "root", alicePAC())
	var token *sspi.AccessToken
	wantCode(t, "account", sspi.QuerySecurityContextToken(&h, &token), status.SEC_E_OK)
	if token == nil || token != h.Context().Peer().AccessToken || token.User() != inDomain(domainSID, "1000") || !token.Grants(inDomain(domainSID, "513")) {
		t.Fatalf("%v, of the context %v", token, h.Context().Peer().AccessToken)
	}
	wantCode(t, "no room", sspi.QuerySecurityContextToken(&h, nil), status.SEC_E_INVALID_PARAMETER)
	wantCode(t, "impersonate", sspi.ImpersonateSecurityContext(&h), status.SEC_E_NO_IMPERSONATION)

	for name, p := range map[string]*krbtest.PAC{"no PAC": nil, "PAC of MIT's KDC": new(krbtest.PAC), "does not decode": undecodable()} {
		h := establishedWith(t, newSite(t), "root", p)
		got := token
		wantCode(t, name, sspi.QuerySecurityContextToken(&h, &got), status.SEC_E_UNSUPPORTED_FUNCTION)
		if got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, state := range stateNames {
		if state == "established" {
			continue
		}
		got := token
		wantCode(t, state, sspi.QuerySecurityContextToken(inState[state](t, newSite(t)).handle, &got), status.SEC_E_INVALID_HANDLE)
		if got != nil {
			t.Errorf("%s: %v", state, got)
		}
	}
	wantCode(t, "delete", sspi.DeleteSecurityContext(&h), status.SEC_E_OK)
	if !token.Grants(inDomain(domainSID, "513")) {
		t.Error("the token of a deleted context is empty")
	}
}

// TestUserToUser_PAC checks that the session key of the acceptor's ticket-granting ticket
// verifies the server signature of a PAC in user-to-user authentication, and no other key does.
func TestUserToUser_PAC(t *testing.T) {
	for name, x := range map[string]struct {
		pac     *krbtest.PAC
		account string
		reason  status.Reason
	}{
		"account":             {alicePAC(), `CORP\alice`, status.ReasonNone},
		"PAC of MIT's KDC":    {new(krbtest.PAC), "", status.ReasonNone},
		"of a key of keytabs": {alicePAC(), "", status.ReasonPACBad},
	} {
		s := userSite(t)
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		q := askTicket(t, s, c)
		q.Ticket.PAC = x.pac
		if x.reason != status.ReasonNone {
			q.Ticket.PAC.Key = s.realm.Key("krbtgt/EXAMPLE.COM", 18, 0).EncryptionKey
		}
		_, peer, err := c.Accept(t.Context(), q.Token())
		if status.ReasonOf(err) != x.reason || err == nil && peer.Account.String() != x.account {
			t.Errorf("%s: %+v, %v", name, peer, err)
		}
		if err == nil {
			if user, err := peer.User("EXAMPLE.COM"); user != "alice" {
				t.Errorf("%s: %q, %v", name, user, err)
			}
		}
	}
}
