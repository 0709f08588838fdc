package ad

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// world is shared by all tests. The first test makes it, and TestMain ends it.
var world struct {
	once sync.Once
	dir  string // of this run, outside of the chroot
	*lab
	err error
}

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kerberos-ad-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	world.dir = dir
	defer func() {
		if world.lab != nil {
			world.close()
		}
	}()
	return m.Run()
}

// theLab returns the two forests, which all tests share. A test does not change them.
func theLab(t *testing.T, programs ...string) *lab {
	t.Helper()
	require(t, programs...)
	world.once.Do(func() { world.lab, world.err = newLab(world.dir) })
	if world.err != nil {
		t.Fatal(world.err)
	}
	return world.lab
}

// chrootDir returns the folder of the chroot that .ci/interop-ad makes.
func chrootDir() string {
	if dir := os.Getenv("KERBEROS_AD_ROOT"); dir != "" {
		return dir
	}
	return "/var/cache/kerberos-ad"
}

// packages names the Debian package of each program.
var packages = map[string]string{
	"kinit": "krb5-user", "kvno": "krb5-user", "python3": "python3-minimal", "chroot": "coreutils",
	"curl": "curl", "chromium": "chromium", "ssh": "openssh-client", "psql": "postgresql-client", heimdal: "libgssapi3-heimdal",
	"ldapwhoami": "ldap-utils", saslGSSAPI: "libsasl2-modules-gssapi-mit",
}

// saslGSSAPI is present exactly if its package is.
const saslGSSAPI = "/usr/share/doc/libsasl2-modules-gssapi-mit"

// require skips the test where the chroot or a program is missing. If the machine must have
// them all, it fails the test.
func require(t *testing.T, programs ...string) {
	t.Helper()
	required := os.Getenv("KERBEROS_REQUIRE_INTEROP") == "1"
	if testing.Short() && !required {
		t.Skip("tests with Active Directory do not run with -short")
	}
	var missing []string
	if _, err := os.Stat(filepath.Join(chrootDir(), "complete")); err != nil {
		missing = append(missing, "the chroot "+chrootDir()+" with Samba (make interop-ad makes it, KERBEROS_AD_ROOT names another place)")
	}
	if os.Geteuid() != 0 {
		missing = append(missing, "the right to use a chroot (root)")
	}
	for _, p := range append(programs, "kinit", "kvno", "python3", "chroot") {
		if !installed(p) {
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

// installed reports whether the machine has a program, or a library that is named by its
// soname.
func installed(name string) bool {
	if !strings.Contains(name, ".so.") {
		return program.Find(name) != ""
	}
	out, err := exec.Command("/sbin/ldconfig", "-p").Output()
	return err == nil && strings.Contains(string(out), "\t"+name+" ")
}
