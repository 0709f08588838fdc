package keytab

import (
	"bytes"
	"slices"
	"testing"
)

// FuzzParse checks that a parsed Table has the same entries after MarshalBinary and Parse,
// and that an error contains no key.
func FuzzParse(f *testing.F) {
	for _, file := range []string{mitFile, mitFileV1, heimdalFile, labFile} {
		f.Add(fixture(f, file))
	}
	f.Add([]byte{5, 2})
	f.Add([]byte{5, 2, 0xff, 0xff, 0xff, 0xfe, 0, 0}) // a hole
	f.Fuzz(func(t *testing.T, b []byte) {
		b = slices.Clip(bytes.Clone(b))
		table, err := Parse(b)
		if err != nil {
			if table != nil {
				t.Fatal("Parse returned a Table and an error")
			}
			return
		}
		out, err := table.MarshalBinary()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := Parse(out)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if !slices.Equal(usable(table), usable(again)) {
			t.Fatalf("read %q, then %q", usable(table), usable(again))
		}
		for e := range table.All() {
			p, err := ParsePrincipal(e.Principal.String())
			if err != nil || p != e.Principal {
				t.Fatalf("%v is read back as %v, %v", e.Principal, p, err)
			}
		}
	})
}

// FuzzPrincipal checks that a parsed name has one text form, which parses to the same
// Principal.
func FuzzPrincipal(f *testing.F) {
	for _, s := range []string{"alice@EXAMPLE.COM", "HTTP/www.example.com@EXAMPLE.COM", `a\/b\@c@R`, `\t\n\b\0@R`, "@", "a@", "@R", "a/@R", `a\`, "a@b@c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePrincipal(s)
		if err != nil {
			if !p.IsZero() {
				t.Fatal("ParsePrincipal returned a name and an error")
			}
			return
		}
		again, err := ParsePrincipal(p.String())
		if err != nil || again != p || again.String() != p.String() {
			t.Fatalf("%q parses to %q, whose text parses to %q, %v", s, p, again, err)
		}
		made, err := NewPrincipal(p.Realm(), slices.Collect(p.Components())...)
		if err != nil || made != p {
			t.Fatalf("NewPrincipal with the parts of %q returned %q, %v", p, made, err)
		}
	})
}
