package replay

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// world is shared by all tests. The first test makes it, and TestMain ends it.
var world struct {
	dir   string
	once  sync.Once
	realm *realm
	err   error
}

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kerberos-replay-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	world.dir = dir
	defer func() {
		if world.realm != nil {
			world.realm.kdc.Stop()
		}
	}()
	return m.Run()
}

const mitGSSAPI = "/usr/include/mit-krb5/gssapi.h" // where it is beside Heimdal's header

// packages names the Debian package of each program that the realm needs.
var packages = []string{
	"krb5kdc", "krb5-kdc", "kdb5_util", "krb5-kdc", "kadmin.local", "krb5-admin-server",
	"kinit", "krb5-user", "gcc", "gcc", mitGSSAPI, "krb5-multidev",
}

// theRealm returns the realm that the tests share. more are programs that the test needs
// besides, as for needs.
func theRealm(t testing.TB, more ...string) *realm {
	t.Helper()
	needs(t, append(more, packages...)...)
	world.once.Do(func() { world.realm, world.err = newRealm(world.dir) })
	if world.err != nil {
		t.Fatal(world.err)
	}
	return world.realm
}

// needs skips the test if one of its programs is missing, or fails if
// KERBEROS_REQUIRE_INTEROP is 1. Each program has its Debian package after it:
// "redis-server", "redis-server".
func needs(t testing.TB, programs ...string) {
	t.Helper()
	required := os.Getenv("KERBEROS_REQUIRE_INTEROP") == "1"
	if testing.Short() && !required {
		t.Skip("tests against other implementations do not run with -short")
	}
	var missing []string
	for i := 0; i+1 < len(programs); i += 2 {
		if program.Find(programs[i]) == "" {
			missing = append(missing, programs[i]+" (Debian package "+programs[i+1]+")")
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
