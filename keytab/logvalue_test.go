package keytab

import (
	"log/slog"
	"strings"
	"testing"
)

// TestSEC_3_PrincipalLogValue checks that a log record of a Principal contains no control
// characters, which could change a terminal.
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
