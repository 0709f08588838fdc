package sspiallow_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi/sspiallow"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

func clientOf(t testing.TB) keytab.Principal {
	t.Helper()
	return keytab.MustParsePrincipal("alice@" + corpRealm)
}

// write writes a file of names.
func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "names")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openNames(t testing.TB, text string) *sspiallow.Names {
	t.Helper()
	n, err := sspiallow.OpenNames(write(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRULE_4_Names checks the names of a file, of well-known SIDs and of the functions, in both
// directions.
func TestRULE_4_Names(t *testing.T) {
	n, err := sspiallow.NamesConfig{
		Path: write(t, "\ufeff"+strings.ReplaceAll(names, "\n", "\r\n")),
		Resolve: func(name string) (pac.SID, error) {
			switch name {
			case `CORP\hooked`:
				return corp(7), nil
			case "zero":
				return pac.SID{}, nil
			}
			return pac.SID{}, errors.New("the hook does not know it")
		},
		Display: func(sid pac.SID) string {
			if sid == corp(7) {
				return `CORP\hooked`
			}
			return ""
		},
	}.Open()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]pac.SID{
		`CORP\staff`: corp(staff), `corp\Staff`: corp(staff), `CORP\R, D (all) "new"`: corp(engineers), `CORP\interns`: corp(interns),
		"CORP": corp(1).Domain(), `CORP\Domain Admins`: corp(512), `corp\domain users`: corp(513), `PARTNER\staff`: partner(staff),
		"Claims Valid": pac.ClaimsValid, "Enterprise Domain Controllers": pac.MustParseSID("S-1-5-9"), `CORP\hooked`: corp(7),
	} {
		if got, err := n.Lookup(name); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", name, got, err, want)
		}
	}
	for _, name := range []string{"", "staff", `PARTNER\Domain Admins`, "Domain Admins", "Everyone", `BUILTIN\Administrators`, `CORP\`, `CORP\staff `, "zero"} {
		if got, err := n.Lookup(name); status.ReasonOf(err) != status.ReasonArgument || !got.IsZero() {
			t.Errorf("%q: %v, %v", name, got, err)
		}
		if _, err := n.Lookup(name); strings.Contains(err.Error(), "; line ") != (name == "staff") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := n.Lookup(`PARTNER\Domain Admins`); err == nil || !strings.Contains(err.Error(), `; a line with the SID of the domain and the name "PARTNER" names the groups that every domain has`) {
		t.Errorf("%v, want a hint at the line of the domain", err)
	}
	for sid, want := range map[pac.SID]string{
		corp(staff): `CORP\staff`, corp(513): `CORP\Domain Users`, partner(513): `S-1-5-21-21-22-23\Domain Users`, corp(7): `CORP\hooked`,
		corp(8): "S-1-5-21-11-12-13-8", pac.ClaimsValid: "Claims Valid", pac.MustParseSID("S-1-5-32-544"): `BUILTIN\Administrators`, {}: "",
	} {
		if got := n.Name(sid); got != want {
			t.Errorf("%v: %s, want %s", sid, got, want)
		}
	}
	var none *sspiallow.Names
	without, err := sspiallow.NamesConfig{}.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []*sspiallow.Names{none, without} {
		if got, err := n.Lookup("claims valid"); err != nil || got != pac.ClaimsValid {
			t.Errorf("%v, %v", got, err)
		}
		if _, err := n.Lookup(`CORP\staff`); err == nil || !strings.Contains(err.Error(), "there is no file of names") {
			t.Error(err)
		}
		if got := n.Name(corp(513)); got != `S-1-5-21-11-12-13\Domain Users` || n.Err() != nil {
			t.Errorf("%s, %v", got, n.Err())
		}
	}
}

// TestRULE_4_BadFiles refuses files of names with the number of the line.
func TestRULE_4_BadFiles(t *testing.T) {
	for text, want := range map[string]string{
		"S-1-5-21-1-2-3-4":                                    "line 1: S-1-5-21-1-2-3-4 has no name",
		"# x\n\nCORP\\staff S-1-5-21-1-2-3-4":                 `line 3: "CORP\\staff" is no SID`,
		"S-1-5-21-1-2-3-04 a":                                 `line 1: "S-1-5-21-1-2-3-04" is no SID`,
		"S-1-5-21-1-2-3-4 a\nS-1-5-21-1-2-3-5 A":              `line 2: line 1 already has the name "A", for S-1-5-21-1-2-3-4`,
		"S-1-5-21-1-2-3-4 K\nS-1-5-21-1-2-3-5 \u212a":         "line 2: line 1 already has the name",
		"S-1-5-21-1-2-3-4 a\n#\nS-1-5-21-1-2-3-4 b":           "line 3: line 1 already has a name for S-1-5-21-1-2-3-4",
		"S-1-5-21-1-2-3-4 a\nS-1-5-21-1-2-3-4 a":              "line 2: line 1 already has a name",
		"S-1-5-21-1-2-3-4 S-1-5-21-1-2-3-512":                 "begins like a SID",
		"S-1-5-21-1-2-3-4 a\x1b[2J":                           `line 1: the name "a\x1b[2J" has a character that is not printable`,
		"S-1-5-21-1-2-3-4 a\xff":                              "not UTF-8",
		"S-1-5-21-1-2-3-4 " + strings.Repeat("a", 513):        "more than 512 bytes",
		"S-1-5-21-1-2-3 C\nS-1-5-21-9-9-9-9 c\\krbtgt":        `line 2: the name "c\\krbtgt" is that of the well-known group S-1-5-21-1-2-3-502`,
		"S-1-5-21-9-9-9-9 c\\Domain Admins\nS-1-5-21-1-2-3 C": "line 1: the name",
		"S-1-5-21-9-9-9-9 claims valid":                       "well-known group S-1-5-21-0-0-0-497",
		"\xff\xfeS\x00-\x001\x00":                             "UTF-16",
	} {
		n, err := sspiallow.OpenNames(write(t, text))
		if n != nil || status.ReasonOf(err) != status.ReasonArgument || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "the file of names ") {
			t.Errorf("%.60q: %v, want %s", text, err, want)
		}
	}
	dir := t.TempDir()
	for path, want := range map[string]string{"": "is empty", dir: "not a regular file", filepath.Join(dir, "x"): "it does not exist"} {
		if n, err := sspiallow.OpenNames(path); n != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", path, err)
		}
	}
	if runtime.GOOS != "windows" {
		path := write(t, names)
		if err := os.Chmod(path, 0o602); err != nil {
			t.Fatal(err)
		}
		if n, err := sspiallow.OpenNames(path); n != nil || err == nil || !strings.Contains(err.Error(), "every user may write it") {
			t.Errorf("writable by everyone: %v", err)
		}
	}
	path := write(t, "")
	if err := os.Truncate(path, 16<<20+1); err != nil {
		t.Fatal(err)
	}
	if n, err := sspiallow.OpenNames(path); n != nil || err == nil || !strings.Contains(err.Error(), "longer than 16777216 bytes") {
		t.Errorf("a long file: %v", err)
	}
}

// TestRULE_4_NoLoop checks that neither a name that has its own name in it nor one that looks like
// a rule refers to anything: names are plain text.
func TestRULE_4_NoLoop(t *testing.T) {
	const loop = `any(CORP\loop)`
	n := openNames(t, names+corp(7).String()+" "+loop+"\n"+corp(8).String()+" CORP\\staff CORP\\staff\n")
	for name, want := range map[string]pac.SID{loop: corp(7), `CORP\staff CORP\staff`: corp(8)} {
		if r, err := sspiallow.Parse(`"`+name+`"`, n); err != nil || n.Name(want) != name || r.Check(client(t, "alice", member(want, nil))) != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	if r, err := sspiallow.Parse(loop, n); status.ReasonOf(err) != status.ReasonArgument || !strings.Contains(err.Error(), `"CORP\\loop" has no SID`) {
		t.Errorf("%v, %v", r, err)
	}
}

// TestRULE_4_ManyLines reads 100,000 names.
func TestRULE_4_ManyLines(t *testing.T) {
	var b strings.Builder
	b.WriteString("S-1-5-21-11-12-13 CORP\n")
	for i := range 100_000 {
		fmt.Fprintf(&b, "%v CORP\\group %d\n", corp(1000+i), i)
	}
	n := openNames(t, b.String())
	if sid, err := n.Lookup(`CORP\Group 99999`); err != nil || sid != corp(100_999) {
		t.Errorf("%v, %v", sid, err)
	}
	if _, err := n.Lookup("group 77"); err == nil || !strings.Contains(err.Error(), `line 79 has "CORP\\group 77"`) {
		t.Errorf("%v, want a hint at the line", err)
	}
}

// TestRULE_5_Rules refuses texts that are not rules, and rules that cannot be meant.
func TestRULE_5_Rules(t *testing.T) {
	n := openNames(t, names)
	for text, want := range map[string]string{
		"":                              "expected a rule",
		"  ":                            "expected a rule",
		`CORP\nobody`:                   `"CORP\\nobody" has no SID: no line of`,
		"staff":                         `line 3 has "CORP\\staff"`,
		"CORP":                          "is a domain",
		"S-1-5-21-11-12-13":             "is a domain",
		"S-1-5-21-1-2-3-x":              "not a SID",
		"S-1-5-32-544":                  "no ticket grants S-1-5-32-544",
		"S-1-1-0":                       "no ticket grants",
		"S-1-16-4096":                   "no ticket grants",
		`CORP\staff, CORP\interns`:      "at byte 11: expected the end of the rule; several rules need any(...)",
		`any(CORP\staff`:                "expected a comma or a closing parenthesis",
		"any()":                         "expected a rule",
		`any(CORP\staff,)`:              "expected a rule",
		`all(CORP\staff))`:              "expected the end of the rule",
		`not(CORP\staff, CORP\interns)`: "not has one rule",
		`not(CORP\staff, CORP\nobody)`:  "has no SID",
		`some(CORP\staff)`:              `"some" is not any, all, not, realm, claim, indicator, device or deviceclaim`,
		`CORP\R (new)`:                  "in double quotes",
		`"CORP\staff`:                   "not closed",
		`""`:                            "a name is empty",
		`"CORP\staff" x`:                "expected the end",
		"realm()":                       "expected a rule",
		"realm(A, B)":                   "expected realm(REALM)",
		"claim(A, B)":                   "expected claim(REALM, CLAIM, VALUE)",
		"indicator()":                   "expected a rule",
		"indicator(a, b)":               "expected indicator(INDICATOR)",
		"device()":                      "expected a rule",
		`device(CORP\nobody)`:           `at byte 8: "CORP\\nobody" has no SID`,
		"device(CORP)":                  "is a domain",
		`device(CORP\laptops`:           "expected device(GROUP)",
		`device(not(CORP\laptops))`:     "expected device(GROUP)",
		"device(S-1-5-32-544)":          "no ticket grants",
		"deviceclaim(A, B)":             "expected deviceclaim(REALM, CLAIM, VALUE)",
		"claim(A, B, C":                 "expected claim(REALM, CLAIM, VALUE)",
		"\xff":                          "not UTF-8",
		strings.Repeat("not(", 40):      "more than 32 deep",
		strings.Repeat("x", 1<<16+1):    "at most 65536 bytes",
		`"S-1-5-21-11-12-13-2001"`:      "has no SID",
	} {
		r, err := sspiallow.Parse(text, n)
		if status.ReasonOf(err) != status.ReasonArgument || !strings.Contains(err.Error(), want) || r.String() != "" {
			t.Errorf("%.60q: %v, want %s", text, err, want)
		}
	}
	for text, want := range map[string]string{
		` any ( CORP\staff ,"CORP\R, D (all) ""new""" ) `: `any(CORP\staff, "CORP\R, D (all) ""new""")`,
		"realm( A B )":      "realm(A B)",
		`realm(" A,B")`:     `realm(" A,B")`,
		"not(Claims Valid)": "not(Claims Valid)",
	} {
		if r, err := sspiallow.Parse(text, n); err != nil || r.String() != want {
			t.Errorf("%s: %s, %v, want %s", text, r, err, want)
		}
	}
	hook := errors.New("the directory is away")
	broken, err := sspiallow.NamesConfig{Resolve: func(string) (pac.SID, error) { return pac.SID{}, hook }}.Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sspiallow.Parse(`CORP\staff`, broken); !errors.Is(err, hook) {
		t.Errorf("%v does not wrap the error of Resolve", err)
	}
}
