package sspiallow

import (
	"errors"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// TestRULE_6_MIT compares the results of rules with those that MIT's documentation (krb5.conf,
// auth_to_local) and its test t_localauth.py name. "" means that no rule applies.
func TestRULE_6_MIT(t *testing.T) {
	documented := []string{
		"RULE:[2:$1](johndoe)s/^.*$/guest/", "RULE:[2:$1;$2](^.*;admin$)s/;admin$//", "RULE:[2:$2](^.*;root)s/^.*$/root/", "DEFAULT",
	}
	combo := []string{"RULE:[1:$1-$0](fred.*)s/-/ /g", "DEFAULT", "RULE:[3:$1](z.*z)"}
	for _, c := range []struct {
		values          []string
		principal, want string
	}{
		{[]string{"DEFAULT"}, "user@KRBTEST.COM", "user"},
		{[]string{"DEFAULT"}, "user/KRBTEST.COM@KRBTEST.COM", "user"},
		{[]string{"DEFAULT"}, "user/KRBTEST.COM/x@KRBTEST.COM", ""},
		{[]string{"DEFAULT"}, "user/X@KRBTEST.COM", ""},
		{[]string{"DEFAULT"}, "user@X", ""},
		{[]string{"RULE:"}, "user@KRBTEST.COM", "user"},
		{[]string{"RULE:"}, "user@X", "user"},
		{[]string{"RULE:"}, "a/b/c@X", "a/b/c"},
		{[]string{"RULE:[2:$0.$2.$1]"}, "aaron/burr@REALM", "REALM.burr.aaron"},
		{[]string{"RULE:[2:$0.$2.$1]"}, "user@KRBTEST.COM", ""},
		{[]string{"RULE:(.*tail)"}, "withtail@X", "withtail"},
		{[]string{"RULE:(.*tail)"}, "x/withtail@X", "x/withtail"},
		{[]string{"RULE:(.*tail)"}, "tails@X", ""},
		{[]string{"RULE:s/birds/bees/"}, "thebirdsbirdsbirds@X", "thebeesbirdsbirds"},
		{[]string{"RULE:s/birds/bees/g  s/bees/birds/"}, "the/birdsbirdsbirds@x", "the/birdsbeesbees"},
		{combo, "fred@X", "fred X"},
		{combo, "fred-too@X", "fred too X"},
		{combo, "fred@KRBTEST.COM", "fred KRBTEST.COM"},
		{combo, "user@KRBTEST.COM", "user"},
		{combo, "zazz/b/c@X", "zazz"},
		{combo, "a/b@KRBTEST.COM", ""},
		{[]string{"RULE:(test/rulefirst)s/.*/rule/"}, "test/rulefirst@X", "rule"},
		{documented, "johndoe/anything@X", "guest"},
		{documented, "kim/admin@X", "kim"},
		{documented, "kim@KRBTEST.COM", "kim"},
		{documented, "kim@X", ""},
		// The search goes on behind a match as at the begin of a text.
		{[]string{"RULE:s/^a//g"}, "aaab@X", "b"},
		// Leftmost-longest, as POSIX has it; a bare match is not enough.
		{[]string{"RULE:(a|ab)"}, "ab@X", "ab"},
		{[]string{"RULE:(b)"}, "abc@X", ""},
		{[]string{"RULE:(^b$)"}, "a\\nb\\nc@X", ""},
		{[]string{"RULE:"}, "a\\nb@X", ""},
		{[]string{"RULE:[1:$1$1]"}, strings.Repeat("x", 1000) + "@X", strings.Repeat("x", 2000)},
		{[]string{"RULE:s/x/yyyyyyyyyy/g"}, strings.Repeat("x", 1000) + "@X", ""},
	} {
		l, err := ParseLocalNames("KRBTEST.COM", c.values...)
		if err != nil {
			t.Errorf("%q: %v", c.values, err)
			continue
		}
		if got, rule := l.translate(keytab.MustParsePrincipal(c.principal)); got != c.want || (rule == "") != (c.want == "") {
			t.Errorf("%q maps %.60q to %.60q by %q, want %.60q", c.values, c.principal, got, rule, c.want)
		}
	}
}

// TestRULE_6_Malformed refuses values that MIT's library does not accept or never finishes, and
// those that it understands in another way than they look.
func TestRULE_6_Malformed(t *testing.T) {
	for value, want := range map[string]string{
		"":                            "neither DEFAULT nor a RULE:",
		"RULE":                        "neither DEFAULT nor a RULE:",
		"default":                     "neither DEFAULT nor a RULE:",
		"UNRECOGNIZED:stuff":          "neither DEFAULT nor a RULE:",
		"DB:/etc/names":               "neither DEFAULT nor a RULE:",
		"RULE:[1:$1":                  "[n:string]",
		"RULE:[1]":                    "[n:string]",
		"RULE:[:$1]":                  "[n:string]",
		"RULE:[0:$0]":                 "[n:string]",
		"RULE:[33:$1]":                "[n:string]",
		"RULE:[-1:$1]":                "[n:string]",
		"RULE:[+1:$1]":                "[n:string]",
		"RULE:[1:$2]":                 "$ is not followed by a number from 0 to 1",
		"RULE:[1:$]":                  "$ is not followed by a number",
		"RULE:[1:$x]":                 "$ is not followed by a number",
		"RULE:[1:$99999999999]":       "$ is not followed by a number",
		"RULE:[1:$1](a":               "no closing parenthesis",
		"RULE:[1:$1]((a|b))":          "it ends at the first closing parenthesis",
		"RULE:[1:$1](a)x":             "is not s/pattern/replacement/",
		"RULE:[1:$1](a)s/b/c":         "is not s/pattern/replacement/",
		"RULE:[1:$1](a)s/b/c/L":       "is not s/pattern/replacement/",
		"RULE:[1:$1@$0](.*)s/@.*///L": "is not s/pattern/replacement/",
		"RULE:s/[/b/":                 "missing closing ]",
		"RULE:s/x*/b/g":               "matches the empty string",
		"RULE:s/$/b/g":                "matches the empty string",
		`RULE:(\d)`:                   "invalid escape",
	} {
		l, err := ParseLocalNames("R", "DEFAULT", value)
		if l != nil || status.ReasonOf(err) != status.ReasonArgument || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "value 2 of auth_to_local") {
			t.Errorf("%q: %v, want %s", value, err, want)
		}
	}
	for _, l := range []func() (*LocalNames, error){
		func() (*LocalNames, error) { return ParseLocalNames("", "DEFAULT") },
		func() (*LocalNames, error) { return ParseLocalNames("R") },
	} {
		if l, err := l(); l != nil || status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%v", err)
		}
	}
	if _, err := (*LocalNames)(nil).User(nil); status.ReasonOf(err) != status.ReasonNotAuthorized || !strings.Contains(err.Error(), "there are no rules") {
		t.Error(err)
	}
}

// TestRULE_6_LongBetween checks that a rule does not apply if one of its edits makes the text
// too long, although a later edit would shorten it.
func TestRULE_6_LongBetween(t *testing.T) {
	var edits string
	for range maxLocal/100 + 1 {
		edits += "s/^/" + strings.Repeat("x", 100) + "/"
	}
	for value, want := range map[string]string{"RULE:[1:$1]s/.*/short/": "short", "RULE:[1:$1]" + edits + "s/.*/short/": ""} {
		l, err := ParseLocalNames("R", value)
		if err != nil {
			t.Fatal(err)
		}
		if user, rule := l.translate(keytab.MustParsePrincipal("alice@R")); user != want || (rule == "") != (want == "") {
			t.Errorf("%.40s...: %q, %q", value, user, rule)
		}
	}
}

// TestRULE_2_ClaimsOnce checks that the claims and the computer of a client are decoded once.
func TestRULE_2_ClaimsOnce(t *testing.T) {
	known := errors.New("no claims")
	unnamed := errors.New("no device")
	v := &facts{claims: &claims{err: known}, deviceClaims: &claims{err: known}, device: &device{err: unnamed}} // without a client, which a second decoding would ask
	if v.readClaims().err != known || v.readDeviceClaims().err != known || v.readDevice().err != unnamed {
		t.Errorf("%+v", v)
	}
}

// FuzzLocalNames checks that a value that parses maps a principal to a text of bounded length,
// and that a rule without edits maps to a text of the principal.
func FuzzLocalNames(f *testing.F) {
	for _, s := range [][2]string{
		{"RULE:[2:$1;$2](^.*;admin$)s/;admin$//", "kim/admin@X"},
		{"RULE:s/birds/bees/g  s/bees/birds/", "birds@X"},
		{"DEFAULT", "user/R@R"},
		{"RULE:[1:$1-$0](fred.*)s/-/ /g", "fred@R"},
		{"RULE:s/a|/aa/", "a@R"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, value, name string) {
		if len(value) > 200 || len(name) > 200 {
			return // regular expressions have no other bound on their cost
		}
		l, err := ParseLocalNames("R", value)
		if err != nil {
			if e := new(status.Error); !errors.As(err, &e) || l != nil {
				t.Fatalf("%v, %v", l, err)
			}
			return
		}
		p, err := keytab.ParsePrincipal(name)
		if err != nil {
			return
		}
		user, rule := l.translate(p)
		if len(user) > maxLocal && rule != "" || rule == "" && user != "" {
			t.Fatalf("%d bytes by %q", len(user), rule)
		}
	})
}
