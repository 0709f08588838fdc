package archtest

import (
	"go/ast"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFuzz_EveryTargetHasACorpus wants seeds beside each fuzz target, so that
// what earlier runs learnt is run again by every go test.
func TestFuzz_EveryTargetHasACorpus(t *testing.T) {
	for _, f := range sources(t) {
		if !f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Fuzz") {
				continue
			}
			dir := filepath.Join(root, filepath.FromSlash(f.dir), "testdata", "fuzz", fn.Name.Name)
			if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
				t.Errorf("%s: %s has no corpus", at(f, fn), fn.Name.Name)
			}
		}
	}
}
