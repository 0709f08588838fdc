package sspisasl

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gosspi/kerberos/status"
)

// gs2Grammar is the grammar of RFC 5801, Section 4, without "F", which Kerberos does not
// use, and without the rules of UTF-8.
var gs2Grammar = regexp.MustCompile(`(?s)\A(n|y|p=([A-Za-z0-9.-]+)),(?:a=((?:[^,=\x00]|=2C|=3D)+))?,`)

func TestGS2Header(t *testing.T) {
	for _, c := range []struct {
		message string
		ok      bool
		want    gs2Header // without the field raw
		rest    string
	}{
		{"n,,rest", true, gs2Header{flag: 'n'}, "rest"},
		{"y,,", true, gs2Header{flag: 'y'}, ""},
		{"p=tls-unique,,,a", true, gs2Header{flag: 'p', binding: "tls-unique"}, ",a"},
		{"p=A.z-9,a=b,c", true, gs2Header{flag: 'p', binding: "A.z-9", authzid: "b"}, "c"},
		{"n,a==3D=2C=3D2C,", true, gs2Header{flag: 'n', authzid: "=,=2C"}, ""},
		{"n,a=a=3Db,", true, gs2Header{flag: 'n', authzid: "a=b"}, ""},
		{message: ""},
		{message: "n"},
		{message: "n,"},
		{message: "n,a"},
		{message: "n,a=b"},
		{message: ",,"},
		{message: "N,,"},
		{message: "x,,"},
		{message: "ny,,"},
		{message: "p,,"},
		{message: "p=,,"},
		{message: "p=a_b,,"},
		{message: "p=a:b,,"},
		{message: "n=,,"},
		{message: "n,a=,"},
		{message: "n,b=c,"},
		{message: "n,alice,"},
		{message: "n, ,"},
		{message: "n,a=b=,"},
		{message: "n,a==2,"},
		{message: "n,a==2c,"},
		{message: "n,a==41,"},
		{message: "n,a=\x00,"},
		{message: "n,a=\xff,"},
		{message: "n,a=\xed\xa0\x80,"},
		{message: "F,n,,"},
		{message: "F,"},
		{message: "Fn,,"},
		{message: "n,a=" + strings.Repeat("b", maxAuthzid+1) + ","},
		{message: "n,a=" + strings.Repeat("=2C", maxAuthzid+1) + ","},
		{"n,a=" + strings.Repeat("=2C", maxAuthzid) + ",", true, gs2Header{flag: 'n', authzid: strings.Repeat(",", maxAuthzid)}, ""},
	} {
		h, rest, err := parseGS2Header([]byte(c.message))
		if !c.ok {
			if status.ReasonOf(err) != status.ReasonMalformedToken || rest != nil {
				t.Errorf("%.50q: %v, %q", c.message, err, rest)
			}
			continue
		}
		if err != nil || string(rest) != c.rest || string(h.raw)+c.rest != c.message {
			t.Errorf("%.50q: %v, %q, %q", c.message, err, h.raw, rest)
		}
		if h.raw = nil; h.flag != c.want.flag || h.binding != c.want.binding || h.authzid != c.want.authzid {
			t.Errorf("%.50q: %+v", c.message, h)
		}
	}
}

// FuzzGS2Header checks that the parser accepts exactly the headers of the grammar, and
// returns every byte of them.
func FuzzGS2Header(f *testing.F) {
	for _, s := range []string{"n,,", "y,,x", "p=tls-exporter,,", "n,a=alice,", "n,a==2C=3D,", "F,n,,", "n,a=\xff,"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		h, rest, err := parseGS2Header(message)
		m := gs2Grammar.FindSubmatch(message)
		want := m != nil && utf8.Valid(m[3])
		plain := ""
		if want {
			plain = strings.NewReplacer("=2C", ",", "=3D", "=").Replace(string(m[3]))
			want = len(plain) <= maxAuthzid
		}
		if (err == nil) != want {
			t.Fatalf("%q: %v, the grammar says %v", message, err, want)
		}
		if err != nil {
			if status.ReasonOf(err) != status.ReasonMalformedToken {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(h.raw, m[0]) || !bytes.Equal(append(bytes.Clone(h.raw), rest...), message) ||
			h.flag != m[1][0] || h.binding != string(m[2]) || h.authzid != plain {
			t.Fatalf("%q: %+v, %q", message, h, rest)
		}
	})
}
