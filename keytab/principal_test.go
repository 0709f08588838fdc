package keytab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/status"
)

// TestNAME_1_AgainstMIT compares with the names that MIT's library parses and prints. MIT
// accepts empty parts, which this library refuses.
func TestNAME_1_AgainstMIT(t *testing.T) {
	b, err := os.ReadFile("testdata/names.tsv")
	if err != nil {
		t.Fatal(err)
	}
	rows, empty := 0, 0
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		rows++
		in, out, _ := strings.Cut(s.Text(), "\t")
		var name, want string
		if err := json.Unmarshal([]byte(in), &name); err != nil {
			t.Fatal(err)
		}
		if out != "error" {
			if err := json.Unmarshal([]byte(out), &want); err != nil {
				t.Fatal(err)
			}
		}
		if slices.Contains([]string{"/b@R", "a/@R", "a//b@R", "@R", "a@"}, name) {
			empty++
			want = ""
		}
		got, err := ParsePrincipal(name)
		if got.String() != want || (err == nil) != (want != "") {
			t.Errorf("ParsePrincipal(%q) = %q, %v; MIT: %s", name, got, err, out)
		}
	}
	if rows != 48 || empty != 5 {
		t.Errorf("%d rows, %d of them with empty parts", rows, empty)
	}
}

func TestNAME_1_RoundTrip(t *testing.T) {
	alphabet := []rune("ab/@\\\n\t\b\x00ntb0$é名 ")
	random := rand.New(rand.NewPCG(1, 2))
	part := func() string {
		s := make([]rune, 1+random.IntN(6))
		for i := range s {
			s[i] = alphabet[random.IntN(len(alphabet))]
		}
		return string(s)
	}
	seen := map[Principal]string{}
	for range 20000 {
		components := make([]string, 1+random.IntN(4))
		for i := range components {
			components[i] = part()
		}
		realm := part()
		p, err := NewPrincipal(realm, components...)
		if err != nil {
			t.Fatalf("NewPrincipal(%q, %q): %v", realm, components, err)
		}
		if got := slices.Collect(p.Components()); !slices.Equal(got, components) || p.Realm() != realm {
			t.Fatalf("%q@%q became %q@%q", components, realm, got, p.Realm())
		}
		q, err := ParsePrincipal(p.String())
		if err != nil || q != p {
			t.Fatalf("ParsePrincipal(%q) = %q, %v", p.String(), q, err)
		}
		if p.Name()+"@"+strings.TrimPrefix(p.String(), p.Name()+"@") != p.String() {
			t.Fatalf("Name() = %q of %q", p.Name(), p)
		}
		// Principals are equal exactly if all their parts are equal.
		parts := fmt.Sprintf("%q %q", realm, components)
		if old, ok := seen[p]; ok && old != parts {
			t.Fatalf("%s and %s are equal Principals", old, parts)
		}
		seen[p] = parts
	}
}

func TestNAME_1_Printed(t *testing.T) {
	p, err := NewPrincipal("R/@\\", "a/b", "c@d", "e\\f", "\n\t\b\x00")
	if err != nil {
		t.Fatal(err)
	}
	if want := `a\/b/c\@d/e\\f/\n\t\b\0@R\/\@\\`; p.String() != want {
		t.Errorf("String() = %s, want %s", p, want)
	}
	if want := `a\/b/c\@d/e\\f/\n\t\b\0`; p.Name() != want {
		t.Errorf("Name() = %s, want %s", p.Name(), want)
	}
	first := ""
	for first = range p.Components() {
		break
	}
	if first != "a/b" {
		t.Errorf("first component %q", first)
	}
}

func TestNAME_6_Refused(t *testing.T) {
	long := strings.Repeat("x", 1025)
	for name, parts := range map[string][]string{
		"no components":   {"R"},
		"empty realm":     {"", "a"},
		"empty component": {"R", "a", ""},
		"33 components":   append([]string{"R"}, slices.Repeat([]string{"a"}, 33)...),
		"long component":  {"R", long},
		"long realm":      {long, "a"},
		"UTF-8":           {"R", "a\xff"},
		"UTF-8 realm":     {"R\xc3", "a"},
	} {
		p, err := NewPrincipal(parts[0], parts[1:]...)
		if status.ReasonOf(err) != status.ReasonArgument || !p.IsZero() {
			t.Errorf("%s: NewPrincipal gives %q, %v", name, p, err)
		}
		text := strings.Join(parts[1:], "/") + "@" + parts[0]
		p, err = ParsePrincipal(text)
		if status.ReasonOf(err) != status.ReasonArgument || !p.IsZero() {
			t.Errorf("%s: ParsePrincipal gives %q, %v", name, p, err)
		}
	}
	for _, text := range []string{"", "a", "a/b", "@", "/@R", `a\`, `a@R\`, `a@R\\\`, "a@b@c", `\` + "\xff@R", "a@" + long} {
		if p, err := ParsePrincipal(text); err == nil || !p.IsZero() {
			t.Errorf("ParsePrincipal(%q) = %q, %v", text, p, err)
		}
	}
	for _, parts := range [][]string{
		append([]string{"R"}, slices.Repeat([]string{"a"}, 32)...),
		{long[:1024], long[:1024]},
		{"R", strings.Repeat("/", 1024)},
		{"R", "a\x00b"},
	} {
		p, err := NewPrincipal(parts[0], parts[1:]...)
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		if q, err := ParsePrincipal(p.String()); err != nil || p != q {
			t.Errorf("not read back: %v", err)
		}
	}
}

func TestNAME_6_Zero(t *testing.T) {
	var p Principal
	if !p.IsZero() || p.String() != "" || p.Realm() != "" || p.Name() != "" || len(slices.Collect(p.Components())) != 0 || p.first() != "" {
		t.Error("the zero Principal has content")
	}
	if b, err := p.MarshalText(); err != nil || len(b) != 0 {
		t.Error("the text of the zero Principal is not empty")
	}
	p = MustParsePrincipal("a@R")
	if err := p.UnmarshalText([]byte("bad")); err == nil || p.String() != "a@R" {
		t.Error("a failed UnmarshalText changed the Principal")
	}
	if err := p.UnmarshalText(nil); err != nil || !p.IsZero() {
		t.Error("empty text is not the zero Principal")
	}
}

func TestPrincipalText(t *testing.T) {
	type s struct{ P, Q Principal }
	in := s{P: MustParsePrincipal(`a\@b/c@R`)}
	b, err := json.Marshal(in)
	if err != nil || string(b) != `{"P":"a\\@b/c@R","Q":""}` {
		t.Errorf("JSON %s, %v", b, err)
	}
	var out s
	if err := json.Unmarshal(b, &out); err != nil || out != in {
		t.Errorf("%v came back, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"P":"x"}`), &out); err == nil {
		t.Error("Unmarshal accepted a name without a realm")
	}
}

func TestMustParsePrincipal(t *testing.T) {
	defer func() {
		if s := fmt.Sprint(recover()); !strings.Contains(s, `"x"`) || !strings.Contains(s, "no realm") {
			t.Errorf("panic with %q", s)
		}
	}()
	MustParsePrincipal("x")
}

func TestNameErrorsDoNotQuote(t *testing.T) {
	_, err := ParsePrincipal("secret\x1b[2J")
	var e *status.Error
	if !errors.As(err, &e) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%v", err)
	}
}

func TestPrincipalAllocations(t *testing.T) {
	wire := []byte("HTTP/www.example.com@EXAMPLE.COM")
	p := MustParsePrincipal(string(wire))
	for name, c := range map[string]struct {
		want float64
		f    func()
	}{
		"parse": {1, func() { sink, _ = ParsePrincipal(string(wire)) }}, // the one allocation is wire's string
		"realm": {0, func() { sinkString = p.Realm() + p.Name()[:0] }},
		"components": {0, func() {
			for c := range p.Components() {
				sinkString = c
			}
		}},
	} {
		if got := testing.AllocsPerRun(100, c.f); got != c.want {
			t.Errorf("%s: %v allocations, want %v", name, got, c.want)
		}
	}
}

var (
	sink       Principal
	sinkString string
)

func BenchmarkParsePrincipal(b *testing.B) {
	s := "HTTP/www.example.com@EXAMPLE.COM"
	b.ReportAllocs()
	for b.Loop() {
		sink, _ = ParsePrincipal(s)
	}
}
