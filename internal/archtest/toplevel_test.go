package archtest

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTopLevel_Exactly keeps the top level as small as a reader's first look: exactly
// these folders and files. Project files in Markdown may join them, such as a page for
// operators: capital letters, as is usual.
func TestTopLevel_Exactly(t *testing.T) {
	want := strings.Fields(`.ci .github .gitignore ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md
		FIPS140.md LICENSE Makefile OPERATING.md README.md RELEASING.md SECURITY.md authenticator examples flags go.mod
		go.sum internal keytab sspi status testdata ticket`)
	got := topLevel(t)
	for _, name := range got {
		if !slices.Contains(want, name) && !projectFile.MatchString(name) {
			t.Errorf("%s does not belong on the top level", name)
		}
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s is missing from the top level", name)
		}
	}
}

// projectFile matches the name of a project file in Markdown.
var projectFile = regexp.MustCompile(`^[A-Z][A-Z0-9_]*\.md$`)

// topLevel is what git knows of, so that a developer's own files do not count,
// and what is there where there is no git.
func topLevel(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files")
	cmd.Dir = root
	var names []string
	if out, err := cmd.Output(); err == nil && len(out) > 0 {
		for line := range strings.Lines(string(out)) {
			name, _, _ := strings.Cut(strings.TrimSpace(line), "/")
			names = append(names, name)
		}
		slices.Sort(names)
		return slices.Compact(names)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".git" {
			names = append(names, e.Name())
		}
	}
	return names
}
