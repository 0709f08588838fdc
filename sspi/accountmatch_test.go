package sspi_test

import (
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/ticket/pac"
)

// TestAccessToken_MatchOfNone checks that a token without an account grants nothing and denies
// everything in one pass too.
func TestAccessToken_MatchOfNone(t *testing.T) {
	set, err := pac.NewSIDSet(pac.ClaimsValid, pac.ServiceAsserted)
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]*sspi.AccessToken{"nil": nil, "zero": {}} {
		if grants, denies := token.Match(set); grants != 0 || denies != 3 {
			t.Errorf("the %s token: %b, %b", name, grants, denies)
		}
	}
}
