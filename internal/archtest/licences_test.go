package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

var (
	requiredModule = regexp.MustCompile(`(?m)^(?:require )?\t?([a-z0-9.-]+\.[a-z]+/[^ ]+) v\S+`)
	licensedModule = regexp.MustCompile("`([a-z0-9.-]+\\.[a-z]+/[^`]+)`")
)

// TestLicences checks that LICENSES.md of each module in authenticator names the modules
// that its go.mod requires and that of the root does not, and no others.
func TestLicences(t *testing.T) {
	modules := func(file string, pattern *regexp.Regexp) (names []string) {
		b, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pattern.FindAllSubmatch(b, -1) {
			names = append(names, string(m[1]))
		}
		return names
	}
	common := append(modules("go.mod", requiredModule), module)
	files, err := filepath.Glob(filepath.Join(root, "authenticator", "*", "go.mod"))
	if err != nil || len(files) == 0 || len(common) < 4 {
		t.Fatalf("%d modules, and %q in the root: %v", len(files), common, err)
	}
	for _, file := range files {
		dir := filepath.Join("authenticator", filepath.Base(filepath.Dir(file)))
		required := modules(filepath.Join(dir, "go.mod"), requiredModule)
		named := modules(filepath.Join(dir, "LICENSES.md"), licensedModule)
		for _, m := range required {
			if !slices.Contains(named, m) && !slices.Contains(common, m) {
				t.Errorf("%s/go.mod requires %s, whose licence %s/LICENSES.md does not state", dir, m, dir)
			}
		}
		for _, m := range named {
			if !slices.Contains(required, m) && m != module {
				t.Errorf("%s/LICENSES.md names %s, which go.mod does not require", dir, m)
			}
		}
	}
}
