package ad

import (
	"path/filepath"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// The GSS libraries of the initiators.
const (
	mit     = "libgssapi_krb5.so.2"
	heimdal = "libgssapi.so.3"
)

// session is the login of a user: a credential cache.
type session struct {
	lab   *lab
	cache string
}

// login logs in with MIT's kinit, under a name as a user types it: bob,
// alice@PARTNER.EXAMPLE.TEST, WS1. More arguments are kinit's.
func (l *lab) login(t testing.TB, as string, more ...string) *session {
	t.Helper()
	s := &session{lab: l, cache: filepath.Join(t.TempDir(), "ccache")}
	if res := program.Run(t, s.env(), password+"\n", "kinit", append(more, as)...); res.Code != 0 {
		t.Fatalf("kinit %q: exit %d\n%s", as, res.Code, res.Out)
	}
	return s
}

// env returns the environment of a client's program. Its GSS library has no mechanisms
// that the machine adds.
func (s *session) env() []string {
	return []string{
		"KRB5_CONFIG=" + filepath.Join(s.lab.dir, "krb5.conf"), "KRB5CCNAME=FILE:" + s.cache,
		"KRB5RCACHEDIR=" + s.lab.dir, "GSS_MECH_CONFIG=/dev/null",
	}
}
