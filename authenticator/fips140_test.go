package authenticator

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/status"
)

// TestEnforcedFIPS_Bindings checks that bindings, which need MD5, refuse the client and do
// not panic if the mode forbids MD5.
func TestEnforcedFIPS_Bindings(t *testing.T) {
	if !fips140.Enforced() {
		cmd := exec.Command(os.Args[0], "-test.run=^TestEnforcedFIPS_Bindings$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestEnforcedFIPS_Bindings") {
			t.Errorf("under fips140=only: %v\n%s", err, out)
		}
		return
	}
	p := &Params{Bindings: []ChannelBindings{{ApplicationData: []byte("tls-exporter:")}}}
	_, err := decideBinding(&checksum{bindings: [16]byte{1}}, false, p)
	if status.ReasonOf(err) != status.ReasonUnsupported {
		t.Error(err)
	}
	if b, err := decideBinding(&checksum{bindings: [16]byte{1}}, false, &Params{}); b != BindingUnchecked || err != nil {
		t.Errorf("without bindings of the acceptor: %v, %v", b, err)
	}
}
