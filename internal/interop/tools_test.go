package interop

import (
	"os"
	"strings"
	"testing"
)

// packages maps a program or library to its Debian package.
var packages = map[string]string{
	"krb5kdc":      "krb5-kdc",
	"kdb5_util":    "krb5-kdc",
	"kadmin.local": "krb5-admin-server",
	"kinit":        "krb5-user",
	"kvno":         "krb5-user",
	"klist":        "krb5-user",
	"ktutil":       "krb5-user",
	"gss-client":   "krb5-gss-samples",
	"gss-server":   "krb5-gss-samples",
	"faketime":     "faketime",
	"gcc":          "gcc",
	pythonGSSAPI:   "python3-gssapi",
	heimdalGSSAPI:  "heimdal-multidev",
	heimdalLib:     "libgssapi3-heimdal",
	mitKRB5:        "krb5-multidev",
	gssNTLMSSP:     "gss-ntlmssp",
	"curl":         "curl",
	"nginx":        "nginx-light",
	"chromium":     "chromium",
	"java":         "openjdk-17-jdk-headless",
	"javac":        "openjdk-17-jdk-headless",
	"ssh":          "openssh-client",
	"ssh-keygen":   "openssh-client",
	"ldapsearch":   "ldap-utils",
	"ldapwhoami":   "ldap-utils",
	saslGSSAPI:     "libsasl2-modules-gssapi-mit",
	"psql":         "postgresql-client",
	"setpriv":      "util-linux",
	"kdestroy":     "krb5-user",
	"smbclient":    "smbclient",

	heimdalClients + "kinit.heimdal":    heimdalClientsFrom,
	heimdalClients + "kgetcred":         heimdalClientsFrom,
	heimdalClients + "klist.heimdal":    heimdalClientsFrom,
	heimdalClients + "kdestroy.heimdal": heimdalClientsFrom,
}

// Heimdal's tools cannot be installed beside those of MIT: install.sh unpacks their package.
const (
	heimdalClients     = "/opt/heimdal-clients/usr/bin/"
	heimdalClientsFrom = "heimdal-clients, unpacked in /opt/heimdal-clients by install.sh"
)

// These are libraries and modules that are installed if the file exists. The python that
// PATH finds first is often not Debian's, and does not see the modules of Debian.
const (
	python        = "/usr/bin/python3"
	pythonGSSAPI  = "/usr/lib/python3/dist-packages/gssapi/__init__.py"
	heimdalGSSAPI = "/usr/include/heimdal/gssapi/gssapi.h"
	heimdalLib    = "/usr/share/doc/libgssapi3-heimdal" // the path of the library contains the name of the processor
	mitKRB5       = "/usr/include/mit-krb5/krb5.h"      // its path if Heimdal's headers are installed too
	saslGSSAPI    = "/usr/share/doc/libsasl2-modules-gssapi-mit"
	gssNTLMSSP    = "/usr/share/doc/gss-ntlmssp"
)

// forRealm lists the programs that every test needs.
var forRealm = []string{"krb5kdc", "kdb5_util", "kadmin.local", "kinit", "kvno"}

// require skips the test if a program is missing, or fails it if KERBEROS_REQUIRE_INTEROP
// is 1.
func require(t *testing.T, programs ...string) {
	t.Helper()
	if withOurKDC {
		requireOnly(t, append(programs, "kinit", "kvno")...)
		return
	}
	requireOnly(t, append(programs, forRealm...)...)
}

// requireOnly does the same for programs of a test that has its own realm.
func requireOnly(t *testing.T, programs ...string) {
	t.Helper()
	required := os.Getenv("KERBEROS_REQUIRE_INTEROP") == "1"
	if testing.Short() && !required {
		t.Skip("tests against other implementations do not run with -short")
	}
	var missing []string
	for _, p := range programs {
		if find(p) == "" {
			missing = append(missing, p+" (Debian package "+packages[p]+")")
		}
	}
	switch {
	case len(missing) == 0:
	case required:
		t.Fatalf("KERBEROS_REQUIRE_INTEROP=1, and these are missing: %s", strings.Join(missing, ", "))
	default:
		t.Skipf("missing: %s", strings.Join(missing, ", "))
	}
}
