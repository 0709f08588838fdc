package interop

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// pgjdbcJar is the driver of Debian's package libpostgresql-jdbc-java.
const pgjdbcJar = "/usr/share/java/postgresql.jar"

// TestInteropPgjdbc checks that PostgreSQL's JDBC driver logs in with Kerberos and with
// SPNEGO, sends its SET, and runs statements in its default mode and in the simple mode.
func TestInteropPgjdbc(t *testing.T) {
	r := theRealm(t, "java", "javac")
	if _, err := os.Stat(pgjdbcJar); err != nil {
		require(t, pgjdbcJar)
	}
	t.Parallel()
	srv, login := servePGD(t, r, "-encrypt", "allow"), r.login(t)
	seen := 0
	for _, spnego := range []bool{false, true} {
		for _, mode := range []string{"extended", "simple"} {
			mechanism := map[bool]string{false: "Kerberos", true: "SPNEGO"}[spnego]
			t.Run(mechanism+", "+mode, func(t *testing.T) {
				worked(t, "pgd", "pgjdbc", mechanism, "mutual")
				url := fmt.Sprintf("jdbc:postgresql://localhost:%d/db?user=%s&useSpnego=%v&jaasApplicationName=com.sun.security.jgss.krb5.initiate&kerberosServerName=postgres&gssEncMode=disable&sslmode=disable&preferQueryMode=%s&ApplicationName=interop",
					srv.port(), user, spnego, mode)
				res := login.java(t, "", "Jdbc.java", "--class-path="+pgjdbcJar, url, "select current_user", "select length('four')", "show TimeZone", "select current_user")
				if res.code != 0 || !strings.Contains(res.out, "row "+user+"\nrow 4\nrow UTC\nrow "+user+"\n") {
					t.Fatalf("exit %d\n%s\n%s", res.code, res.out, srv.p.Out)
				}
				seen++
				line := srv.logged(t, accepted, seen)
				want := map[bool]string{false: "kerberos", true: "spnego/kerberos"}[spnego]
				if line["kerberos.client.name"] != user+"@"+realmName || line["user.name"] != user || line["kerberos.mechanism"] != want {
					t.Errorf("the server logged %v", line)
				}
			})
		}
	}
	url := fmt.Sprintf("jdbc:postgresql://localhost:%d/db?user=bob&useSpnego=true&jaasApplicationName=com.sun.security.jgss.krb5.initiate&kerberosServerName=postgres&gssEncMode=disable&sslmode=disable", srv.port())
	res := login.java(t, "", "Jdbc.java", "--class-path="+pgjdbcJar, url, "select current_user")
	if line := srv.logged(t, refused, 1); res.code == 0 || !strings.Contains(res.out, "GSSAPI authentication failed") || line["error.type"] != "not-authorized" || line["user.name"] != "bob" {
		t.Errorf("as bob: exit %d, %v\n%s", res.code, line, res.out)
	}
}
