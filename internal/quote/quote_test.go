package quote_test

import (
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/quote"
)

// TestSEC_3_Quoted checks the text for names that a peer may choose.
func TestSEC_3_Quoted(t *testing.T) {
	x := strings.Repeat
	for _, c := range []struct{ in, text, value string }{
		{"", `""`, ""},
		{"alice@EXAMPLE.COM", `"alice@EXAMPLE.COM"`, "alice@EXAMPLE.COM"},
		{"jürgen müller@EXAMPLE.COM", `"jürgen müller@EXAMPLE.COM"`, "jürgen müller@EXAMPLE.COM"},
		{`a\/b@R`, `"a\\/b@R"`, `a\/b@R`},
		{`"a"`, `"\"a\""`, `"\"a\""`},                              // must differ from the quoted form of a
		{"a\x1b[2Jb", `"a\x1b[2Jb"`, `"a\x1b[2Jb"`},                // ESC
		{"a\nb\r\t\x00", `"a\nb\r\t\x00"`, `"a\nb\r\t\x00"`},       // C0
		{"a\x7fb\u009b2J", `"a\x7fb\u009b2J"`, `"a\x7fb\u009b2J"`}, // DEL and C1
		{"a\u202eb\u2066c\u200f\u061c", `"a\u202eb\u2066c\u200f\u061c"`, `"a\u202eb\u2066c\u200f\u061c"`},
		{"a\u200bb\ufeff\u2028\U000e0041", `"a\u200bb\ufeff\u2028\U000e0041"`, `"a\u200bb\ufeff\u2028\U000e0041"`},
		{"a\xff\xc3", `"a\xff\xc3"`, `"a\xff\xc3"`},
		{x("x", 100), `"` + x("x", 100) + `"`, x("x", 100)},
		{x("x", 101), `"` + x("x", 100) + `"...`, x("x", 101)},
		{x("x", 1025), `"` + x("x", 100) + `"...`, `"` + x("x", 1024) + `"...`},
		{x("x", 99) + "ü", `"` + x("x", 99) + `"...`, x("x", 99) + "ü"}, // not truncated within a character
		{x("\xff", 1<<16), `"` + x(`\xff`, 100) + `"...`, `"` + x(`\xff`, 1024) + `"...`},
		{x("\x80", 1<<16), `"` + x(`\x80`, 96) + `"...`, `"` + x(`\x80`, 1020) + `"...`},
	} {
		if got := quote.Text(c.in); got != c.text {
			t.Errorf("Text(%.40q) = %.200s, want %.200s", c.in, got, c.text)
		}
		if got := quote.Text([]byte(c.in)); got != c.text {
			t.Errorf("Text of the bytes %.40q = %.200s, want %.200s", c.in, got, c.text)
		}
		if got := quote.Value(c.in); got != c.value {
			t.Errorf("Value(%.40q) = %.200s, want %.200s", c.in, got, c.value)
		}
	}
}

func TestSEC_3_QuotedRune(t *testing.T) {
	for r, want := range map[rune]string{'$': `'$'`, ' ': `' '`, 0x1b: `'\x1b'`, 'ü': `'ü' (U+00FC)`, 0x202e: `'\u202e' (U+202E)`} {
		if got := quote.Rune(r); got != want {
			t.Errorf("Rune(%U) = %s, want %s", r, got, want)
		}
	}
}
