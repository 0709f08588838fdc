package ad

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/gosspi/kerberos/ticket/pac"
)

// The values of the claim "classes" are the object identifiers of a user's object classes, as
// 32 bits: the index of the prefix in the table of [MS-DRSR] (1: 2.5.6, 10:
// 1.2.840.113556.1.5), and the last number.
const (
	classTop                  = 1 << 16
	classPerson               = 1<<16 | 6
	classOrganizationalPerson = 1<<16 | 7
	classUser                 = 10<<16 | 9
)

// TestAD_Claims checks the claims of a user, of every type that Active Directory has, with
// the values of testdata/forests.json. The set is so long that the domain compresses it.
func TestAD_Claims(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	a := l.corp.acceptor(t, "web")
	x := l.login(t, "carol").accepted(t, web, a)
	x.sameAsSamba(t, web, a)
	claims, err := x.peer.AccessToken.UserClaims()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, c := range claims {
		if c.Source != pac.CLAIMS_SOURCE_TYPE_AD {
			t.Errorf("claim %s has the source %d", c.ID, c.Source)
		}
		got[c.ID] = printClaim(c)
	}
	user := l.corp.user(t, "carol").Attributes
	quota, err := strconv.ParseInt(user["maxStorage"].(string), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	var phones []string
	for _, v := range user["otherTelephone"].([]any) {
		phones = append(phones, v.(string))
	}
	want := map[string]string{
		"department": printClaim(pac.Claim{Type: pac.CLAIM_TYPE_STRING, Strings: []string{user["department"].(string)}}),
		"quota":      printClaim(pac.Claim{Type: pac.CLAIM_TYPE_INT64, Int64s: []int64{quota}}),
		"dialin":     printClaim(pac.Claim{Type: pac.CLAIM_TYPE_BOOLEAN, Bools: []bool{user["msNPAllowDialin"] == "TRUE"}}),
		"phones":     printClaim(pac.Claim{Type: pac.CLAIM_TYPE_STRING, Strings: phones}),
		"classes": printClaim(pac.Claim{Type: pac.CLAIM_TYPE_UINT64, Uint64s: []uint64{
			classTop, classPerson, classOrganizationalPerson, classUser,
		}}),
	}
	for id := range want {
		if got[id] != want[id] {
			t.Errorf("claim %s is %s, want %s", id, got[id], want[id])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d claims, want %d: %v", len(got), len(want), got)
	}
}

// printClaim returns the type and the values of a claim. The domain does not keep the order
// of values.
func printClaim(c pac.Claim) string {
	for _, values := range []any{c.Strings, c.Int64s, c.Uint64s} {
		switch v := values.(type) {
		case []string:
			slices.Sort(v)
		case []int64:
			slices.Sort(v)
		case []uint64:
			slices.Sort(v)
		}
	}
	return fmt.Sprintf("%d %q %d %d %v", c.Type, c.Strings, c.Int64s, c.Uint64s, c.Bools)
}

// TestAD_NoClaims checks a user for whom the domain has no claim but those of its class.
func TestAD_NoClaims(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	x := l.login(t, "alice@"+l.partner.Realm).accepted(t, initiator{mit, "krb5", "HTTP@web.partner.example.test"}, l.partner.acceptor(t, "web"))
	claims, err := x.peer.AccessToken.UserClaims()
	if err != nil || len(claims) > 0 {
		t.Errorf("claims %v, %v", claims, err)
	}
}
