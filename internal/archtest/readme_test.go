package archtest

import (
	"encoding/json"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadme_ExamplesCompile builds the programs of README.md and examples/README.md as a
// reader pastes them, and runs the test of README.md. A block that is not a whole file gets
// the imports that it needs.
func TestReadme_ExamplesCompile(t *testing.T) {
	server := block(t, "examples/README.md", "server")
	if loop := block(t, "README.md", "loop"); !strings.Contains(server, loop) {
		t.Error("the server in examples/README.md does not contain the exchange that README.md shows")
	}
	buildExample(t, map[string]string{
		"main.go": server,
		"main_test.go": fragment("testing", "", module+"/sspi", module+"/sspi/sspitest") +
			block(t, "README.md", "test"),
	})
}

// TestReadme_HTTPCompiles builds the HTTP server of README.md with the function that can
// be its Authorize.
func TestReadme_HTTPCompiles(t *testing.T) {
	buildExample(t, map[string]string{
		"main.go": block(t, "README.md", "http"),
		"staff.go": fragment("errors", "net/http", "", module+"/keytab", module+"/sspi", module+"/sspi/sspihttp") +
			block(t, "README.md", "staff") + "\nvar _ = sspihttp.Config{Authorize: authorize}\n",
		"main_test.go": "package main\n",
	})
	buildExample(t, map[string]string{
		"main.go": block(t, "README.md", "http"),
		"groups.go": fragment("fmt", "net/http", "", module+"/sspi", module+"/sspi/sspihttp", module+"/ticket/pac") +
			block(t, "README.md", "groups") + "\nvar _ = sspihttp.Config{Authorize: authorize}\n",
		"main_test.go": "package main\n",
	})
}

// TestReadme_EveryGoBlockCompiles requires that each block of Go in the documents has a
// mark, and that a test of this file compiles it.
func TestReadme_EveryGoBlockCompiles(t *testing.T) {
	compiled := []string{"README.md http", "README.md staff", "README.md groups", "README.md loop", "README.md test", "examples/README.md server"}
	for _, name := range documentNames(t) {
		text := document(t, name)
		blocks := strings.Count(text, "\n```go\n")
		for _, m := range regexp.MustCompile("<!-- example:([a-z]+) -->\n```go\n").FindAllStringSubmatch(text, -1) {
			blocks--
			if !slices.Contains(compiled, name+" "+m[1]) {
				t.Errorf("%s: no test compiles example:%s", name, m[1])
			}
		}
		if blocks != 0 {
			t.Errorf("%s: %d blocks of Go have no mark <!-- example:NAME -->", name, blocks)
		}
	}
}

// TestReadme_Short limits README.md to the length that a new user reads.
func TestReadme_Short(t *testing.T) {
	const limit = 300
	if lines := strings.Count(document(t, "README.md"), "\n"); lines > limit {
		t.Errorf("README.md has %d lines, more than %d", lines, limit)
	}
}

// fragment returns the first lines of a file that imports the packages.
func fragment(imports ...string) string {
	var b strings.Builder
	b.WriteString("package main\n\nimport (\n")
	for _, p := range imports {
		if p == "" {
			b.WriteString("\n")
		} else {
			fmt.Fprintf(&b, "\t%q\n", p)
		}
	}
	b.WriteString(")\n\n")
	return b.String()
}

// document returns the text of a document, whose name is relative to the root.
func document(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// documentNames returns the names of the project's documents.
func documentNames(t *testing.T) []string {
	t.Helper()
	names := []string{"examples/README.md", "testdata/README.md"}
	top, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range top {
		names = append(names, filepath.Base(path))
	}
	return names
}

// block returns an example of a document.
func block(t *testing.T, file, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(document(t, file), "<!-- example:"+name+" -->\n```go\n")
	text, _, closed := strings.Cut(rest, "\n```\n")
	if !ok || !closed {
		t.Fatalf("%s has no example:%s", file, name)
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
			t.Errorf("the documents' %s is not as gofmt writes it: %v", name, err)
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
			t.Fatalf("the documents' example: %v: %v\n%s", args, err, out)
		}
	}
}

// TestReadme_FilesExist requires that the files and folders exist that the documents name.
func TestReadme_FilesExist(t *testing.T) {
	names := regexp.MustCompile("`((?:internal|examples|sspi|keytab|ticket|authenticator|flags|status|testdata)/[A-Za-z0-9_./-]*)`|\\./(examples/[a-z-]+)|\\b((?:testdata/|examples/)?(?:README|[A-Z0-9]+)\\.md)\\b")
	for _, document := range documentNames(t) {
		b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(document)))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range names.FindAllStringSubmatch(string(b), -1) {
			name := m[1] + m[2] + m[3]
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err != nil {
				t.Errorf("%s names %s, which does not exist", document, name)
			}
		}
	}
}

// TestReadme_Links requires that the relative links of the documents lead to a file, and
// their fragments to a heading of it.
func TestReadme_Links(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]*)(#[^)]*)?\)`)
	heading := regexp.MustCompile(`(?m)^#+ (.*)$`)
	for _, name := range documentNames(t) {
		for _, m := range link.FindAllStringSubmatch(document(t, name), -1) {
			target := name
			if m[1] != "" {
				target = path.Join(path.Dir(name), m[1])
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, target)
				continue
			}
			var anchors []string
			for _, h := range heading.FindAllStringSubmatch(document(t, target), -1) {
				anchors = append(anchors, "#"+strings.ReplaceAll(strings.ToLower(h[1]), " ", "-"))
			}
			if m[2] != "" && !slices.Contains(anchors, m[2]) {
				t.Errorf("%s links to %s%s, and no heading has this name", name, target, m[2])
			}
		}
	}
}
