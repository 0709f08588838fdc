package serve

import (
	"flag"
	"io"
	"log/slog"
	"testing"
)

// TestAllow checks the rule of the flags -allow and -names.
func TestAllow(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // the rule; "" for an error, "none" for no rule
	}{
		{nil, "none"},
		{[]string{"-allow", "realm(A)"}, "any(realm(A))"},
		{[]string{"-allow=realm(A)", "-allow", "not(realm(B))"}, "any(realm(A), not(realm(B)))"},
		{[]string{"-allow="}, ""},
		{[]string{"-allow", `CORP\staff`}, ""},
		{[]string{"-names", "x"}, ""},
		{[]string{"-names", "/nowhere/x", "-allow", "realm(A)"}, ""},
	} {
		var a Allow
		fs := flag.NewFlagSet("x", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		a.Define(fs)
		if err := fs.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		rule, names, err := a.Rule(slog.New(slog.DiscardHandler))
		got := "none"
		switch {
		case err != nil:
			got = ""
		case rule != nil:
			got = rule.String()
		}
		if (names == nil) != (rule == nil) {
			t.Errorf("%q: names %v", c.args, names)
		}
		if got != c.want || err == nil && (Admit(rule, nil) == nil) != (rule == nil) {
			t.Errorf("%q: %q, %v, want %q", c.args, got, err, c.want)
		}
	}
}
