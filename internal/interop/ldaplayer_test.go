package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInteropLDAP_ShortMessages checks that the server serves a client whose messages of
// the security layer may have 512 bytes, and refuses a client with a smaller limit.
func TestInteropLDAP_ShortMessages(t *testing.T) {
	r := theRealm(t, "ldapsearch", saslGSSAPI)
	t.Parallel()
	srv, login := ourLDAPD(t, r), r.login(t)
	for _, layer := range []string{"maxssf=1", "minssf=56"} {
		for most, code := range map[int]int{100: 49, 300: 49, 511: 49, 512: 0} {
			options := fmt.Sprintf("%s,maxbufsize=%d", layer, most)
			res := login.ldap(t, srv, "ldapsearch", sasl("GSSAPI", "-O", options, "-LLL", "-b", "cn=session")...)
			if in := strings.Contains(res.out, "client: "+user+"@"+realmName+"\n"); res.code != code || in != (code == 0) {
				t.Errorf("%s: exit %d, want %d\n%s\n%s", options, res.code, code, res.out, srv.p.Out)
			}
		}
	}
}

// TestInteropLDAP_Pieces checks that a client with a small limit gets each response in
// several messages of the security layer; it refuses longer ones. A client name of 900
// letters makes the response long.
func TestInteropLDAP_Pieces(t *testing.T) {
	r := theRealm(t, "ldapsearch", saslGSSAPI)
	t.Parallel()
	srv := ourLDAPD(t, r)
	long := strings.Repeat("letters", 900/7)
	r.admins(t, "addprinc", "-pw", password, long)
	login := &session{realm: r, cache: filepath.Join(t.TempDir(), "ccache")}
	if res := run(t, login.env(), password+"\n", "kinit", long); res.code != 0 {
		t.Fatalf("kinit: exit %d\n%s", res.code, res.out)
	}
	for _, layer := range []string{"maxssf=1", "minssf=56"} {
		for _, most := range []int{512, 600, 800} {
			options := fmt.Sprintf("%s,maxbufsize=%d", layer, most)
			res := login.ldap(t, srv, "ldapsearch", sasl("GSSAPI", "-O", options, "-o", "ldif-wrap=no", "-LLL", "-b", "cn=session")...)
			if res.code != 0 || !strings.Contains(res.out, "client: "+long+"@"+realmName+"\n") {
				t.Errorf("%s: exit %d\n%s\n%s", options, res.code, res.out, srv.p.Out)
			}
			if len(res.out) < most {
				t.Errorf("%s: the entry fits into one message\n%s", options, res.out)
			}
		}
	}
}

// TestInteropLDAP_Many checks much more than 64 kB of responses under one login.
func TestInteropLDAP_Many(t *testing.T) {
	const searches = 500
	r := theRealm(t, "ldapsearch", saslGSSAPI)
	t.Parallel()
	srv, login := ourLDAPD(t, r), r.login(t)
	names := filepath.Join(t.TempDir(), "names")
	if err := os.WriteFile(names, []byte(strings.Repeat("session\n", searches)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range ldapCases {
		res := login.ldap(t, srv, "ldapsearch", append(sasl(c.mechanism, c.args...), "-LLL", "-b", "cn=session", "-f", names, "(cn=%s)")...)
		if got := strings.Count(res.out, "dn: cn=session\n"); res.code != 0 || got != searches || len(res.out) < 1<<16 {
			t.Errorf("%s: exit %d, %d of %d entries, %d bytes\n%.2000s\n%s", c.name(), res.code, got, searches, len(res.out), res.out, srv.p.Out)
		}
	}
}
