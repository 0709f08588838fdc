package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/gosspi/kerberos"

// source is one Go file of the module.
type source struct {
	path string // from the root, with slashes: "sspi/accept.go"
	dir  string // "sspi"
	test bool
	ast  *ast.File
}

// tree is every Go file of the root module, parsed once for all tests. Nested
// modules have rules of their own.
var tree = sync.OnceValues(func() ([]source, error) {
	var files []source
	fset := positions
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && skipped(path):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, path, b, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		dir := "."
		if i := strings.LastIndexByte(rel, '/'); i >= 0 {
			dir = rel[:i]
		}
		files = append(files, source{path: rel, dir: dir, test: strings.HasSuffix(rel, "_test.go"), ast: f})
		return nil
	})
	return files, err
})

var (
	root      = filepath.Join("..", "..")
	positions = token.NewFileSet()
)

func skipped(dir string) bool {
	name := filepath.Base(dir)
	if name == "testdata" || strings.HasPrefix(name, ".") && name != "." && name != ".." {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func sources(t *testing.T) []source {
	t.Helper()
	files, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// code is the part of [sources] that programs link.
func code(t *testing.T) []source {
	t.Helper()
	var out []source
	for _, f := range sources(t) {
		if !f.test {
			out = append(out, f)
		}
	}
	return out
}

// at is where a node stands, for messages.
func at(f source, n ast.Node) string {
	p := positions.Position(n.Pos())
	p.Filename = f.path
	return p.String()
}

// imported is the path of a package by the name that the file gives it, "" if
// the file does not import it under that name.
func imported(f source, name string) string {
	for _, i := range f.ast.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		as := path[strings.LastIndexByte(path, '/')+1:]
		if i.Name != nil {
			as = i.Name.Name
		}
		if as == name {
			return path
		}
	}
	return ""
}

// selects tells the package path and the name of an expression like time.Now.
func selects(f source, e ast.Expr) (path, name string) {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	return imported(f, x.Name), sel.Sel.Name
}
