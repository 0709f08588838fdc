package archtest

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// clocks are the files that may ask the operating system for the time. All else
// is given it, so that every rule about time can be tested.
var clocks = map[string]string{
	"sspi/acceptor.go":        "the default of Config.Time",
	"authenticator/memory.go": "when a cache was made, and whether the system's clock was set since, for callers without a clock",
	"keytab/file.go":          "how long ago the file was looked at",

	"authenticator/filereplay/cache.go": "the default of Config.Time",
}

// timers are the files that may wait for a time to pass.
var timers = map[string]string{
	"authenticator/filereplay/lock.go": "between two tries to lock a file, since the blocking lock does not end with a context",
}

// TestTree_OneClock is the rule that no decision reads a clock of its own.
func TestTree_OneClock(t *testing.T) {
	for _, f := range decisions(t) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			path, name := selects(f, sel)
			reads := slices.Contains([]string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}, name)
			allowed := clocks[f.path] != "" && name == "Now" || timers[f.path] != "" && name == "NewTimer"
			if path == "time" && reads && !allowed {
				t.Errorf("%s: time.%s: take the time from the caller", at(f, n), name)
			}
			return true
		})
	}
}

// TestTree_Randomness keeps crypto/rand in the places that default to it, and
// math/rand out.
func TestTree_Randomness(t *testing.T) {
	allowed := []string{"sspi/acceptor.go", "keytab/key.go", "authenticator/filereplay/cache.go"}
	for _, f := range decisions(t) {
		for _, i := range f.ast.Imports {
			switch path := strings.Trim(i.Path.Value, `"`); {
			case strings.HasPrefix(path, "math/rand"):
				t.Errorf("%s: %s is no randomness for a protocol", at(f, i), path)
			case path == "crypto/rand" && !slices.Contains(allowed, f.path):
				t.Errorf("%s: take randomness from the caller", at(f, i))
			}
		}
	}
}

// TestSEC_3_OneQuoter keeps the quoting of a peer's strings in internal/quote, which
// bounds their length and escapes what changes a terminal.
func TestSEC_3_OneQuoter(t *testing.T) {
	for _, f := range decisions(t) {
		if f.dir == "internal/quote" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if path, name := selects(f, n); path == "strconv" && (strings.HasPrefix(name, "Quote") || strings.HasPrefix(name, "AppendQuote")) {
					t.Errorf("%s: strconv.%s: call internal/quote", at(f, n), name)
				}
			case *ast.BasicLit:
				if n.Kind == token.STRING && quoting.MatchString(n.Value) {
					t.Errorf("%s: %s quotes a string without a limit: call internal/quote", at(f, n), n.Value)
				}
			}
			return true
		})
	}
}

// quoting matches a format that quotes a string.
var quoting = regexp.MustCompile(`%[-+# 0]*[0-9.]*q`)

// secret matches names of values that must be compared in constant time.
var secret = regexp.MustCompile(`(?i)^(mac|hmac|sum|checksum|cksum|digest|signature|sig|bnd|key|subkey|session|password|secret)s?$|(mac|hmac|checksum|cksum|digest|signature|bnd|subkey|secret)$`)

// TestSEC_1_ConstantTimeCompares refuses comparisons of secrets that stop at the
// first difference.
func TestSEC_1_ConstantTimeCompares(t *testing.T) {
	for _, f := range code(t) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			for _, operand := range compared(f, n) {
				if name := lastName(operand); secret.MatchString(name) {
					t.Errorf("%s: %s is compared in variable time", at(f, n), name)
				}
			}
			return true
		})
	}
}

// compared is the operands of a comparison of byte strings: bytes.Equal and its
// like, or == between conversions to string.
func compared(f source, n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		path, name := selects(f, n.Fun)
		switch path + "." + name {
		case "bytes.Equal", "bytes.Compare", "bytes.HasPrefix", "bytes.HasSuffix", "slices.Equal", "slices.Compare", "reflect.DeepEqual":
			return n.Args
		}
	case *ast.BinaryExpr:
		if n.Op != token.EQL && n.Op != token.NEQ {
			return nil
		}
		var out []ast.Expr
		for _, e := range []ast.Expr{n.X, n.Y} {
			if call, ok := e.(*ast.CallExpr); ok && len(call.Args) == 1 {
				if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "string" {
					out = append(out, call.Args[0])
				}
			}
		}
		return out
	}
	return nil
}

// lastName is the name that an expression ends in: Sum of r.Checksum.Sum[:12].
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.SliceExpr:
		return lastName(e.X)
	case *ast.ParenExpr:
		return lastName(e.X)
	case *ast.CallExpr:
		return lastName(e.Fun)
	}
	return ""
}

// TestTree_NoHiddenWork refuses init functions and goroutines: importing this
// library starts nothing, and calling it starts nothing that outlives the call.
func TestTree_NoHiddenWork(t *testing.T) {
	for _, f := range decisions(t) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					t.Errorf("%s: an init function", at(f, n))
				}
			case *ast.GoStmt:
				t.Errorf("%s: a goroutine that nobody asked for", at(f, n))
			}
			return true
		})
	}
}

// decisions is the code of floors 1 to 7: what decides about a peer. A suite that
// others' tests import is known by its own import of testing, and is none.
func decisions(t *testing.T) []source {
	t.Helper()
	var out []source
	for _, f := range code(t) {
		if _, floor := floorOf(f.dir); floor >= 1 && floor <= 7 && imported(f, "testing") == "" {
			out = append(out, f)
		}
	}
	return out
}
