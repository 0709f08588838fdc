package archtest

import (
	"encoding/json"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme_ExamplesCompile builds the server of the README, of the two blocks that
// it stands in, and runs the test beside it.
func TestReadme_ExamplesCompile(t *testing.T) {
	buildExample(t, map[string]string{
		"main.go": block(t, "server") + "\n" + block(t, "loop"),
		"main_test.go": `package main

import (
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

` + block(t, "test"),
	})
}

// TestReadme_HTTPCompiles builds the HTTP server of the README.
func TestReadme_HTTPCompiles(t *testing.T) {
	buildExample(t, map[string]string{"main.go": block(t, "http"), "main_test.go": "package main\n"})
}

// block is an example of the README.
func block(t *testing.T, name string) string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(readme), "<!-- example:"+name+" -->\n```go\n")
	text, _, closed := strings.Cut(rest, "\n```\n")
	if !ok || !closed {
		t.Fatalf("README.md has no example:%s", name)
	}
	return text + "\n"
}

// buildExample compiles files as a package of this module, and runs its tests,
// without writing into it.
func buildExample(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	replace := make(map[string]string)
	for name, content := range files {
		if b, err := format.Source([]byte(content)); err != nil || string(b) != content {
			t.Errorf("the README's %s is not as gofmt writes it: %v", name, err)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(abs, "examples", "readme", name)] = file
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		t.Fatal(err)
	}
	server, tests := filepath.Join(dir, "server"), filepath.Join(dir, "server.test")
	for _, args := range [][]string{
		{"go", "build", "-buildvcs=false", "-overlay", overlay, "-o", server, "./examples/readme"},
		{"go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", tests, "./examples/readme"},
		{tests},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = abs
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("the README's server: %v: %v\n%s", args, err, out)
		}
	}
}

// TestReadme_FilesExist holds the files and folders that the documents name.
func TestReadme_FilesExist(t *testing.T) {
	path := regexp.MustCompile("`((?:internal|examples|sspi|keytab|ticket|authenticator|flags|status|testdata)/[A-Za-z0-9_./-]*)`|\\./(examples/[a-z-]+)|\\b([A-Z0-9]+\\.md|testdata/README\\.md)\\b")
	documents, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range documents {
		b, err := os.ReadFile(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range path.FindAllStringSubmatch(string(b), -1) {
			name := m[1] + m[2] + m[3]
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err != nil {
				t.Errorf("%s names %s, which is not there", filepath.Base(d), name)
			}
		}
	}
}
