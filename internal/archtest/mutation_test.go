package archtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// mutated names the packages whose checks are left out one by one, and the packages
// whose tests must notice, the quickest first.
var mutated = []struct {
	dir   string
	tests []string
}{
	{"ticket", []string{"ticket", "sspi"}},
	{"authenticator", []string{"authenticator", "internal/reply", "sspi"}},
	{"internal/reply", []string{"internal/reply", "sspi"}},
	{"internal/message", []string{"internal/message", "sspi"}},
	{"internal/spnego", []string{"internal/spnego", "sspi"}},
	{"internal/krb5", []string{"internal/krb5", "ticket", "authenticator", "sspi"}},
	{"keytab", []string{"keytab", "ticket", "sspi"}},
	{"sspi", []string{"sspi"}},
	{"sspi/sspissh", []string{"sspi/sspissh"}},
}

// changedBudget is the time that the mutants of changed lines get. The test lists
// the mutants that it did not run.
const changedBudget = 10 * time.Minute

// TestAPREQ_15_EveryCheckIsTested leaves out every check of the packages above, one
// at a time, and wants a test to fail each time, or a row of
// testdata/mutation-survivors.tsv that gives the reason why none does. KERBEROS_MUTATE
// says which checks: 1 for all of them, which takes an hour or more, the name of a
// folder or of a file (make mutate), or "changed" for the checks in lines that changed
// (make mutate-changed). Otherwise the test skips.
func TestAPREQ_15_EveryCheckIsTested(t *testing.T) {
	wanted := os.Getenv("KERBEROS_MUTATE")
	if wanted == "" {
		t.Skip("KERBEROS_MUTATE is not set: see make mutate")
	}
	all := wantedChecks(t, wanted)
	if len(all) == 0 {
		fmt.Println("mutation: there is no check to leave out")
		return
	}
	budget := 6 * time.Hour
	if wanted == "changed" {
		budget = changedBudget
	}
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	dir := t.TempDir()
	compiled := &suites{dir: dir, overlay: writeMutants(t, dir, all), made: make(map[string]suite)}
	lived, died := make(map[survivor]bool), make(map[survivor]bool)
	for i, c := range all {
		verdict := c.leaveOut(ctx, t, compiled)
		fmt.Printf("%s: %d of %d, %s: %s\n", c.dir(), i+1, len(all), c, verdict)
		switch verdict {
		case survived:
			lived[c.key()] = true
		case noticed:
			died[c.key()] = true
		}
	}
	known := survivors(t)
	for _, c := range all {
		if lived[c.key()] && known[c.key()] == "" {
			t.Errorf("%s: no test fails without this check: %s", c, c.text)
		}
	}
	for s := range known {
		if died[s] && !lived[s] {
			t.Errorf("mutation-survivors.tsv: a test notices that %s of %s is left out (%s): take its row away", s.text, s.function, s.path)
		}
	}
}

// wantedChecks returns the checks that KERBEROS_MUTATE asks for. Nil with a line that
// gives the reason if it asks for changed lines and there is nothing to compare with.
func wantedChecks(t *testing.T, wanted string) []check {
	t.Helper()
	var lines map[string][]span
	if wanted == "changed" {
		base, err := mutationBase()
		if err != nil {
			fmt.Printf("NOT RUN: the mutation of changed lines: %v\n", err)
			return nil
		}
		if lines, err = changedLines(base); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("mutation: lines that changed since %s\n", base)
	}
	var out []check
	for _, m := range mutated {
		for _, c := range checks(t, m.dir) {
			changed := slices.ContainsFunc(lines[c.path], func(s span) bool { return s.first <= c.last && c.line <= s.last })
			if wanted == "1" || wanted == m.dir || wanted == c.path || changed {
				out = append(out, c)
			}
		}
	}
	return out
}

// suite is the compiled tests of one package, mutants included.
type suite struct {
	dir, binary string
	quick       string // a pattern of the tests that take no time
	unfit       string // a pattern of the tests that fail with mutants in the code
}

const (
	noticed  = "noticed"
	survived = "SURVIVED"
	notRun   = "NOT RUN: the time is up"
)

// ranTest is the line with which a test says that it passed or failed, and how long
// it took.
var ranTest = regexp.MustCompile(`(?m)^--- (PASS|FAIL): (\S+) \((\d+\.\d+)s\)$`)

// suites makes the suite of a package when a mutant first asks for it.
type suites struct {
	dir, overlay string
	made         map[string]suite
}

// of compiles the tests of a package once for all mutants: the environment says which
// check a run leaves out. It then runs them with every check in place. Tests that count
// allocations may fail, since the mutants change what the compiler inlines: their names
// are printed, and no mutant is shown to them.
func (all *suites) of(ctx context.Context, t *testing.T, p string) suite {
	t.Helper()
	if s, ok := all.made[p]; ok {
		return s
	}
	s := suite{dir: filepath.Join(root, filepath.FromSlash(p)), binary: filepath.Join(all.dir, path.Base(p)+".test"), unfit: "^$"}
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-buildvcs=false", "-vet=off", "-overlay", all.overlay, "-o", s.binary, "./"+p)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil && ctx.Err() == nil {
		t.Fatalf("the tests of %s with mutants do not compile: %v\n%s", p, err, out)
	}
	out, err := s.run(ctx, "", "-test.v", "-test.timeout=20m")
	var quick, unfit []string
	for _, m := range ranTest.FindAllStringSubmatch(string(out), -1) {
		switch {
		case m[1] == "FAIL":
			unfit = append(unfit, m[2])
		case len(m[3]) == 4 && m[3] <= "0.09":
			quick = append(quick, m[2])
		}
	}
	if err != nil && ctx.Err() == nil {
		if len(unfit) == 0 || strings.Contains(string(out), "\npanic: ") {
			t.Fatalf("the tests of %s fail with every check in place: %v\n%s", p, err, out)
		}
		fmt.Printf("%s: with mutants in the code these tests fail, and are not asked: %s\n", p, strings.Join(unfit, " "))
		s.unfit = "^(" + strings.Join(unfit, "|") + ")$"
	}
	s.quick = "^(" + strings.Join(quick, "|") + ")$"
	all.made[p] = s
	return s
}

// run runs the tests without the check of that name, "" for all checks.
func (s suite) run(ctx context.Context, without string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), mutantVariable+"="+without, "KERBEROS_MUTATE=")
	return cmd.CombinedOutput()
}

// leaveOut runs the tests without the check, first those that take no time.
func (c check) leaveOut(ctx context.Context, t *testing.T, all *suites) string {
	t.Helper()
	for _, m := range mutated {
		if m.dir != c.dir() {
			continue
		}
		for _, quick := range []bool{true, false} {
			for _, p := range m.tests {
				s := all.of(ctx, t, p)
				which := []string{"-test.run=" + s.quick, "-test.skip=" + s.unfit}
				if !quick {
					which = []string{"-test.skip=" + s.quick + "|" + s.unfit}
				}
				// A mutant may run for ever; the time limit of the tests is a failure too.
				_, err := s.run(ctx, c.String(), append(which, "-test.failfast", "-test.timeout=90s")...)
				if ctx.Err() != nil {
					return notRun
				}
				if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
					return noticed
				} else if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return survived
}
