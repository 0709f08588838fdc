package etype

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/status"
)

// TestEnforcedFIPS_Types checks that types with SHA-1 and MD5 are refused if the mode
// forbids these, before they are used, and that the other types work.
func TestEnforcedFIPS_Types(t *testing.T) {
	if !fips140.Enforced() {
		cmd := exec.Command(os.Args[0], "-test.run=^TestEnforcedFIPS_Types$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestEnforcedFIPS_Types") {
			t.Errorf("under fips140=only: %v\n%s", err, out)
		}
		return
	}
	for _, p := range profiles {
		k, err := New(p.ID, make([]byte, p.KeyLen))
		_, err2 := StringToKey(p.ID, "a long password of many words", "a salt of 16 bytes and more", 0)
		if p.ID <= AES256SHA1 || p.ID == RC4 {
			if status.ReasonOf(err) != status.ReasonETypeRefused || status.ReasonOf(err2) != status.ReasonETypeRefused || Permitted([]ID{p.ID}, int32(p.ID)) {
				t.Errorf("%v: %v, %v", p.ID, err, err2)
			}
			continue
		}
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		c, err := k.Encrypt(nil, make([]byte, p.ConfounderLen), []byte("text"), 2)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := k.Decrypt(nil, c, 2); err != nil || string(b) != "text" {
			t.Errorf("%v: %q, %v", p.ID, b, err)
		}
		if sum, err := k.HMACMD5([]byte("text"), UsageForUser); status.ReasonOf(err) != status.ReasonETypeRefused || sum != nil {
			t.Errorf("%v: HMACMD5: %x, %v", p.ID, sum, err)
		}
	}
}
