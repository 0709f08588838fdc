package interop

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
)

// world is what all tests share: made by the first that needs it, ended by
// TestMain.
var world struct {
	dir   string
	once  sync.Once
	realm *realm
	err   error

	buildOnce sync.Once
	server    string // the path of our gss-server
	buildErr  error

	heimdalOnce sync.Once
	heimdal     string // the path of testdata/heimdal.c's program
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

// wholeRun: every test ran, and none was skipped for want of a program.
func wholeRun() bool {
	chosen := flag.Lookup("test.run").Value.String() + flag.Lookup("test.skip").Value.String()
	return chosen == "" && (os.Getenv("KERBEROS_REQUIRE_INTEROP") == "1" || *update)
}

// theRealm is the realm that tests share. What a test changes in it, it made.
func theRealm(t *testing.T, programs ...string) *realm {
	t.Helper()
	require(t, programs...)
	world.once.Do(func() { world.realm, world.err = newRealm(world.dir) })
	if world.err != nil {
		t.Fatal(world.err)
	}
	return world.realm
}
