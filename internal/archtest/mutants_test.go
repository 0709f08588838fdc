package archtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	// mutantVariable is the environment variable that says which check a run leaves out.
	mutantVariable = "KERBEROS_MUTANT"
	// traceVariable is the environment variable that names the file to which a run adds
	// the checks whose conditions were true.
	traceVariable = "KERBEROS_MUTANT_TRACE"
)

// mutantCode is added to each package with mutants, after its package clause.
const mutantCode = `

import (
	"os"
	"sync"
)

var (
	mutantLeftOut = os.Getenv("` + mutantVariable + `")
	mutantTrace   = os.Getenv("` + traceVariable + `")
	mutantLock    sync.Mutex
	mutantSeen    = make(map[string]bool)
)

// mutantHolds returns the condition of a check, and false for the check that is left out.
func mutantHolds(check string, condition bool) bool {
	if condition && mutantTrace != "" {
		mutantNote(check)
	}
	return condition && check != mutantLeftOut
}

func mutantNote(check string) {
	mutantLock.Lock()
	defer mutantLock.Unlock()
	if mutantSeen[check] {
		return
	}
	mutantSeen[check] = true
	file, err := os.OpenFile(mutantTrace, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteString(check + "\n")
		file.Close()
	}
	if err != nil {
		panic(err)
	}
}
`

// check is a condition that leads to a refusal, and where it stands.
type check struct {
	path, function string
	line, last     int // the lines from the condition to the end of the refusal
	column         int
	start, end     int    // offsets of the condition
	text, before   string // the condition, and what stands before it: its if, or the line above
}

func (c check) String() string { return fmt.Sprintf("%s:%d:%d", c.path, c.line, c.column) }
func (c check) dir() string    { return path.Dir(c.path) }

// key identifies the check where its line changes: by its function and its condition,
// with single spaces. Before "err != nil", of which a function may have many, stands the
// line that made the error.
func (c check) key() survivor {
	text := c.text
	if text == "err != nil" {
		text = c.before + "; " + text
	}
	return survivor{c.path, c.function, strings.Join(strings.Fields(text), " ")}
}

// checks returns the conditions of a package after which a function returns something
// else than success, in the order of their files. A check that cannot fail has a
// comment beside it that says "unreachable", and is not among them.
func checks(t *testing.T, dir string) []check {
	t.Helper()
	var out []check
	for _, f := range code(t) {
		if here, err := build.Default.MatchFile(filepath.Join(root, filepath.FromSlash(f.dir)), path.Base(f.path)); f.dir != dir || err != nil || !here {
			continue
		}
		b, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			refusals(fn, func(cond ast.Expr, end token.Pos) {
				from, to, at := offset(cond.Pos()), offset(cond.End()), positions.Position(cond.Pos())
				if strings.Contains(string(b[from:offset(end)]), "unreachable") {
					return
				}
				out = append(out, check{
					path: f.path, function: functionName(fn), line: at.Line, last: positions.Position(end).Line,
					column: at.Column, start: from, end: to, text: string(b[from:to]), before: before(b[:from]),
				})
			})
		}
	}
	return out
}

// before returns what stands before a condition: the statement between "if" and it, or
// else the line above it, or above its switch.
func before(text []byte) string {
	lines := strings.Split(string(text), "\n")
	last := strings.TrimSuffix(strings.TrimSpace(lines[len(lines)-1]), ";")
	if last != "if" && last != "case" {
		return last
	}
	above := strings.TrimSpace(lines[len(lines)-2])
	if above == "switch {" {
		above = strings.TrimSpace(lines[len(lines)-3])
	}
	return above
}

// refusals calls found for each condition of fn whose branch refuses, with the end of
// that branch.
func refusals(fn *ast.FuncDecl, found func(cond ast.Expr, end token.Pos)) {
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			if refuses(n.Body.List) {
				found(n.Cond, n.Body.End())
			}
		case *ast.SwitchStmt:
			for _, s := range n.Body.List {
				if c := s.(*ast.CaseClause); n.Tag == nil && len(c.List) == 1 && refuses(c.Body) {
					found(c.List[0], c.End())
				}
			}
		}
		return true
	})
}

func offset(p token.Pos) int { return positions.Position(p).Offset }

// functionName returns "open" for a function and "Table.open" for a method.
func functionName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	receiver := fn.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	return receiver.(*ast.Ident).Name + "." + fn.Name.Name
}

// refuses reports whether a block ends in a return whose last result is neither nil
// nor true.
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

// writeMutants writes the files with all mutants in them, and returns the overlay that
// puts them in the place of the tree's, which it does not touch. A condition is evaluated
// in every run, and counts as false when the environment names its check.
func writeMutants(t *testing.T, dir string, all []check) string {
	t.Helper()
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	replace := make(map[string]string)
	add := func(name, content string) {
		name = filepath.Join(abs, filepath.FromSlash(name))
		if replace[name] != "" {
			return // mutant_left_out.go of a package with several files
		}
		file := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[name] = file
	}
	for _, f := range code(t) {
		var here []check
		for _, c := range all {
			if c.path == f.path {
				here = append(here, c)
			}
		}
		if len(here) == 0 {
			continue
		}
		b, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil {
			t.Fatal(err)
		}
		// Conditions may lie within one another: what is inserted is sorted by its place.
		type insertion struct {
			at   int
			text string
		}
		var inserted []insertion
		for _, c := range here {
			inserted = append(inserted, insertion{c.start, "mutantHolds(" + strconv.Quote(c.String()) + ", "}, insertion{c.end, ")"})
		}
		slices.SortStableFunc(inserted, func(a, b insertion) int { return a.at - b.at })
		var text strings.Builder
		done := 0
		for _, i := range inserted {
			text.Write(b[done:i.at])
			text.WriteString(i.text)
			done = i.at
		}
		text.Write(b[done:])
		add(f.path, text.String())
		add(f.dir+"/mutant_left_out.go", "package "+f.ast.Name.Name+mutantCode)
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// span is lines of a file, the first and the last of them included.
type span struct{ first, last int }

// mutationBase returns the commit that changed lines are compared with:
// KERBEROS_MUTATE_BASE, or else the merge base of HEAD and origin/main, or else, where
// that is HEAD itself, HEAD's first parent.
func mutationBase() (string, error) {
	if base := os.Getenv("KERBEROS_MUTATE_BASE"); strings.Trim(base, "0") != "" { // GitHub's zeros: a new branch
		out, err := git("rev-parse", "--verify", "--quiet", base+"^{commit}")
		if err != nil {
			return "", fmt.Errorf("KERBEROS_MUTATE_BASE=%s is no commit of this checkout", base)
		}
		return strings.TrimSpace(out), nil
	}
	head, err := git("rev-parse", "HEAD")
	if err != nil {
		return "", errors.New("this is no git checkout, and so there is no merge base")
	}
	if base, err := git("merge-base", "HEAD", "origin/main"); err == nil && base != head {
		return strings.TrimSpace(base), nil
	}
	parent, err := git("rev-parse", "--verify", "--quiet", "HEAD^")
	if err != nil {
		return "", errors.New("HEAD has no parent in this checkout (a shallow clone?), and so there is no base: set KERBEROS_MUTATE_BASE")
	}
	return strings.TrimSpace(parent), nil
}

// git runs git in the root, which another user may own, as in a container.
func git(args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-c", "safe.directory=*"}, args...)...)
	cmd.Dir = root
	out, err := cmd.Output()
	return string(out), err
}

// hunk is the head of a hunk without context: the lines that are there now.
var hunk = regexp.MustCompile(`^@@ -\S+ \+(\d+)(?:,(\d+))? @@`)

// changedLines returns the lines of each Go file that differ from a commit. Where
// lines were taken away, the lines around the gap count as changed.
func changedLines(base string) (map[string][]span, error) {
	out, err := git("diff", "-U0", "--no-renames", "--no-color", "--no-ext-diff", "--src-prefix=a/", "--dst-prefix=b/", base, "--", "*.go")
	if err != nil {
		return nil, fmt.Errorf("git diff %s: %w", base, err)
	}
	lines := make(map[string][]span)
	var file string
	for line := range strings.Lines(out) {
		if name, ok := strings.CutPrefix(line, "+++ b/"); ok {
			file = strings.TrimSpace(name)
		}
		m := hunk.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		first, _ := strconv.Atoi(m[1])
		n := 1
		if m[2] != "" {
			n, _ = strconv.Atoi(m[2])
		}
		if n == 0 {
			n = 2
		}
		lines[file] = append(lines[file], span{first, first + n - 1})
	}
	return lines, nil
}
