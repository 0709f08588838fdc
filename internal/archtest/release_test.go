package archtest

import (
	"archive/zip"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// releaseVersion is what the test calls the release. No proxy but the test's has it.
const releaseVersion = "v0.0.1-releasetest"

// TestRelease_DependentBuilds serves the tree as a module proxy would after the steps of
// RELEASING.md: the root module, then the nested modules as .ci/release-modules leaves
// them. A program of another module then requires all of them, and everything in them
// that is no test builds. The program is the
// server of examples/README.md. The programs among them install by name and version, which
// go install refuses while a go.mod has a replace. It runs when KERBEROS_RELEASE is 1:
// make release-test.
func TestRelease_DependentBuilds(t *testing.T) {
	if os.Getenv("KERBEROS_RELEASE") == "" {
		t.Skip("KERBEROS_RELEASE is not set: see make release-test")
	}
	r := newRelease(t)
	r.serve(t, ".", module)
	r.run(t, r.tree, "bash", ".ci/release-modules", releaseVersion)
	for _, dir := range r.nested {
		r.serve(t, dir, module+"/"+dir)
	}
	dependent := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":  "module example.com/dependent\n\ngo 1.26.0\n",
		"main.go": block(t, "examples/README.md", "server"),
	} {
		if err := os.WriteFile(filepath.Join(dependent, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	get := []string{"go", "get", module + "@" + releaseVersion}
	for _, dir := range r.nested {
		get = append(get, module+"/"+dir+"@"+releaseVersion)
	}
	r.run(t, dependent, get...)
	r.run(t, dependent, "go", "build", "-o", os.DevNull, "./...")
	for _, dir := range append([]string{"."}, r.nested...) {
		pattern := path.Join(module, dir) + "/..."
		var programs, packages []string
		for line := range strings.Lines(r.run(t, dependent, "go", "list", "-f", "{{.Name}} {{.ImportPath}} {{len .GoFiles}}", pattern)) {
			name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			p, files, _ := strings.Cut(rest, " ")
			switch {
			case files == "0": // tests alone
			case name == "main":
				programs = append(programs, p+"@"+releaseVersion)
			default:
				packages = append(packages, p)
			}
		}
		if len(packages) > 0 {
			r.run(t, dependent, append([]string{"go", "build", "-o", os.DevNull}, packages...)...)
		}
		for _, p := range programs {
			r.run(t, dependent, "go", "install", p)
		}
		t.Logf("%s: %d packages built, %d programs installed", dir, len(packages), len(programs))
	}
}

// release is a copy of the tree, and the folder that serves what is released of it.
type release struct {
	tree, proxy string
	nested      []string // folders of the nested modules
	env         []string
}

func newRelease(t *testing.T) *release {
	t.Helper()
	dir := t.TempDir()
	r := &release{tree: filepath.Join(dir, "tree"), proxy: filepath.Join(dir, "proxy")}
	out, err := git("ls-files", "--cached", "--others", "--exclude-standard", "-z")
	if err != nil {
		t.Skip("NOT RUN: the tree is no git checkout, and so nothing says which files a release has")
	}
	for name := range strings.SplitSeq(strings.TrimRight(out, "\x00"), "\x00") {
		b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if os.IsNotExist(err) {
			continue // deleted and not yet committed
		} else if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(r.tree, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if path.Base(name) == "go.mod" && name != "go.mod" && !strings.Contains(name, "testdata/") {
			r.nested = append(r.nested, path.Dir(name))
		}
	}
	// A module cache of its own, so that the real one never has this version; what
	// others wrote comes out of the real one, and only then from its proxy.
	var env struct{ GOPROXY, GOMODCACHE string }
	b, err := exec.Command("go", "env", "-json", "GOPROXY", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &env); err != nil {
		t.Fatal(err)
	}
	r.env = append(os.Environ(),
		"GOPROXY="+fileURL(r.proxy)+","+fileURL(filepath.Join(env.GOMODCACHE, "cache", "download"))+","+env.GOPROXY,
		"GOMODCACHE="+filepath.Join(dir, "modules"), "GOBIN="+filepath.Join(dir, "bin"),
		"GOSUMDB=off", "GOFLAGS=-mod=mod -modcacherw -trimpath -buildvcs=false", "GOWORK=off")
	return r
}

func fileURL(dir string) string {
	if dir = filepath.ToSlash(dir); dir[0] != '/' {
		dir = "/" + dir // a drive of Windows
	}
	return "file://" + dir
}

// serve puts the module of a folder into the proxy, as a module proxy would: without
// the modules within it.
func (r *release) serve(t *testing.T, dir, modulePath string) {
	t.Helper()
	at := filepath.Join(r.proxy, filepath.FromSlash(modulePath), "@v")
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	goMod, err := os.ReadFile(filepath.Join(r.tree, filepath.FromSlash(dir), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"list":                   releaseVersion + "\n",
		releaseVersion + ".info": `{"Version":"` + releaseVersion + `","Time":"2026-01-01T00:00:00Z"}`,
		releaseVersion + ".mod":  string(goMod),
	} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(filepath.Join(at, releaseVersion+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	top := filepath.Join(r.tree, filepath.FromSlash(dir))
	err = filepath.WalkDir(top, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			rel, _ := filepath.Rel(r.tree, p)
			if p != top && slices.Contains(r.nested, filepath.ToSlash(rel)) {
				return filepath.SkipDir
			}
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, p)
		if err != nil {
			return err
		}
		w, err := z.Create(modulePath + "@" + releaseVersion + "/" + filepath.ToSlash(rel))
		if err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

// run runs a command in a folder, with the test's proxy, and returns what it printed.
func (r *release) run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = r.env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", args, err, out, stderr.String())
	}
	return string(out)
}
