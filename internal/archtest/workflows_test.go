package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pinned is an action as a workflow must name it: by a whole commit, with the version
// that the commit is, and "unverified" where nobody has looked that up.
var pinned = regexp.MustCompile(`uses: [a-z-]+/[a-z-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+(, unverified)?$`)

// target is a target of the Makefile that a workflow makes, script a script that it runs.
var (
	target = regexp.MustCompile(`\bmake ([a-z-]+)`)
	script = regexp.MustCompile(`\bbash (\S+)`)
)

// TestWorkflows_Pinned reads every workflow and holds the rules for all of them: read
// rights alone, a time limit for each job, actions pinned by commit, no credentials
// left in the checkout, and scripts and targets that exist.
func TestWorkflows_Pinned(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range workflows(t) {
		if got := fmt.Sprint(w.at("permissions")); got != "map[contents:read]" {
			t.Errorf("%s: permissions are %s", name, got)
		}
		for job, j := range w.at("jobs").(node) {
			j := j.(node)
			if j["timeout-minutes"] == nil {
				t.Errorf("%s: job %s has no timeout-minutes", name, job)
			}
			for _, s := range j["steps"].([]any) {
				step := s.(node)
				uses, _ := step["uses"].(string)
				if strings.HasPrefix(uses, "actions/checkout@") && fmt.Sprint(w.in(step, "with", "persist-credentials")) != "false" {
					t.Errorf("%s: job %s keeps its credentials in the checkout", name, job)
				}
				run, _ := step["run"].(string)
				for _, m := range target.FindAllStringSubmatch(run, -1) {
					if !strings.Contains(string(makefile), "\n"+m[1]+":") {
						t.Errorf("%s: there is no target %s", name, m[1])
					}
				}
				for _, m := range script.FindAllStringSubmatch(run, -1) {
					if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
		}
		for line := range strings.Lines(w.text) {
			if strings.Contains(line, "uses:") && !pinned.MatchString(strings.TrimSpace(line)) {
				t.Errorf("%s: an action that is not pinned by commit with its version beside it: %s", name, line)
			}
		}
	}
}

// TestWorkflows_Jobs holds what the workflows run: .ci/run within its limit; Go stable
// and tip on three operating systems; each night the fuzz targets and the newest
// dependencies.
func TestWorkflows_Jobs(t *testing.T) {
	all := workflows(t)
	ci, nightly := all["ci.yml"], all["nightly.yml"]
	for _, row := range []struct{ what, got, want string }{
		{"what starts ci", fmt.Sprint(ci.at("on")), "map[pull_request:<nil> push:map[branches:[main]]]"},
		{"the limit of .ci/run", fmt.Sprint(ci.at("jobs", "run", "timeout-minutes")), "75"},
		{"operating systems", fmt.Sprint(ci.at("jobs", "platforms", "strategy", "matrix", "os")), "[ubuntu-latest macos-latest windows-latest]"},
		{"versions of Go", fmt.Sprint(ci.at("jobs", "platforms", "strategy", "matrix", "go")), "[stable tip]"},
		{"where they run", fmt.Sprint(ci.at("jobs", "platforms", "runs-on")), "${{ matrix.os }}"},
		{"what starts nightly", fmt.Sprint(nightly.at("on", "schedule")), "[map[cron:17 2 * * *]]"},
	} {
		if row.got != row.want {
			t.Errorf("%s: %s, want %s", row.what, row.got, row.want)
		}
	}
	for _, row := range []struct {
		w         workflow
		job, runs string
	}{{ci, "run", "bash .ci/run"}, {ci, "platforms", "bash .ci/platform"}, {nightly, "fuzz", "make fuzz FUZZTIME=5m"}, {nightly, "newest", "make newest"}, {nightly, "newest", "make vulncheck"}} {
		steps := row.w.at("jobs", row.job, "steps").([]any)
		if !slices.ContainsFunc(steps, func(s any) bool { return s.(node)["run"] == row.runs }) {
			t.Errorf("job %s does not run %q", row.job, row.runs)
		}
	}
	if limit, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md")); err != nil || !strings.Contains(string(limit), "75 minutes") {
		t.Errorf("CONTRIBUTING.md does not say the limit of 75 minutes: %v", err)
	}
}

// TestTemplates_Parse reads the form for issues in the same way.
func TestTemplates_Parse(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, ".github", "ISSUE_TEMPLATE", "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatal("there is no form for issues", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseYAML(string(b)); err != nil {
			t.Errorf("%s: %v", filepath.Base(f), err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, ".github", "PULL_REQUEST_TEMPLATE.md")); err != nil {
		t.Error(err)
	}
}

type workflow struct {
	text string
	top  node
}

// at returns the value at a path of keys, nil if it is not there.
func (w workflow) at(keys ...string) any { return w.in(w.top, keys...) }

func (w workflow) in(v any, keys ...string) any {
	for _, k := range keys {
		n, ok := v.(node)
		if !ok {
			return nil
		}
		v = n[k]
	}
	return v
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*"))
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]workflow)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		top, err := parseYAML(string(b))
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(f), err)
		}
		out[filepath.Base(f)] = workflow{text: string(b), top: top}
	}
	return out
}
