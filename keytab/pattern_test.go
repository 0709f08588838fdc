package keytab

import (
	"slices"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/status"
)

// The rows of MIT's t_sname_match.c, against the function that decides. Some
// have empty parts, which a Principal cannot.
func TestAPREQ_2_SnameMatch(t *testing.T) {
	rows := vectors.Load(t).SnameMatch
	if len(rows) != 22 {
		t.Errorf("%d rows", len(rows))
	}
	for _, row := range rows {
		components, realm, hasRealm, why := split(row.Principal)
		if !hasRealm || why != "" {
			t.Fatalf("%q: %s", row.Principal, why)
		}
		got := true // an acceptor without a name admits everything
		if row.Matching != nil {
			want, wantRealm, hasRealm, why := split(*row.Matching)
			if !hasRealm || why != "" {
				t.Fatalf("%q: %s", *row.Matching, why)
			}
			p := newPattern(want, wantRealm, row.NameType == "NT-SRV-HST")
			if row.IgnoreAcceptorHostname { // of krb5.conf; there is none here
				p.anyHost = true
			}
			got = p.admits(components, realm)
		}
		if got != row.Result {
			t.Errorf("%+v: %v", row, got)
		}
	}
}

// named makes a Table with one key for each of names.
func named(t testing.TB, names ...string) *Table {
	t.Helper()
	var entries []Entry
	for i, name := range names {
		entries = append(entries, Entry{Principal: MustParsePrincipal(name), Kvno: 1, Key: testKey(t, AES128_CTS_HMAC_SHA1_96, byte(i))})
	}
	table, err := NewTable(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func testKey(t testing.TB, e EType, seed byte) Key {
	t.Helper()
	n := 16
	if e == AES256_CTS_HMAC_SHA1_96 || e == AES256_CTS_HMAC_SHA384_192 {
		n = 32
	}
	k, err := NewKey(e, slices.Repeat([]byte{seed}, n))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func texts(list []Principal) string {
	var s []string
	for _, p := range list {
		s = append(s, p.String())
	}
	return strings.Join(s, " ")
}

func TestMatch(t *testing.T) {
	table := named(t, "HTTP/a@R", "HTTP/b@R", "HTTP/a@S", "host/a@R", "svc@R", "x/y/z@R", "krbtgt/R@R", "kadmin/admin@R", `odd\@name@R`, `HTTP/c\/d@R`, "HTTP/Host@R")
	for _, c := range []struct {
		patterns string
		want     string
	}{
		{"HTTP/a", "HTTP/a@R HTTP/a@S"},
		{"HTTP/a@S", "HTTP/a@S"},
		{"HTTP/a@T", ""},
		{"HTTP/", `HTTP/a@R HTTP/b@R HTTP/a@S HTTP/c\/d@R HTTP/Host@R`},
		{"HTTP/@S", "HTTP/a@S"},
		{"HTTP@a", "HTTP/a@R HTTP/a@S"},
		{"HTTP@R", ""},
		{"svc@R", "svc@R"},
		{"svc@S", ""},
		{"x/y/z@R", "x/y/z@R"},
		{"x/y/w@R", ""},
		{"x/y", ""},
		{"http/a", ""},
		{"HTTP/A", ""},
		{"HTTP/host", ""},
		{"krbtgt/R", "krbtgt/R@R"},
		{"kadmin/", "kadmin/admin@R"},
		{`odd\@name@R`, `odd\@name@R`},
		{`HTTP/c\/d`, `HTTP/c\/d@R`},
		{"host/a HTTP/a", "host/a@R HTTP/a@R HTTP/a@S"},
		{"HTTP/a HTTP/a@R HTTP/", `HTTP/a@R HTTP/a@S HTTP/b@R HTTP/c\/d@R HTTP/Host@R`},
		{"", ""},
	} {
		got, err := table.Match(strings.Fields(c.patterns)...)
		if err != nil || texts(got) != c.want {
			t.Errorf("Match(%s) = %s, %v; want %s", c.patterns, texts(got), err, c.want)
		}
	}
	if got, err := table.MatchFold("http/HOST", "SVC@r"); err != nil || texts(got) != "HTTP/Host@R svc@R" {
		t.Errorf("MatchFold = %s, %v", texts(got), err)
	}
	if got, err := named(t, "HTTP/\u212a@R").MatchFold("http/k"); err != nil || len(got) != 0 { // the Kelvin sign
		t.Errorf("MatchFold folds more than ASCII: %s, %v", texts(got), err)
	}
	if got, err := (*Table)(nil).Match("HTTP/a"); err != nil || got != nil {
		t.Errorf("a nil table: %v, %v", got, err)
	}
}

func TestMatchMalformed(t *testing.T) {
	long := strings.Repeat("x", 1025)
	for _, pattern := range []string{
		"", "svc", "/", "/a", "/a@R", "@R", "svc@", "HTTP/a@", "HTTP/@", "x/y/z", "x//z@R", "x/y/@R",
		`HTTP/a\`, "a@b@c", "HTTP/a@R/S", "HTTP/\xff", "HTTP/" + long, "HTTP/a@" + long, strings.Repeat("a/", 32) + "a@R",
	} {
		_, err := named(t, "HTTP/a@R").Match("HTTP/a", pattern)
		check := CheckPatterns("HTTP/a", pattern)
		if status.ReasonOf(err) != status.ReasonArgument || check == nil || err == nil || check.Error() != err.Error() {
			t.Errorf("%.40q: %v and %v", pattern, err, check)
		} else if len(err.Error()) > 500 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	}
	if err := CheckPatterns("HTTP/a", "HTTP/", "HTTP@a", "svc@R"); err != nil {
		t.Error(err)
	}
	if err := CheckPatterns(); err != nil {
		t.Error(err)
	}
}
