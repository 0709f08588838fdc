package krb5_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
)

// TestAppendPrincipal prints names as MIT's krb5_unparse_name does.
func TestAppendPrincipal(t *testing.T) {
	for _, c := range []struct {
		components []string
		realm      string
		want       string
	}{
		{[]string{"alice"}, "EXAMPLE.COM", "alice@EXAMPLE.COM"},
		{[]string{"HTTP", "www.example.com"}, "EXAMPLE.COM", "HTTP/www.example.com@EXAMPLE.COM"},
		{[]string{"a", "b", "c"}, "R", "a/b/c@R"},
		{[]string{"alice@corp.com"}, "EXAMPLE.COM", `alice\@corp.com@EXAMPLE.COM`},
		{[]string{"a/b"}, "R", `a\/b@R`},
		{[]string{`a\b`}, `R\S`, `a\\b@R\\S`},
		{[]string{"a\nb\tc\bd\x00e"}, "R", `a\nb\tc\bd\0e@R`},
		{[]string{"日本太郎"}, "R", "日本太郎@R"},
		{[]string{"\x1b\xff"}, "R", "\x1b\xff@R"},
	} {
		n := krb5.NewName(1, c.components...)
		if got := krb5.AppendPrincipal([]byte("before "), n, []byte(c.realm)); string(got) != "before "+c.want {
			t.Errorf("%q@%q: %q, want %q", c.components, c.realm, got, c.want)
		}
		if n.Len() != len(c.components) {
			t.Errorf("%q: Len is %d", c.components, n.Len())
		}
		for part := range n.All() {
			if string(part) != c.components[0] || cap(part) != len(part) {
				t.Errorf("the first component of %q is %q", c.components, part)
			}
			break
		}
	}
}

// TestAppendPrincipal_NeverAlike prints random names that are made of what is
// escaped. Equal texts must be equal names.
func TestAppendPrincipal_NeverAlike(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	part := func() string {
		b := make([]byte, 1+random.IntN(3))
		for i := range b {
			b[i] = `/@\n0a`[random.IntN(6)]
			if random.IntN(6) == 0 {
				b[i] = "\n\x00\t\b"[random.IntN(4)]
			}
		}
		return string(b)
	}
	seen := make(map[string]string)
	for range 100000 {
		components := []string{part()}
		for random.IntN(2) == 0 {
			components = append(components, part())
		}
		realm := part()
		text := string(krb5.AppendPrincipal(nil, krb5.NewName(1, components...), []byte(realm)))
		name := fmt.Sprintf("%q %q", components, realm)
		if other, ok := seen[text]; ok && other != name {
			t.Fatalf("%s and %s are both %q", name, other, text)
		}
		seen[text] = name
	}
}

// TestName_Equal compares by component. The name-type does not count.
func TestName_Equal(t *testing.T) {
	names := [][]string{{"a"}, {"b"}, {"A"}, {"a", "b"}, {"ab"}, {"a/b"}, {"b", "a"}, {"a", "b", "c"}, {"a", "bc"}, {"a\x00"}}
	for _, x := range names {
		for _, y := range names {
			if got := krb5.NewName(1, x...).Equal(krb5.NewName(2, y...)); got != slices.Equal(x, y) {
				t.Errorf("%q and %q: equal is %v", x, y, got)
			}
		}
	}
}
