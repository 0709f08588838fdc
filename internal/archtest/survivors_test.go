package archtest

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// survivor identifies a check that no test notices when it is left out: its file, its
// function, and its condition in one line.
type survivor struct{ path, function, text string }

// TestAPREQ_15_SurvivorsExist wants every row of testdata/mutation-survivors.tsv to name
// a check that is still there and a reason. make mutate fails for a row whose check a
// test notices.
func TestAPREQ_15_SurvivorsExist(t *testing.T) {
	there := make(map[survivor]bool)
	for _, m := range mutated {
		for _, c := range checks(t, m.dir) {
			there[c.key()] = true
		}
	}
	for s := range survivors(t) {
		if !there[s] {
			t.Errorf("mutation-survivors.tsv: %s has no check %q in %s: take the row away", s.path, s.text, s.function)
		}
	}
}

// survivors reads the list and refuses a row that stands twice, lacks a column or is
// not in its order. It returns the reason of each.
func survivors(t *testing.T) map[survivor]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "testdata", "mutation-survivors.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimRight(string(b), "\n"), "\n")[1:]
	if !slices.IsSorted(rows) {
		t.Error("mutation-survivors.tsv is not sorted")
	}
	out := make(map[survivor]string)
	for i, row := range rows {
		col := strings.Split(row, "\t")
		if len(col) != 4 || strings.TrimSpace(col[3]) == "" {
			t.Fatalf("mutation-survivors.tsv:%d: want file, function, check and reason", i+2)
		}
		s := survivor{col[0], col[1], col[2]}
		if out[s] != "" {
			t.Errorf("mutation-survivors.tsv:%d: the check stands there twice", i+2)
		}
		out[s] = col[3]
	}
	return out
}

// TestAPREQ_15_MutantsParse checks that the files with mutants of all packages parse, and
// that each package has the function that they call.
func TestAPREQ_15_MutantsParse(t *testing.T) {
	var all []check
	packages := make(map[string]string)
	for _, m := range mutated {
		all = append(all, checks(t, m.dir)...)
	}
	for _, f := range code(t) {
		packages[f.dir] = f.ast.Name.Name
	}
	b, err := os.ReadFile(writeMutants(t, t.TempDir(), all))
	if err != nil {
		t.Fatal(err)
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal(b, &overlay); err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	calls, functions := make(map[string]bool), make(map[string]bool)
	for path, file := range overlay.Replace {
		rel, err := filepath.Rel(abs, path)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.ToSlash(filepath.Dir(rel))
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("%s: %v", rel, err)
			continue
		}
		if f.Name.Name != packages[dir] {
			t.Errorf("%s is of package %s and not of %s", rel, f.Name.Name, packages[dir])
		}
		added := filepath.Base(rel) == "mutant_left_out.go"
		calls[dir] = calls[dir] || !added
		functions[dir] = functions[dir] || added
	}
	if len(calls) == 0 || !maps.Equal(calls, functions) {
		t.Errorf("packages with mutants %v, with their function %v", calls, functions)
	}
}
