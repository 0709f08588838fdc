package archtest

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// requirement is a row of testdata/requirements.tsv: a rule, and its tests as
// "folder:TestName", separated by spaces.
type requirement struct {
	id, text string
	tests    []string
}

// named matches a test that says which requirement it is of: TestMSG_4_AnyRRC.
var named = regexp.MustCompile(`^(?:Test|Fuzz)([A-Z]+)_?([0-9]+)(?:_|$)`)

// TestRequirements_Tested wants a test for every requirement, and every test of
// the list to be there.
func TestRequirements_Tested(t *testing.T) {
	there := testNames(t)
	for _, r := range requirements(t) {
		if len(r.tests) == 0 {
			t.Errorf("%s (%s) has no test", r.id, r.text)
		}
		for _, name := range r.tests {
			if !there[name] {
				t.Errorf("%s: there is no test %s", r.id, name)
			}
		}
	}
}

// TestRequirements_Complete wants every test that names a requirement to stand in
// its row, so that the list is the whole truth.
func TestRequirements_Complete(t *testing.T) {
	listed := make(map[string]bool)
	for _, r := range requirements(t) {
		for _, name := range r.tests {
			listed[r.id+" "+name] = true
		}
	}
	for name := range testNames(t) {
		_, function, _ := strings.Cut(name, ":")
		if m := named.FindStringSubmatch(function); m != nil && !listed[m[1]+"-"+m[2]+" "+name] {
			t.Errorf("%s is not in the row of %s-%s", name, m[1], m[2])
		}
	}
}

// requirements reads the list, and refuses one that has a row twice.
func requirements(t *testing.T) []requirement {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "testdata", "requirements.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var out []requirement
	seen := make(map[string]bool)
	for i, line := range strings.Split(strings.TrimRight(string(b), "\n"), "\n") {
		col := strings.Split(line, "\t")
		if len(col) != 3 || col[1] == "" {
			t.Fatalf("requirements.tsv:%d: want id, requirement and tests", i+1)
		}
		if i == 0 {
			continue // the names of the columns
		}
		if seen[col[0]] {
			t.Errorf("requirements.tsv:%d: %s stands there twice", i+1, col[0])
		}
		seen[col[0]] = true
		out = append(out, requirement{id: col[0], text: col[1], tests: strings.Fields(col[2])})
	}
	return out
}

// testNames is every test and fuzz target as "folder:name".
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	for _, f := range sources(t) {
		if !f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil {
				continue
			}
			if name := fn.Name.Name; strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz") {
				names[f.dir+":"+name] = true
			}
		}
	}
	return names
}
