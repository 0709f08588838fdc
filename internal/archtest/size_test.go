package archtest

import (
	"go/ast"
	"testing"
)

// The aims, and where a reader's patience ends.
const (
	aimFile, maxFile         = 400, 450
	aimFunction, maxFunction = 60, 90
)

// TestTree_Sizes reports what is longer than the aim, and fails for what is longer
// than the bound, or where more than one function of a package in twenty is long.
func TestTree_Sizes(t *testing.T) {
	type count struct{ all, long int }
	functions := make(map[string]count)
	for _, f := range code(t) {
		report(t, f.path, "file", lastLine(f.ast), aimFile, maxFile)
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := positions.Position(fn.End()).Line - positions.Position(fn.Pos()).Line + 1
			report(t, at(f, fn), "function "+fn.Name.Name, n, aimFunction, maxFunction)
			c := functions[f.dir]
			c.all++
			if n > aimFunction {
				c.long++
			}
			functions[f.dir] = c
		}
	}
	for dir, c := range functions {
		if c.long > 1+c.all/20 {
			t.Errorf("%s: %d of %d functions are longer than %d lines", dir, c.long, c.all, aimFunction)
		}
	}
}

func report(t *testing.T, where, what string, n, aim, bound int) {
	t.Helper()
	switch {
	case n > bound:
		t.Errorf("%s: %s has %d lines, the bound is %d", where, what, n, bound)
	case n > aim:
		t.Logf("%s: %s has %d lines, the aim is %d", where, what, n, aim)
	}
}

func lastLine(f *ast.File) int {
	return positions.Position(f.FileEnd).Line
}
