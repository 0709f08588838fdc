package house

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme_ExampleCompiles builds the server of the README as it stands there.
func TestReadme_ExampleCompiles(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(readme), "<!-- example:server -->\n```go\n")
	program, _, closed := strings.Cut(rest, "\n```\n")
	if !ok || !closed {
		t.Fatal("README.md has no example:server")
	}
	buildExample(t, program+"\n")
}

// buildExample compiles a program as a package of this module without writing
// into it.
func buildExample(t *testing.T, program string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	inTree := filepath.Join(abs, "examples", "readme", "main.go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {inTree: file}})
	if err != nil {
		t.Fatal(err)
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-overlay", overlayFile, "-o", filepath.Join(dir, "server"), "./examples/readme")
	cmd.Dir = abs
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the README's server does not compile: %v\n%s", err, out)
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
