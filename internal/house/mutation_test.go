package house

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mutated says whose checks are left out one by one, and which tests must notice,
// the quickest first.
var mutated = []struct {
	dir   string
	tests []string
}{
	{"ticket", []string{"./ticket", "./sspi"}},
	{"authenticator", []string{"./authenticator", "./internal/reply", "./sspi"}},
	{"internal/reply", []string{"./internal/reply", "./sspi"}},
	{"internal/message", []string{"./internal/message", "./sspi"}},
	{"internal/spnego", []string{"./internal/spnego", "./sspi"}},
	{"sspi", []string{"./sspi"}},
	{"sspi/sspissh", []string{"./sspi/sspissh"}},
}

// TestAPREQ_15_EveryCheckIsTested leaves out every check of the packages above, one
// at a time, and wants a test to fail each time. It takes hours, and runs when
// KERBEROS_MUTATE is 1, or for one folder or file when it is that one's name: make
// mutate.
func TestAPREQ_15_EveryCheckIsTested(t *testing.T) {
	wanted := os.Getenv("KERBEROS_MUTATE")
	if wanted == "" {
		t.Skip("KERBEROS_MUTATE is not set: see make mutate")
	}
	for _, m := range mutated {
		oneFile := path.Ext(wanted) == ".go" && path.Dir(wanted) == m.dir
		if wanted != "1" && wanted != m.dir && !oneFile {
			continue
		}
		all := checks(t, m.dir)
		if oneFile {
			all = slices.DeleteFunc(all, func(c check) bool { return c.path != wanted })
		}
		for i, c := range all {
			verdict := c.leaveOut(t, m.tests)
			fmt.Printf("%s: %d of %d, %s: %s\n", m.dir, i+1, len(all), c, verdict)
			if verdict == survived {
				t.Errorf("%s: no test fails without this check: %s", c, c.text)
			}
		}
	}
}

// check is a condition that leads to a refusal, and where it stands.
type check struct {
	path       string
	line       int
	start, end int // offsets of the condition
	text       string
}

func (c check) String() string { return fmt.Sprintf("%s:%d", c.path, c.line) }

// checks finds the conditions of a package after which a function returns something
// else than success. Those that cannot happen say so beside them.
func checks(t *testing.T, dir string) []check {
	t.Helper()
	var out []check
	for _, f := range code(t) {
		if f.dir != dir {
			continue
		}
		b, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil {
			t.Fatal(err)
		}
		take := func(cond ast.Expr, body []ast.Stmt, end token.Pos) {
			from, to := offset(cond.Pos()), offset(cond.End())
			if refuses(body) && !strings.Contains(string(b[from:offset(end)]), "unreachable") {
				out = append(out, check{f.path, positions.Position(cond.Pos()).Line, from, to, string(b[from:to])})
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.IfStmt:
				take(n.Cond, n.Body.List, n.End())
			case *ast.SwitchStmt:
				for _, s := range n.Body.List {
					if c := s.(*ast.CaseClause); n.Tag == nil && len(c.List) == 1 {
						take(c.List[0], c.Body, c.End())
					}
				}
			}
			return true
		})
	}
	slices.SortFunc(out, func(a, b check) int { return strings.Compare(a.String(), b.String()) })
	return out
}

func offset(p token.Pos) int { return positions.Position(p).Offset }

// refuses is true for a block that ends in a return whose last result is neither
// nil nor true.
func refuses(body []ast.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	ret, ok := body[len(body)-1].(*ast.ReturnStmt)
	if !ok || len(ret.Results) == 0 {
		return false
	}
	id, ok := ret.Results[len(ret.Results)-1].(*ast.Ident)
	return !ok || id.Name != "nil" && id.Name != "true"
}

const (
	noticed  = "noticed"
	survived = "SURVIVED"
)

// leaveOut runs the tests with the condition made false, by way of an overlay: the
// tree is not touched.
func (c check) leaveOut(t *testing.T, tests []string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, c.path))
	if err != nil {
		t.Fatal(err)
	}
	without := slices.Concat(b[:c.start], []byte("false && ("), b[c.start:c.end], []byte(")"), b[c.end:])
	dir := t.TempDir()
	file, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	abs, err := filepath.Abs(filepath.Join(root, c.path))
	if err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {abs: file}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{file: without, overlay: list} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range tests {
		// A mutant may run for ever; that is noticed too.
		cmd := exec.Command("go", "test", "-buildvcs=false", "-vet=off", "-failfast", "-timeout=90s", "-overlay", overlay, p)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			if strings.Contains(string(out), "[build failed]") {
				t.Fatalf("%s: the mutant does not compile:\n%s", c, out)
			}
			return noticed
		}
	}
	return survived
}
