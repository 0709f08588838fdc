package keytab

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/status"
)

// TestNAME_2_UserNamed: a program may admit other names, and never a name that can be
// mistaken for something else than a user's.
func TestNAME_2_UserNamed(t *testing.T) {
	all := func(string) bool { return true }
	for text, want := range map[string]string{
		"alice@R": "alice", "jürgen@R": "jürgen", "1000@R": "1000", "WS1$@R": "WS1$", "a b@R": "a b",
		"alice@r": "", "alice/admin@R": "", `alice\/admin@R`: "", `alice\@corp.example@R`: "", `CORP\\alice@R`: "",
		`a\n@R`: "", "a\x1b@R": "", "a\u202e@R": "", "a\u200b@R": "", "a\u00a0@R": "", ".@R": "", "..@R": "",
	} {
		got, err := MustParsePrincipal(text).UserNamed(all, "R")
		if got != want || status.ReasonOf(err) == status.ReasonNotAuthorized != (want == "") {
			t.Errorf("UserNamed of %q = %q, %v; want %q", text, got, err, want)
		}
	}
	p := MustParsePrincipal("alice@R")
	if got, err := p.UserNamed(all); err == nil {
		t.Errorf("without realms: %q", got)
	}
	if got, err := p.UserNamed(nil, "R"); err == nil {
		t.Errorf("without a function: %q", got)
	}
	var asked []string
	if got, err := p.UserNamed(func(s string) bool { asked = append(asked, s); return false }, "R"); err == nil || len(asked) != 1 || asked[0] != "alice" {
		t.Errorf("not admitted: %q, asked for %q", got, asked)
	}
}

// TestNAME_7_UserErrors (C14): the error names the principal, its realm and the realms
// given, or the character, and quotes what a KDC may put into a name.
func TestNAME_7_UserErrors(t *testing.T) {
	for text, want := range map[string][]string{
		"WS1$@EXAMPLE.COM":                          {`"WS1$@EXAMPLE.COM"`, "contains '$'"},
		"bob@CHILD.EXAMPLE.COM":                     {`"bob@CHILD.EXAMPLE.COM"`, `its realm is "CHILD.EXAMPLE.COM"`, `given are "EXAMPLE.COM"`},
		"jürgen@EXAMPLE.COM":                        {`"jürgen@EXAMPLE.COM"`, "contains 'ü' (U+00FC)", "UserNamed"},
		`alice\@corp.example@EXAMPLE.COM`:           {"contains '@'"},
		"1000@EXAMPLE.COM":                          {"begins with '1'"},
		"root @EXAMPLE.COM":                         {"contains ' '"},
		"a/b@EXAMPLE.COM":                           {`"a/b@EXAMPLE.COM"`, "several components"},
		"a\x1b]0;x\a@EXAMPLE.COM":                   {`"a\x1b]0;x\a@EXAMPLE.COM"`, `contains '\x1b'`},
		"a\u202eb@EXAMPLE.COM":                      {`"a\u202eb@EXAMPLE.COM"`, `contains '\u202e' (U+202E)`},
		"a@\x1b[2J\u202e":                           {`its realm is "\x1b[2J\u202e"`},
		"a@" + strings.Repeat("R", 1000):            {strings.Repeat("R", 98), `"...`},
		strings.Repeat("a", 1000) + "@EXAMPLE.COM$": {`"...`},
	} {
		_, err := MustParsePrincipal(text).User("EXAMPLE.COM")
		if err == nil || status.ReasonOf(err) != status.ReasonNotAuthorized {
			t.Errorf("%.100q: %v", text, err)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%.100q: %v; want %s in it", text, err, w)
			}
		}
		if len(err.Error()) > 800 || strings.ContainsAny(err.Error(), "\x1b\a\u202e") {
			t.Errorf("%.100q: the error is long or not quoted: %q", text, err)
		}
	}
	_, err := MustParsePrincipal("a@R").User("A", "B", "C", "D", "E", "F")
	if !strings.Contains(err.Error(), `given are "A", "B", "C", "D", ...`) {
		t.Errorf("%v", err)
	}
	if _, err = MustParsePrincipal("a@R").User(); !strings.Contains(err.Error(), "no realm was given") {
		t.Errorf("%v", err)
	}
}

// TestSEC_3_PrincipalLogValue: a record shows no character that changes a terminal.
func TestSEC_3_PrincipalLogValue(t *testing.T) {
	for text, want := range map[string]string{
		"alice@R":      "alice@R",
		`a\/b@R`:       `a\/b@R`,
		"a\x1b[2J@R":   `"a\x1b[2J@R"`,
		"a\u202eb@R":   `"a\u202eb@R"`,
		`"alice"@R`:    `"\"alice\"@R"`,
		"a\u0085b\r@R": `"a\u0085b\r@R"`,
	} {
		p := MustParsePrincipal(text)
		var b strings.Builder
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "client", p)
		if got := p.LogValue().String(); got != want || strings.ContainsAny(b.String(), "\x1b\u202e\u0085") {
			t.Errorf("%q is logged as %s (%s), want %s", text, got, b.String(), want)
		}
	}
}
