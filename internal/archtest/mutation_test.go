package archtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
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
	{"authenticator/filereplay", []string{"authenticator/filereplay"}},
	{"internal/ccache", []string{"sspi/sspideleg", "sspi/sspitest"}},
	{"internal/contextseal", []string{"internal/contextseal", "sspi"}},
	{"internal/etype", []string{"internal/etype", "keytab", "sspi", "sspi/sspideleg"}},
	{"internal/krb5", []string{"internal/krb5", "ticket", "authenticator", "sspi", "sspi/sspideleg"}},
	{"internal/message", []string{"internal/message", "sspi"}},
	{"internal/ndr", []string{"internal/ndr", "ticket/pac"}},
	{"internal/quote", []string{"internal/quote"}},
	{"internal/reply", []string{"internal/reply", "sspi"}},
	{"internal/secret", []string{"internal/secret", "sspi"}},
	{"internal/spnego", []string{"internal/spnego", "sspi"}},
	{"internal/testkdc", []string{"internal/testkdc", "sspi/sspitest"}},
	{"internal/xpress", []string{"internal/xpress", "ticket/pac"}},
	{"keytab", []string{"keytab", "ticket", "sspi"}},
	{"keytab/gokrb5keytab", []string{"keytab/gokrb5keytab"}},
	{"flags", []string{"flags"}},
	{"sspi", []string{"sspi"}},
	{"sspi/sspiallow", []string{"sspi/sspiallow"}},
	{"sspi/sspideleg", []string{"sspi/sspideleg"}},
	{"sspi/sspihttp", []string{"sspi/sspihttp"}},
	{"sspi/sspisasl", []string{"sspi/sspisasl"}},
	{"sspi/sspissh", []string{"sspi/sspissh"}},
	{"sspi/sspitls", []string{"sspi/sspitls", "sspi/sspihttp"}},
	{"status", []string{"status"}},
	{"ticket/pac", []string{"ticket/pac", "sspi"}},
}

// changedBudget is the time that the mutants of changed lines get. The test lists
// the mutants that it did not run.
const changedBudget = 10 * time.Minute

// TestAPREQ_15_EveryCheckIsTested leaves out every check of the packages above, one
// at a time, and wants a test to fail each time, or a row of
// testdata/mutation-survivors.tsv that gives the reason why none does. KERBEROS_MUTATE
// says which checks: 1 for all of them, which takes some ten minutes, the name of a
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
		verdict, detail := c.leaveOut(ctx, t, compiled)
		fmt.Printf("%s: %d of %d, %s: %s%s\n", c.dir(), i+1, len(all), c, verdict, detail)
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

// suite contains the compiled tests of one package, mutants included.
type suite struct {
	dir, binary string
	reach       map[string][]reaching // by check: the tests in which its condition is true
}

// reaching is a test in which the condition of a check is true, and how long it takes.
type reaching struct {
	name string
	took time.Duration
}

// quick is the time from which a test counts as slow. The quick tests of all packages
// run before the slow tests.
const quick = 100 * time.Millisecond

const (
	noticed  = "noticed"
	survived = "SURVIVED"
	notRun   = "NOT RUN: the time is up"
)

var (
	// ranTest matches the line with which a test says that it passed, and how long it took.
	ranTest = regexp.MustCompile(`(?m)^--- PASS: \S+ \((\d+\.\d+s)\)$`)
	// skippedTest matches the line with which a test says that it skipped.
	skippedTest = regexp.MustCompile(`(?m)^--- SKIP: `)
	// failedTest matches the line with which a test says that it failed.
	failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\S+) `)
)

// suites makes the suite of a package when a mutant first needs it.
type suites struct {
	dir, overlay string
	made         map[string]suite
}

// of compiles the tests of a package once for all mutants: the environment says which
// check a run leaves out. It then runs each test in a process of its own with every check
// in place, and reads from the trace the checks whose conditions were true. Any other test
// behaves alike with the check and without it, and need not run for it. Tests that count
// allocations may fail, since the mutants change what the compiler inlines: their names
// are printed, and they run for no mutant.
func (all *suites) of(ctx context.Context, t *testing.T, p string) suite {
	t.Helper()
	if s, ok := all.made[p]; ok {
		return s
	}
	s := suite{
		dir:    filepath.Join(root, filepath.FromSlash(p)),
		binary: filepath.Join(all.dir, strings.ReplaceAll(p, "/", "_")+".test"),
		reach:  make(map[string][]reaching),
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-buildvcs=false", "-vet=off", "-overlay", all.overlay, "-o", s.binary, ".")
	cmd.Dir = s.dir // which may be in another module
	if out, err := cmd.CombinedOutput(); err != nil && ctx.Err() == nil {
		t.Fatalf("the tests of %s with mutants do not compile: %v\n%s", p, err, out)
	}
	list, err := s.run(ctx, "", "", "-test.list=^(Test|Example|Fuzz)")
	if err != nil && ctx.Err() == nil {
		t.Fatalf("the tests of %s with mutants cannot be listed: %v\n%s", p, err, list)
	}
	var unfit []string
	passed := 0
	for _, name := range strings.Fields(string(list)) {
		trace := filepath.Join(all.dir, "trace")
		if err := os.WriteFile(trace, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := s.run(ctx, "", trace, "-test.v", "-test.run=^"+name+"$", "-test.timeout=5m")
		if err != nil {
			unfit = append(unfit, name)
			continue
		}
		m := ranTest.FindSubmatch(out)
		if m == nil {
			if !skippedTest.Match(out) {
				t.Fatalf("%s of %s neither passed nor skipped:\n%s", name, p, out)
			}
			continue
		}
		passed++
		took, err := time.ParseDuration(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range strings.Fields(string(b)) {
			s.reach[c] = append(s.reach[c], reaching{name, took})
		}
	}
	if len(unfit) > 0 && ctx.Err() == nil {
		fmt.Printf("%s: these tests fail with every check in place, and run for no mutant: %s\n", p, strings.Join(unfit, " "))
	}
	if passed == 0 && ctx.Err() == nil {
		t.Fatalf("no test of %s passes with every check in place", p)
	}
	all.made[p] = s
	return s
}

// run runs the tests without the check of that name, "" for all checks. The names of the
// checks whose conditions were true are added to the file trace, unless it is "".
func (s suite) run(ctx context.Context, without, trace string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), mutantVariable+"="+without, traceVariable+"="+trace, "KERBEROS_MUTATE=")
	return cmd.CombinedOutput()
}

// leaveOut runs the tests that reach the check without it, first those that take no time.
// It returns the verdict, and for the reader which test failed.
func (c check) leaveOut(ctx context.Context, t *testing.T, all *suites) (verdict, detail string) {
	t.Helper()
	var tests []string
	for _, m := range mutated {
		if m.dir == c.dir() {
			tests = m.tests
		}
	}
	reached := 0
	for _, slow := range []bool{false, true} {
		for _, p := range tests {
			s := all.of(ctx, t, p)
			var names []string
			limit := 20 * time.Second
			for _, r := range s.reach[c.String()] {
				if r.took >= quick == slow {
					names = append(names, r.name)
					limit += 20 * r.took
				}
			}
			if ctx.Err() != nil {
				return notRun, ""
			}
			if len(names) == 0 {
				continue
			}
			reached += len(names)
			// A mutant may run for ever; the time limit of the tests is a failure too.
			out, err := s.run(ctx, c.String(), "", "-test.run=^("+strings.Join(names, "|")+")$", "-test.failfast", "-test.timeout="+limit.String())
			if ctx.Err() != nil {
				return notRun, ""
			}
			if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
				if m := failedTest.FindSubmatch(out); m != nil {
					return noticed, " by " + p + ":" + string(m[1])
				}
				return noticed, " by " + p + ": the tests crash or do not end"
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	return survived, fmt.Sprintf(": its condition is true in %d tests", reached)
}
