package sspiallow_test

import (
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspiallow"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/ticket/pac"
)

// FuzzParse checks that the text of a rule can be read again, that a rule and its negation do not
// both admit a client, and that they agree about a client with a complete account.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`CORP\staff`, `all(CORP\staff, not(CORP\interns))`, `any("CORP\R, D (all) ""new""", realm(X))`, "not(claim(CORP.EXAMPLE, a, 1))",
		"S-1-5-21-11-12-13-2001", `CORP\Domain Users`, "all(indicator(otp), not(device(CORP\\laptops)))", "deviceclaim(CORP.EXAMPLE, a, 1)",
	} {
		f.Add(s)
	}
	n := openNames(f, names)
	claim := pac.Claim{ID: "a", Source: 1, Type: pac.CLAIM_TYPE_INT64, Int64s: []int64{1}}
	device := &sspitest.Account{SID: corp(1500), Groups: in(laptops), Claims: []pac.Claim{claim}}
	complete := client(f, "alice", sspitest.Options{Account: &sspitest.Account{SID: corp(1104), Groups: in(staff), Claims: []pac.Claim{claim}, Device: device}})
	complete.Indicators = []string{"otp"}
	others := []*sspi.Peer{client(f, "alice", sspitest.Options{}), client(f, "alice", sspitest.Options{NoPAC: true}), nil}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := sspiallow.Parse(text, n)
		if err != nil {
			if r.String() != "" {
				t.Fatal("a rule and an error")
			}
			return
		}
		again, err := sspiallow.Parse(r.String(), n)
		if err != nil || again.String() != r.String() {
			t.Fatalf("%q becomes %q: %v", text, r.String(), err)
		}
		not := sspiallow.Not(r)
		if (r.Check(complete) == nil) == (not.Check(complete) == nil) {
			t.Fatalf("%s and its negation agree", r)
		}
		for _, p := range others {
			if r.Check(p) == nil && not.Check(p) == nil {
				t.Fatalf("%s and its negation both admit", r)
			}
		}
	})
}
