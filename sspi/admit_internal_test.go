package sspi

import (
	"testing"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// TestKEY_8_AdmittedOnce checks that the acceptor computes the principals that
// Config.Services admits once for each generation of keys, also if it admits none, because
// any client can cause this work.
func TestKEY_8_AdmittedOnce(t *testing.T) {
	table := func(name string) *keytab.Table {
		keys, err := keytab.FromPassword(keytab.MustParsePrincipal(name), 1, "secret", "", keytab.AES128_CTS_HMAC_SHA1_96)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	first, second := table("HTTP/www@R"), table("ldap/dc@R")
	a, err := NewAcceptor(Config{Keys: first, Services: []string{"HTTP/"}})
	if err != nil {
		t.Fatal(err)
	}
	known, err := a.admit(first)
	if err != nil || known == nil {
		t.Fatal(err)
	}
	if again, err := a.admit(first); again != known || err != nil {
		t.Errorf("the second time: %p and %p, %v", known, again, err)
	}
	_, refusal := a.admit(second)
	if status.ReasonOf(refusal) != status.ReasonNoKey {
		t.Fatal(refusal)
	}
	if _, again := a.admit(second); again != refusal {
		t.Errorf("the second call returned another error: %v", again)
	}
	if other, err := a.admit(first); err != nil || other.Table() != first {
		t.Errorf("the key source works again: %v", err)
	}
}
