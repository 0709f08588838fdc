package sspi_test

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestEnforcedFIPS_ActiveDirectory checks that the mode that forbids SHA-1 refuses tickets of
// Active Directory, which have encryption types with SHA-1 or RC4, with the Reason for that.
func TestEnforcedFIPS_ActiveDirectory(t *testing.T) {
	if !fips140.Enforced() {
		cmd := exec.Command(os.Args[0], "-test.run=^TestEnforcedFIPS_ActiveDirectory$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestEnforcedFIPS_ActiveDirectory") {
			t.Errorf("under fips140=only: %v\n%s", err, out)
		}
		return
	}
	cases := adCases(t)
	for _, name := range []string{"plain-krb5", "plain-spnego", "rc4-service", "trust-user"} {
		if _, err := adAcceptOf(t, name, cases[name], sspi.PACPolicy{DomainSIDs: adServices}, nil); status.ReasonOf(err) != status.ReasonETypeRefused {
			t.Errorf("%s: %v", name, err)
		}
	}
}
