package archtest

import (
	"bytes"
	"flag"
	"go/ast"
	"go/format"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var updateAPI = flag.Bool("update", false, "write testdata/api anew")

// Limits of the exported surface, in names: top-level identifiers and methods. The module
// had 570 names, 164 of them in sspi, before it read PACs. ticket/pac has 73 names; Account,
// AccessToken and PACPolicy of sspi have 22, with their methods and constants. Keys of managed
// passwords are made by a function of keytab with one argument of its own type.
// authenticator/filereplay has 4 names, and replaytest has 3 for caches with a backend.
// The KDC of sspi/sspitest has 8. The indicators of a ticket are two methods of
// authenticator.Verified. Context.Evidence of sspi is the ticket for constrained delegation,
// for which sspideleg has Service with two methods, and KDCError with one.
// Rules have 21 names in sspi/sspiallow; AccessToken.Match and three names of ticket/pac find
// many SIDs in one pass, which Grants and Denies cannot do. Three rules more are about indicators
// and about the client's computer. status has a Reason for refusals by a KDC.
const (
	surfaceOfSSPI   = 164 + 22 + 1 + 1
	surfaceOfModule = 570 + 73 + 22 + 2 + 4 + 3 + 8 + 2 + 1 + 21 + 4 + 5 + 3 + 1
)

// TestAPI_Exported compares the exported API of each package with its file in
// testdata/api, so that a change of the API is a diff in review. After a wanted change,
// run "go test ./internal/archtest -run TestAPI -update".
func TestAPI_Exported(t *testing.T) {
	dir := filepath.Join(root, "testdata", "api")
	packages := exported(t)
	if *updateAPI {
		writeAPI(t, dir, packages)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".txt")
		if _, ok := packages[name]; !ok {
			t.Errorf("testdata/api/%s.txt describes a package that does not exist or exports nothing", name)
		}
	}
	for name, lines := range packages {
		want, err := os.ReadFile(filepath.Join(dir, name+".txt"))
		if err != nil {
			t.Errorf("%v: run this test with -update", err)
			continue
		}
		if got := apiText(lines); string(want) != got {
			t.Errorf("the API of %s differs from testdata/api/%s.txt; after a wanted change run this test with -update:\n%s", name, name, difference(string(want), got))
		}
	}
}

// TestAPI_Surface bounds the number of exported names.
func TestAPI_Surface(t *testing.T) {
	counts := make(map[string]int)
	total := 0
	for _, f := range library(t) {
		n := len(exportedNames(f))
		counts[f.dir] += n
		total += n
	}
	t.Logf("exported names: sspi %d, module %d: %v", counts["sspi"], total, counts)
	if n := counts["sspi"]; n > surfaceOfSSPI {
		t.Errorf("sspi exports %d names, above %d", n, surfaceOfSSPI)
	}
	if total > surfaceOfModule {
		t.Errorf("the module exports %d names, above %d", total, surfaceOfModule)
	}
}

// library returns the code of the packages that other modules can import.
func library(t *testing.T) []source {
	t.Helper()
	return slices.DeleteFunc(code(t), func(f source) bool {
		return f.ast.Name.Name == "main" || strings.HasPrefix(f.dir, "internal/") || strings.HasPrefix(f.dir, "examples/")
	})
}

// exportedNames returns the exported top-level identifiers of f and the exported methods
// of its types. Methods of unexported types count too: interfaces and embedding reach them.
func exportedNames(f source) []string {
	var out []string
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() {
				out = append(out, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					if s.Name.IsExported() {
						out = append(out, s.Name.Name)
					}
				case *ast.ValueSpec:
					for _, n := range s.Names {
						if n.IsExported() {
							out = append(out, n.Name)
						}
					}
				}
			}
		}
	}
	return out
}

// exported returns the declarations of each package's API, by the package's folder with
// "-" for "/".
func exported(t *testing.T) map[string][]string {
	t.Helper()
	out := make(map[string][]string)
	for _, f := range library(t) {
		for _, d := range f.ast.Decls {
			if lines := declarations(t, d); len(lines) > 0 {
				name := strings.ReplaceAll(f.dir, "/", "-")
				out[name] = append(out[name], lines...)
			}
		}
	}
	return out
}

// declarations returns a declaration's exported part: the signature of a function, one
// line for each constant and variable, and a type with its exported fields. A constant
// without a value of its own, as after an iota, has the type of the constant above it.
func declarations(t *testing.T, d ast.Decl) []string {
	t.Helper()
	var out []string
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && exportedReceiver(d) {
			out = append(out, render(t, &ast.FuncDecl{Recv: d.Recv, Name: d.Name, Type: d.Type}))
		}
	case *ast.GenDecl:
		var typ ast.Expr
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					spec := *s
					spec.Doc, spec.Comment = nil, nil
					spec.Type = withoutUnexported(s.Type)
					out = append(out, render(t, &ast.GenDecl{Tok: token.TYPE, Specs: []ast.Spec{&spec}}))
				}
			case *ast.ValueSpec:
				if s.Type != nil || len(s.Values) > 0 {
					typ = s.Type
				}
				for _, n := range s.Names {
					if n.IsExported() {
						line := d.Tok.String() + " " + n.Name
						if typ != nil {
							line += " " + render(t, typ)
						}
						out = append(out, line)
					}
				}
			}
		}
	}
	return out
}

// withoutUnexported returns a struct or interface type without its unexported fields
// and without comments; any other type is returned unchanged.
func withoutUnexported(e ast.Expr) ast.Expr {
	fields := func(l *ast.FieldList) *ast.FieldList {
		kept := new(ast.FieldList)
		for _, f := range l.List {
			names := slices.DeleteFunc(slices.Clone(f.Names), func(n *ast.Ident) bool { return !n.IsExported() })
			embedded := len(f.Names) == 0 && ast.IsExported(lastName(unstar(f.Type)))
			if len(names) > 0 || embedded {
				kept.List = append(kept.List, &ast.Field{Names: names, Type: f.Type})
			}
		}
		return kept
	}
	switch x := e.(type) {
	case *ast.StructType:
		return &ast.StructType{Fields: fields(x.Fields)}
	case *ast.InterfaceType:
		return &ast.InterfaceType{Methods: fields(x.Methods)}
	}
	return e
}

func unstar(e ast.Expr) ast.Expr {
	if star, ok := e.(*ast.StarExpr); ok {
		return star.X
	}
	return e
}

// render prints a node as gofmt does, without the positions of the source.
func render(t *testing.T, n ast.Node) string {
	t.Helper()
	var b bytes.Buffer
	if err := printer.Fprint(&b, token.NewFileSet(), n); err != nil {
		t.Fatal(err)
	}
	if text, err := format.Source(b.Bytes()); err == nil {
		return string(text)
	}
	return b.String()
}

// apiText joins declarations in the order of their names.
func apiText(lines []string) string {
	lines = slices.Clone(lines)
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

func writeAPI(t *testing.T, dir string, packages map[string][]string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, lines := range packages {
		if err := os.WriteFile(filepath.Join(dir, name+".txt"), []byte(apiText(lines)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// difference lists the lines that only one of two texts has.
func difference(want, got string) string {
	var out []string
	had, has := strings.Split(want, "\n"), strings.Split(got, "\n")
	for _, l := range had {
		if !slices.Contains(has, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range has {
		if !slices.Contains(had, l) {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out, "\n")
}
