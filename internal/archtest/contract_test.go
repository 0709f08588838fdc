package archtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// clause is a row of testdata/contract.tsv: something that Windows' acceptor does,
// what is done about it here, and what proves it. tests are as in a requirement,
// or "-" where there is nothing to test, which decision explains.
type clause struct {
	id, subject, decision string
	tests                 []string
}

// clauseID is the form of an id. The prefixes are not those of requirements, since
// a test that is named after one of those proves it.
var clauseID = regexp.MustCompile(`^[A-Z][A-Z0-9]*-[1-9][0-9]*$`)

// TestContract_Tested wants every test that the list names to be there.
func TestContract_Tested(t *testing.T) {
	there := testNames(t)
	for _, c := range clauses(t) {
		if c.untestable() {
			continue
		}
		for _, name := range c.tests {
			if !there[name] {
				t.Errorf("%s: there is no test %s", c.id, name)
			}
		}
	}
}

func (c *clause) untestable() bool { return len(c.tests) == 1 && c.tests[0] == "-" }

// TestContract_Ran runs every test that the list names, and wants each of them to
// pass and none to be skipped. It takes minutes and the programs of internal/interop,
// and runs when KERBEROS_CONTRACT is 1: make contract.
func TestContract_Ran(t *testing.T) {
	if os.Getenv("KERBEROS_CONTRACT") == "" {
		t.Skip("KERBEROS_CONTRACT is not set: see make contract")
	}
	wanted := make(map[string][]string) // of a folder
	for _, c := range clauses(t) {
		for _, name := range c.tests {
			dir, function, ok := strings.Cut(name, ":")
			if ok && !slices.Contains(wanted[dir], function) {
				wanted[dir] = append(wanted[dir], function)
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(wanted)) {
		passed := runTests(t, dir, wanted[dir])
		ran := 0
		for _, function := range wanted[dir] {
			if passed[function] {
				ran++
			} else {
				t.Errorf("%s:%s did not run and pass", dir, function)
			}
		}
		fmt.Printf("%s: %d of %d passed\n", dir, ran, len(wanted[dir]))
	}
}

// runTests runs tests of a folder and returns those that passed.
func runTests(t *testing.T, dir string, functions []string) map[string]bool {
	t.Helper()
	cmd := exec.Command("go", "test", "-count=1", "-timeout=30m", "-json", "-run", "^("+strings.Join(functions, "|")+")$", "./"+dir)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "KERBEROS_REQUIRE_INTEROP=1", "KERBEROS_CONTRACT=")
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v", dir, err)
	}
	passed := make(map[string]bool)
	for line := range bytes.Lines(out) {
		var event struct{ Action, Test string }
		if json.Unmarshal(line, &event) == nil && event.Action == "pass" {
			passed[event.Test] = true
		}
	}
	return passed
}

// clauses reads the list. It refuses one in which a row stands twice, lacks a
// column, or has the id of a requirement.
func clauses(t *testing.T) []clause {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "testdata", "contract.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, r := range requirements(t) {
		seen[r.id] = true
	}
	var out []clause
	for i, line := range strings.Split(strings.TrimRight(string(b), "\n"), "\n") {
		col := strings.Split(line, "\t")
		if len(col) != 4 {
			t.Fatalf("contract.tsv:%d: want id, subject, decision and tests", i+1)
		}
		for _, text := range col {
			if strings.TrimSpace(text) == "" {
				t.Errorf("contract.tsv:%d: a column is empty", i+1)
			}
		}
		if i == 0 {
			continue // the names of the columns
		}
		if !clauseID.MatchString(col[0]) {
			t.Errorf("contract.tsv:%d: %q is no id", i+1, col[0])
		}
		if seen[col[0]] {
			t.Errorf("contract.tsv:%d: %s stands there twice, or in requirements.tsv", i+1, col[0])
		}
		seen[col[0]] = true
		out = append(out, clause{id: col[0], subject: col[1], decision: col[2], tests: strings.Fields(col[3])})
	}
	return out
}
