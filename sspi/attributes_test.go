package sspi_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestQuery_EqualHeaders checks that the constants have the values of sspi.h, and that
// every attribute that QueryContextAttributes supports is in the table.
func TestQuery_EqualHeaders(t *testing.T) {
	file, err := os.ReadFile("../testdata/constants.tsv")
	if err != nil {
		t.Fatal(err)
	}
	header := make(map[string]uint64)
	for line := range strings.Lines(string(file)) {
		if col := strings.Split(line, "\t"); len(col) > 2 {
			if n, err := strconv.ParseUint(col[2], 10, 32); err == nil {
				header[col[1]] = n
			}
		}
	}
	declared := map[string]uint64{
		"SECPKG_NEGOTIATION_COMPLETE":    sspi.SECPKG_NEGOTIATION_COMPLETE,
		"SECPKG_NEGOTIATION_IN_PROGRESS": sspi.SECPKG_NEGOTIATION_IN_PROGRESS,
		"SecPkgAttrLastClientTokenYes":   uint64(sspi.SecPkgAttrLastClientTokenYes),
	}
	for _, a := range everyAttribute {
		declared["SECPKG_ATTR_"+a.name] = uint64(a.attr)
	}
	for name, n := range declared {
		if want, ok := header[name]; !ok || n != want {
			t.Errorf("%s is %d, in the header %d (%v)", name, n, want, ok)
		}
	}
	// In C, an enum value without a number is one more than the value before it.
	if sspi.SecPkgAttrLastClientTokenNo != 1 {
		t.Error("the values of SECPKG_ATTR_LCT_STATUS")
	}
}

// TestQuery_Embedded checks that QueryContextAttributes refuses a type that embeds the type
// of an attribute.
func TestQuery_Embedded(t *testing.T) {
	h, _ := newSite(t).establish(t)
	type embedding struct{ sspi.ContextAttribute }
	for name, b := range map[string]sspi.ContextAttribute{
		"nothing": embedding{}, "names": embedding{new(sspi.SecPkgContext_Names)}, "a pointer": &embedding{new(sspi.SecPkgContext_Names)},
	} {
		wantCode(t, name, sspi.QueryContextAttributes(&h, sspi.SECPKG_ATTR_NAMES, b), status.SEC_E_INVALID_PARAMETER)
	}
}

// TestQuery_WhoTheClientIs checks that the name of a client contains the client's realm.
func TestQuery_WhoTheClientIs(t *testing.T) {
	for realm, client := range map[string]string{"EXAMPLE.COM": "alice@EXAMPLE.COM", "OTHER.EXAMPLE.NET": "alice@OTHER.EXAMPLE.NET"} {
		h, _ := newSite(t).establish(t, func(q *krbtest.APReq) {
			q.Ticket.Part.CRealm = realm
			q.Authenticator.CRealm = realm
			q.Ticket.PAC = new(krbtest.PAC)
		})
		if got := query[sspi.SecPkgContext_Authority](t, h, sspi.SECPKG_ATTR_AUTHORITY); got.AuthorityName != realm {
			t.Errorf("AUTHORITY %+v, want %s", got, realm)
		}
		want := sspi.SecPkgContext_DceInfo{AuthzSvc: sspi.RPC_C_AUTHZ_NAME, Pac: client}
		if got := query[sspi.SecPkgContext_DceInfo](t, h, sspi.SECPKG_ATTR_DCE_INFO); got != want {
			t.Errorf("DCE_INFO %+v, want %+v", got, want)
		}
		if got := query[sspi.SecPkgContext_Names](t, h, sspi.SECPKG_ATTR_NAMES); got.UserName != client {
			t.Errorf("NAMES %+v, want %s", got, client)
		}
	}
}

// TestQuery_ClientSpecifiedTarget checks that the target is the unchanged name that the
// client sent, whatever key decrypted the ticket. The result for a client without a target
// differs from the result for a client that names another service.
func TestQuery_ClientSpecifiedTarget(t *testing.T) {
	for _, target := range []string{service + "@EXAMPLE.COM", "cifs/elsewhere@OTHER", "HTTP/wéb.example.com", "x"} {
		for _, untrusted := range []bool{false, true} {
			h, _ := newSite(t).establish(t, naming(target), func(q *krbtest.APReq) { q.TargetUntrusted = untrusted })
			if got := query[sspi.SecPkgContext_ClientSpecifiedTarget](t, h, sspi.SECPKG_ATTR_CLIENT_SPECIFIED_TARGET); got.TargetName != target {
				t.Errorf("%q, want %q", got.TargetName, target)
			}
		}
	}
	h, _ := newSite(t).establish(t)
	b := sspi.SecPkgContext_ClientSpecifiedTarget{TargetName: "of another call"}
	wantCode(t, "no target", sspi.QueryContextAttributes(&h, sspi.SECPKG_ATTR_CLIENT_SPECIFIED_TARGET, &b), status.SEC_E_TARGET_UNKNOWN)
	if b.TargetName != "of another call" {
		t.Errorf("the buffer was written to: %q", b.TargetName)
	}
}

// TestQuery_LastClientToken checks that the status says No as long as the acceptor expects
// another token.
func TestQuery_LastClientToken(t *testing.T) {
	token := func(h sspi.CtxtHandle) sspi.SECPKG_ATTR_LCT_STATUS {
		return query[sspi.SecPkgContext_LastClientTokenStatus](t, h, sspi.SECPKG_ATTR_LAST_CLIENT_TOKEN_STATUS).LastClientTokenStatus
	}
	for _, state := range []string{"new", "retry", "third leg", "negotiating", "MIC", "established"} {
		want := sspi.SecPkgAttrLastClientTokenNo
		if state == "established" {
			want = sspi.SecPkgAttrLastClientTokenYes
		}
		if got := token(*inState[state](t, newSite(t)).handle); got != want {
			t.Errorf("%s: %d, want %d", state, got, want)
		}
	}
	// The status also says No within a fragmented token.
	s := newSite(t)
	s.cred = s.acceptor.CredHandle(sspi.Negotiate)
	begun, _, _ := s.client(onlyKerberos).Next(nil)
	l := s.first(begun[:100])
	wantCode(t, "a piece", l.call(), status.SEC_I_CONTINUE_NEEDED)
	if got := token(l.handle); got != sspi.SecPkgAttrLastClientTokenNo {
		t.Errorf("after a fragment: %d", got)
	}
}
