package archtest

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// TestTree_Documented wants a doc comment on every exported declaration, and a
// package comment on every package.
func TestTree_Documented(t *testing.T) {
	packages := make(map[string]bool)
	for _, f := range code(t) {
		packages[f.dir] = packages[f.dir] || f.ast.Doc != nil
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && !ofError(d.Name.Name) {
					t.Errorf("%s: %s has no doc comment", at(f, d), d.Name.Name)
				}
			case *ast.GenDecl:
				documentedGroup(t, f, d)
			}
		}
	}
	for dir, ok := range packages {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

// ofError is true for the methods whose meaning package errors fixes.
func ofError(name string) bool { return name == "Error" || name == "Unwrap" }

// documentedGroup accepts a comment on the group, above the line or behind it. In
// a group of values some of which have one, a name may speak for itself.
func documentedGroup(t *testing.T, f source, d *ast.GenDecl) {
	t.Helper()
	if d.Tok == token.IMPORT {
		return
	}
	some := d.Doc != nil
	for _, s := range d.Specs {
		if v, ok := s.(*ast.ValueSpec); ok && (v.Doc != nil || v.Comment != nil) {
			some = true
		}
	}
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil && s.Comment == nil && d.Doc == nil {
				t.Errorf("%s: %s has no doc comment", at(f, s), s.Name.Name)
			}
		case *ast.ValueSpec:
			if s.Names[0].IsExported() && !some {
				t.Errorf("%s: %s has no doc comment", at(f, s), s.Names[0].Name)
			}
		}
	}
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	e := d.Recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if index, ok := e.(*ast.IndexExpr); ok {
		e = index.X
	}
	id, ok := e.(*ast.Ident)
	return ok && id.IsExported()
}

// TestTree_NothingLeftOver refuses marks of unfinished work.
func TestTree_NothingLeftOver(t *testing.T) {
	marks := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X"}
	for _, f := range sources(t) {
		for _, group := range f.ast.Comments {
			for _, c := range group.List {
				for _, m := range marks {
					if strings.Contains(c.Text, m) {
						t.Errorf("%s: %s", at(f, c), m)
					}
				}
			}
		}
	}
}
