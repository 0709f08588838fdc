package house

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// clause is a row of testdata/contract.tsv: something that Windows' acceptor does,
// what is done about it here, and what proves it. tests are as in a requirement,
// or "-" where there is nothing to test, which decision explains, or "TODO".
type clause struct {
	id, subject, decision string
	tests                 []string
}

// clauseID is the form of an id. The prefixes are not those of requirements, since
// a test that is named after one of those proves it.
var clauseID = regexp.MustCompile(`^[A-Z][A-Z0-9]*-[1-9][0-9]*$`)

// TestContract_Tested wants every test that the list names to be there. Rows that
// nothing proves yet fail where KERBEROS_CONTRACT=1 is set, and are logged
// otherwise.
func TestContract_Tested(t *testing.T) {
	there := testNames(t)
	unproven := t.Logf
	if os.Getenv("KERBEROS_CONTRACT") == "1" {
		unproven = t.Errorf
	}
	for _, c := range clauses(t) {
		if len(c.tests) == 1 && c.tests[0] == "-" {
			continue
		}
		if len(c.tests) == 1 && c.tests[0] == "TODO" {
			unproven("%s (%s) is not proven: %s", c.id, c.subject, c.decision)
			continue
		}
		for _, name := range c.tests {
			if !there[name] {
				t.Errorf("%s: there is no test %s", c.id, name)
			}
		}
	}
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
