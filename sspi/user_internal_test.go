package sspi

import (
	"strings"
	"testing"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// principalPeer returns a client of a realm without accounts, whose principal is its identity.
func principalPeer(text string) *Peer {
	return &Peer{Client: keytab.MustParsePrincipal(text), naming: namesPrincipal}
}

func TestNAME_6_ZeroPeer(t *testing.T) {
	for name, p := range map[string]*Peer{"nil": nil, "zero": {}, "zero of a realm without accounts": {naming: namesPrincipal}} {
		if user, err := p.User(""); err == nil || status.ReasonOf(err) != status.ReasonNotAuthorized {
			t.Errorf("the %s Peer is the user %q, %v", name, user, err)
		}
	}
}

func TestNAME_2_User(t *testing.T) {
	realms := []string{"A.EXAMPLE", "B.EXAMPLE"}
	for text, want := range map[string]string{
		"alice@A.EXAMPLE":             "alice",
		"Alice@B.EXAMPLE":             "Alice", // the case does not change
		"_apt-1.x@A.EXAMPLE":          "_apt-1.x",
		"jörg.müller@A.EXAMPLE":       "",
		"1000@A.EXAMPLE":              "",
		"1a@A.EXAMPLE":                "",
		"-oProxyCommand=id@A.EXAMPLE": "",
		"-a@A.EXAMPLE":                "",
		".a@A.EXAMPLE":                "",
		"a b@A.EXAMPLE":               "",
		"root @A.EXAMPLE":             "",
		" root@A.EXAMPLE":             "",
		"root\u00a0@A.EXAMPLE":        "",
		"аlice@A.EXAMPLE":             "", // the first letter is Cyrillic
		"alice\u202e@A.EXAMPLE":       "",
		"a:b@A.EXAMPLE":               "",
		"a%b@A.EXAMPLE":               "",
		"alice@C.EXAMPLE":             "",
		"alice@a.example":             "",
		"alice/admin@A.EXAMPLE":       "",
		`alice\/admin@A.EXAMPLE`:      "",
		`alice\@A.EXAMPLE@A.EXAMPLE`:  "",
		`CORP\\alice@A.EXAMPLE`:       "",
		"WS1$@A.EXAMPLE":              "",
		"a$b@A.EXAMPLE":               "",
		`alice\0@A.EXAMPLE`:           "",
		`alice\n@A.EXAMPLE`:           "",
		"alice\r@A.EXAMPLE":           "",
		"alice\x1b@A.EXAMPLE":         "",
		"alice\x7f@A.EXAMPLE":         "",
		"alice\u0085@A.EXAMPLE":       "",
		".@A.EXAMPLE":                 "",
		"..@A.EXAMPLE":                "",
		"alice@A.EXAMPLE\\/B.EXAMPLE": "",
	} {
		got, err := principalPeer(text).User(realms...)
		if got != want || (err == nil) != (want != "") || err != nil && status.ReasonOf(err) != status.ReasonNotAuthorized {
			t.Errorf("User of %q = %q, %v; want %q", text, got, err, want)
		}
	}
	if _, err := principalPeer("alice@A.EXAMPLE").User(); err == nil {
		t.Error("without realms, User returned a name")
	}
}

// TestNAME_2_UserNamed checks that a rule of the program may permit other names, but never
// a name that looks like something other than a user.
func TestNAME_2_UserNamed(t *testing.T) {
	all := func(string) bool { return true }
	for text, want := range map[string]string{
		"alice@R": "alice", "jürgen@R": "jürgen", "1000@R": "1000", "WS1$@R": "WS1$", "a b@R": "a b",
		"alice@r": "", "alice/admin@R": "", `alice\/admin@R`: "", `alice\@corp.example@R`: "", `CORP\\alice@R`: "",
		`a\n@R`: "", "a\x1b@R": "", "a\u202e@R": "", "a\u200b@R": "", "a\u00a0@R": "", ".@R": "", "..@R": "",
	} {
		got, err := principalPeer(text).UserNamed(all, "R")
		if got != want || status.ReasonOf(err) == status.ReasonNotAuthorized != (want == "") {
			t.Errorf("UserNamed of %q = %q, %v; want %q", text, got, err, want)
		}
	}
	p := principalPeer("alice@R")
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

// TestNAME_7_UserErrors checks the error (case C14): it names the principal, its realm and
// the permitted realms, or the character, and quotes text that a KDC can choose.
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
		_, err := principalPeer(text).User("EXAMPLE.COM")
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
	_, err := principalPeer("a@R").User("A", "B", "C", "D", "E", "F")
	if !strings.Contains(err.Error(), `given are "A", "B", "C", "D", ...`) {
		t.Errorf("%v", err)
	}
	if _, err = principalPeer("a@R").User(); !strings.Contains(err.Error(), "no realm was given") {
		t.Errorf("%v", err)
	}
}
