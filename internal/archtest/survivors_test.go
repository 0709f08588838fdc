package archtest

import (
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
