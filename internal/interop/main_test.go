package interop

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
)

// world holds the values that all tests share. The first test that needs one makes it, and
// TestMain ends it.
var world struct {
	dir   string
	once  sync.Once
	realm *realm
	err   error

	buildOnce sync.Once
	server    string // the path of examples/gss-server
	buildErr  error

	heimdalOnce sync.Once
	heimdal     string // the path of the compiled testdata/heimdal.c
	heimdalErr  error
}

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kerberos-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	world.dir = dir
	defer func() {
		if world.realm != nil {
			world.realm.close()
		}
	}()
	code := m.Run()
	if code == 0 && wholeRun() {
		if err := checkMatrix(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// wholeRun reports whether every test ran and none was skipped because of a missing
// program.
func wholeRun() bool {
	chosen := flag.Lookup("test.run").Value.String() + flag.Lookup("test.skip").Value.String()
	return chosen == "" && (os.Getenv("KERBEROS_REQUIRE_INTEROP") == "1" || *update)
}

// theRealm returns the realm that the tests share. A test changes only what it has made.
func theRealm(t *testing.T, programs ...string) *realm {
	t.Helper()
	require(t, programs...)
	world.once.Do(func() { world.realm, world.err = newRealm(world.dir) })
	if world.err != nil {
		t.Fatal(world.err)
	}
	return world.realm
}
