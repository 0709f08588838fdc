package keytab

import (
	"strings"
	"testing"

	"github.com/gosspi/kerberos/status"
)

// TestWhyNot_Guarded checks the explanation for a ticket that names a principal of the
// keytab which does not accept.
func TestWhyNot_Guarded(t *testing.T) {
	table := spelled(t, "HTTP/www 1 18 1", "HTTP/other 1 18 2", "krbtgt/R 1 18 3")
	guarded := "krbtgt/* and kadmin/* accept only if Config.Services names them"
	for _, c := range []struct {
		service, want string
		admitted      []Principal
	}{
		{"krbtgt/R@R", "the keytab has keys for it, but " + guarded, nil},
		{"HTTP/other@R", "the keytab has keys for it, but Config.Services does not admit it", []Principal{MustParsePrincipal("HTTP/www@R")}},
	} {
		err := admit(table, c.admitted).WhyNot(Sealed{Service: []byte(c.service), EType: a256, Kvno: 1, Len: 40}, 2)
		if status.ReasonOf(err) != status.ReasonWrongService || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.service, err, c.want)
		}
	}
}

// TestPlural checks the forms of counted words in messages.
func TestPlural(t *testing.T) {
	for n, want := range map[int]string{0: "0 keys", 1: "1 key", 2: "2 keys"} {
		if got := plural(n, "key", "keys"); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}
