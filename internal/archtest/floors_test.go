package archtest

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// floors lists the floor of each package. A package may import packages of lower floors
// only. The subfolders of a package are on its floor, unless they are listed.
var floors = map[string]int{
	"status": 1, "flags": 1, "internal/quote": 1, "internal/ndr": 1, "internal/xpress": 1, "internal/secret": 1,
	"internal/krb5": 2, "internal/etype": 2,
	"keytab": 3,
	"ticket": 4, "ticket/pac": 4,
	"authenticator":        5,
	"internal/contextseal": 6, "internal/spnego": 6, "internal/message": 6, "internal/reply": 6, "internal/ccache": 6,
	"sspi":     7,
	"sspi/":    8, // each folder of sspi
	"examples": 9, "internal/interop": 9, "internal/bench": 9,
}

// forTests are packages that only tests may import.
var forTests = []string{"internal/vectors", "internal/archtest", "internal/secret/secrettest"}

// initiators make the sides of the client and of the KDC. They use gokrb5, so that the two sides
// of a test share no code.
var initiators = []string{"sspi/sspitest", "internal/krbtest", "internal/testkdc"}

func floorOf(dir string) (room string, floor int) {
	if slices.Contains(initiators, dir) {
		return dir, 8
	}
	if strings.HasPrefix(dir, "sspi/") {
		return dir, floors["sspi/"]
	}
	for room, floor := range floors {
		if dir == room || strings.HasPrefix(dir, room+"/") {
			return room, floor
		}
	}
	return dir, 0
}

// TestFloors_NoImportUpwards checks the direction of imports. A package of a lower floor
// that imported a higher one could depend on decisions that only the higher floor may make.
func TestFloors_NoImportUpwards(t *testing.T) {
	for _, f := range code(t) {
		room, floor := floorOf(f.dir)
		if slices.Contains(forTests, f.dir) {
			continue
		}
		if floor == 0 {
			t.Errorf("%s lies on no floor: give its package one, here and in ARCHITECTURE.md", f.path)
			continue
		}
		for _, i := range f.ast.Imports {
			dir, inModule := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module+"/")
			if !inModule {
				continue
			}
			switch theirs, below := floorOf(dir); {
			case slices.Contains(forTests, dir):
				t.Errorf("%s imports %s, which is for tests", f.path, dir)
			case theirs == room || floor >= 8 && below == 8:
			case below >= floor:
				t.Errorf("%s on floor %d imports %s on floor %d", f.path, floor, dir, below)
			}
		}
	}
}

// heavy lists packages that a server without HTTP, and a program without a client and
// without tests, must not link.
func heavy(path string) bool {
	return path == "net/http" || path == "crypto/tls" || path == "testing" ||
		strings.HasPrefix(path, "github.com/jcmturner/")
}

// TestFloors_SSPILinksLittle checks that sspi and all packages below it do not link
// net/http, crypto/tls and gokrb5. gokrb5 must never receive bytes of a client.
func TestFloors_SSPILinksLittle(t *testing.T) {
	for _, platform := range []string{"linux", "windows", "js"} {
		for _, p := range list(t, platform, "-deps", "./sspi") {
			if heavy(p) {
				t.Errorf("on %s, sspi links %s", platform, p)
			}
		}
	}
}

// TestFloors_WhoImportsGokrb5 lists the packages that may import gokrb5.
func TestFloors_WhoImportsGokrb5(t *testing.T) {
	allowed := append([]string{"keytab/gokrb5keytab", "sspi/sspideleg"}, initiators...)
	for _, f := range code(t) {
		for _, i := range f.ast.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			if strings.HasPrefix(path, "github.com/jcmturner/") && !slices.Contains(allowed, f.dir) {
				t.Errorf("%s imports %s", f.path, path)
			}
		}
	}
}

// TestFloors_PureGo refuses cgo, unsafe and assembly, because the memory safety of this
// library is that of Go.
func TestFloors_PureGo(t *testing.T) {
	for _, f := range sources(t) {
		for _, i := range f.ast.Imports {
			if path := strings.Trim(i.Path.Value, `"`); path == "C" || path == "unsafe" {
				t.Errorf("%s imports %s", f.path, path)
			}
		}
	}
}

// list returns the lines of go list's output for a platform.
func list(t *testing.T, goos string, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = root
	arch := "amd64"
	if goos == "js" {
		arch = "wasm"
	}
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+arch, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %q: %v", args, err)
	}
	return strings.Fields(string(out))
}
