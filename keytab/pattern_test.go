package keytab

import (
	"slices"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/status"
)

// TestAPREQ_2_SnameMatch runs the rows of MIT's t_sname_match.c. It calls the function that
// decides, because some rows have empty parts, which a Principal cannot have.
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
		got := true // an acceptor without a name admits every principal
		if row.Matching != nil {
			want, wantRealm, hasRealm, why := split(*row.Matching)
			if !hasRealm || why != "" {
				t.Fatalf("%q: %s", *row.Matching, why)
			}
			p := newPattern(want, wantRealm, row.NameType == "NT-SRV-HST")
			if row.IgnoreAcceptorHostname { // an option of krb5.conf, which this library does not read
				p.anyHost = true
			}
			got = p.admits(components, realm)
		}
		if got != row.Result {
			t.Errorf("%+v: %v", row, got)
		}
	}
}

// named returns a Table with one key for each name.
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
	if got, err := table.match([]string{"http/HOST", "SVC@r"}, true); err != nil || table.some(got) != `"HTTP/Host@R", "svc@R"` {
		t.Errorf("without case: %s, %v", table.some(got), err)
	}
	if got, err := named(t, "HTTP/\u212a@R").match([]string{"http/k"}, true); err != nil || len(got) != 0 { // the Kelvin sign, which Unicode folds to k
		t.Errorf("a letter outside ASCII matched: %v, %v", got, err)
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
		_, check := (*Table)(nil).Match("HTTP/a", pattern)
		if status.ReasonOf(err) != status.ReasonArgument || check == nil || err == nil || check.Error() != err.Error() {
			t.Errorf("%.40q: %v and %v", pattern, err, check)
		} else if len(err.Error()) > 500 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	}
	if _, err := (*Table)(nil).Match("HTTP/a", "HTTP/", "HTTP@a", "svc@R"); err != nil {
		t.Error(err)
	}
	if _, err := (*Table)(nil).Match(); err != nil {
		t.Error(err)
	}
}

// TestAPREQ_3_Admit checks which principals a pattern admits. Case is significant. A
// pattern that admits no principal is an error and does not admit all.
func TestAPREQ_3_Admit(t *testing.T) {
	table := named(t, "HTTP/a@R", "HTTP/b@R", "HTTP/a@S", "svc@R", "krbtgt/R@R", "kadmin/admin@R")
	for _, c := range []struct{ patterns, want string }{
		{"", "HTTP/a@R HTTP/b@R HTTP/a@S svc@R"},
		{"HTTP/a", "HTTP/a@R HTTP/a@S"},
		{"svc@R HTTP/", "svc@R HTTP/a@R HTTP/b@R HTTP/a@S"},
		{"krbtgt/R HTTP/a@R HTTP/a@R", "krbtgt/R@R HTTP/a@R"},
	} {
		s, err := table.Admit(strings.Fields(c.patterns)...)
		if err != nil || s.Table() != table {
			t.Fatalf("%q: %v", c.patterns, err)
		}
		var got []Principal
		for _, g := range s.admitted {
			got = append(got, table.groups[g].principal)
		}
		if texts(got) != c.want {
			t.Errorf("%q admits %s, want %s", c.patterns, texts(got), c.want)
		}
	}
	for patterns, want := range map[string]status.Reason{
		"http/a": status.ReasonNoKey, "HTTP/c HTTP/d": status.ReasonNoKey, "HTTP/": status.ReasonNone,
		"HTTP/\xc3\xbc": status.ReasonNoKey, "HTTP/\xc3\\\xbc": status.ReasonArgument, // valid UTF-8, and UTF-8 only without the backslash
		"a@b@c": status.ReasonArgument, "HTTP/a /": status.ReasonArgument,
	} {
		s, err := table.Admit(strings.Fields(patterns)...)
		if status.ReasonOf(err) != want || err != nil && s != nil {
			t.Errorf("%q: %v, want %v", patterns, err, want)
		}
	}
	if len(table.Only().admitted) != 0 || len(table.Only(MustParsePrincipal("http/a@R")).admitted) != 0 {
		t.Error("no name admits a principal")
	}
}
