package archtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// exception is a row of testdata/portable.tsv: a test, or with "-" a whole package,
// that cannot pass in one of the places of [places].
type exception struct{ place, dir, test, reason string }

// places are the additional environments for the tests: a big-endian processor, a 32-bit
// processor for machines whose kernel runs no 386 programs, and Go's strict FIPS 140-3 mode.
var places = map[string]struct {
	env  []string
	args []string
	core bool // only the packages below the integrations
}{
	"s390x":        {env: []string{"GOOS=linux", "GOARCH=s390x", "CGO_ENABLED=0"}, args: []string{"-exec=qemu-s390x-static"}},
	"arm":          {env: []string{"GOOS=linux", "GOARCH=arm", "CGO_ENABLED=0"}, args: []string{"-exec=qemu-arm-static"}, core: true},
	"fips140=only": {env: []string{"GODEBUG=fips140=only"}},
}

// TestPortable_ExceptionsExist holds the list of exceptions where nothing has to run
// for that: its places, packages and tests exist, and each has a reason.
func TestPortable_ExceptionsExist(t *testing.T) {
	there, dirs := testNames(t), make(map[string]bool)
	for name := range there {
		dir, _, _ := strings.Cut(name, ":")
		dirs[dir] = true
	}
	for _, e := range exceptions(t) {
		if _, ok := places[e.place]; !ok {
			t.Errorf("portable.tsv: there is no place %q", e.place)
		}
		if !dirs[e.dir] {
			t.Errorf("portable.tsv: %s has no tests", e.dir)
		}
		if e.test != "-" && !there[e.dir+":"+e.test] && !strings.HasPrefix(e.test, "Example") {
			t.Errorf("portable.tsv: there is no test %s in %s", e.test, e.dir)
		}
	}
}

// TestPortable_Ran runs the tests of every package in the place that KERBEROS_PORTABLE
// names (make portable). Every test passes that has no exception; and in the FIPS mode,
// where the exceptions cost little to run, each of them fails, so that no exception
// stays longer than its reason; but for those whose reason begins with "not always".
func TestPortable_Ran(t *testing.T) {
	name := os.Getenv("KERBEROS_PORTABLE")
	if name == "" {
		t.Skip("KERBEROS_PORTABLE is not set: see make portable")
	}
	if _, ok := places[name]; !ok {
		t.Fatalf("KERBEROS_PORTABLE=%s: want one of %q", name, slices.Sorted(maps.Keys(places)))
	}
	// By "folder:Test", and "folder:-" for a package.
	excepted, sometimes := make(map[string]bool), make(map[string]bool)
	for _, e := range exceptions(t) {
		if e.place == name {
			excepted[e.dir+":"+e.test] = true
			sometimes[e.dir+":"+e.test] = strings.HasPrefix(e.reason, "not always: ")
		}
	}
	var dirs, failing, skip []string
	for dir := range packagesWithTests(t) {
		if _, floor := floorOf(dir); places[name].core && floor > 7 {
			continue
		}
		if excepted[dir+":-"] {
			failing = append(failing, "./"+dir)
		} else {
			dirs = append(dirs, "./"+dir)
		}
	}
	slices.Sort(dirs)
	for name := range excepted {
		if _, test, _ := strings.Cut(name, ":"); test != "-" {
			skip = append(skip, test)
		}
	}
	args := slices.Concat(places[name].args, []string{"-json", "-vet=off", "-timeout=40m"})
	strict := name == "fips140=only"
	if len(skip) > 0 && !strict {
		args = append(args, "-skip=^("+strings.Join(skip, "|")+")$")
	}
	failed, ran := runIn(t, places[name].env, append(args, dirs...))
	for test, output := range failed {
		if !excepted[test] {
			t.Errorf("%s: %s fails, and portable.tsv has no exception for it:\n%s", name, test, output)
		}
	}
	if strict {
		// The others fail at once, as a rule by a panic of a test's own client. One run for
		// each package, because -failfast ends the run after the first package that fails.
		for _, dir := range failing {
			wrong, _ := runIn(t, places[name].env, []string{"-json", "-vet=off", "-failfast", "-timeout=30s", dir})
			maps.Copy(failed, wrong)
		}
		for test := range excepted {
			dir, _, _ := strings.Cut(test, ":")
			fails := func(name, _ string) bool {
				return name == test || strings.HasSuffix(test, ":-") && strings.HasPrefix(name, dir+":")
			}
			if !sometimes[test] && !containsFunc(failed, fails) {
				t.Errorf("%s: %s passes: take its row in portable.tsv away", name, test)
			}
		}
	}
	fmt.Printf("%s: %d tests of %d packages ran; %d exceptions\n", name, len(ran), len(dirs), len(excepted))
}

func containsFunc(m map[string]string, f func(key, value string) bool) bool {
	for k, v := range m {
		if f(k, v) {
			return true
		}
	}
	return false
}

// packagesWithTests returns the folders of the root module that have tests, but for
// internal/interop, which needs KDCs and programs of the machine, and internal/archtest,
// which reads the source and runs nothing of it.
func packagesWithTests(t *testing.T) map[string]bool {
	t.Helper()
	dirs := make(map[string]bool)
	for _, f := range sources(t) {
		if f.test && !strings.HasPrefix(f.dir, "internal/interop") && f.dir != "internal/archtest" {
			dirs[f.dir] = true
		}
	}
	return dirs
}

// runIn runs go test and returns the top-level tests that failed, with what they
// printed, and all that ran. A package that fails as a whole has the test "-".
func runIn(t *testing.T, env, args []string) (failed map[string]string, ran map[string]bool) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"test"}, args...)...)
	cmd.Dir = root
	cmd.Env = slices.Concat(os.Environ(), env, []string{"KERBEROS_PORTABLE="})
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	failed, ran = make(map[string]string), make(map[string]bool)
	printed, culprit := make(map[string]string), make(map[string]bool)
	for line := range bytes.Lines(out) {
		var e struct{ Action, Package, Test, Output string }
		if json.Unmarshal(line, &e) != nil || e.Package == "" {
			continue
		}
		top, _, _ := strings.Cut(e.Test, "/")
		if top == "" {
			top = "-"
		}
		name := strings.TrimPrefix(e.Package, module+"/") + ":" + top
		switch e.Action {
		case "output":
			if len(printed[name]) < 4000 {
				printed[name] += e.Output
			}
		case "pass":
			ran[name] = top != "-"
		case "fail":
			if top != "-" {
				ran[name], failed[name], culprit[e.Package] = true, printed[name]+" ", true
			} else if !culprit[e.Package] {
				failed[name] = printed[name] + " "
			}
		}
	}
	delete(ran, "")
	maps.DeleteFunc(ran, func(_ string, test bool) bool { return !test })
	if len(ran) == 0 && len(failed) == 0 {
		t.Fatalf("no test ran: %v\n%s", err, stderr.String())
	}
	return failed, ran
}

// exceptions reads testdata/portable.tsv. It refuses a row that stands twice, is out
// of order or gives no reason.
func exceptions(t *testing.T) []exception {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "testdata", "portable.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimRight(string(b), "\n"), "\n")[1:]
	if !slices.IsSorted(rows) || len(slices.Compact(slices.Clone(rows))) != len(rows) {
		t.Error("portable.tsv is not sorted, or has a row twice")
	}
	var out []exception
	for i, row := range rows {
		col := strings.Split(row, "\t")
		if len(col) != 4 || strings.TrimSpace(col[3]) == "" {
			t.Fatalf("portable.tsv:%d: want place, package, test and reason", i+2)
		}
		out = append(out, exception{col[0], col[1], col[2], col[3]})
	}
	return out
}
