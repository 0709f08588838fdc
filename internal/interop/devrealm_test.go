package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// devrealm is examples/devrealm, which runs as a user without privileges.
type devrealm struct {
	dir  string   // the home of that user
	as   []string // the command that changes the user
	self *process
}

// startDevrealm starts program, which is examples/devrealm. If the test is root, the user is
// nobody.
func startDevrealm(t *testing.T, program string, args ...string) *devrealm {
	t.Helper()
	d := &devrealm{dir: openFolder(t)}
	if os.Getuid() == 0 {
		const nobody, nogroup = 65534, 65534
		d.as = []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--pdeathsig=KILL"}
		if err := os.Chown(d.dir, nobody, nogroup); err != nil {
			t.Fatal(err)
		}
	}
	command := append(append(d.as, program), args...)
	var err error
	if d.self, err = start(d.env(), nil, command[0], command[1:]...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.self.Stop)
	d.awaits(t, "Each login and each refusal appears below.")
	return d
}

// openFolder returns a temporary folder that other users can read, unlike t.TempDir.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kerberos-devrealm-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// buildDevrealm returns the path of examples/devrealm, which every user may run. It skips the
// test in the run with the KDC of package sspitest, because devrealm has that KDC in every run.
func buildDevrealm(t *testing.T) string {
	t.Helper()
	if withOurKDC {
		t.Skip("examples/devrealm starts a KDC of its own, and the other run tests it")
	}
	program, err := build(openFolder(t), "devrealm", "github.com/gosspi/kerberos/examples/devrealm")
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func (d *devrealm) env() []string {
	return []string{"HOME=" + d.dir, "TMPDIR=" + d.dir}
}

func (d *devrealm) awaits(t *testing.T, text string) {
	t.Helper()
	if err := d.self.Await(text, func(out string) bool { return strings.Contains(out, text) }); err != nil {
		t.Fatal(err)
	}
}

// pasted returns the lines of the instructions that match a pattern.
func (d *devrealm) pasted(t *testing.T, pattern string) []string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^    (`+pattern+`.*)$`).FindAllStringSubmatch(d.self.Out.String(), -1)
	if len(found) == 0 {
		t.Fatalf("no line %s in\n%s", pattern, d.self.Out)
	}
	var lines []string
	for _, f := range found {
		lines = append(lines, f[1])
	}
	return lines
}

// paste runs a line of the instructions, after the lines that set the environment, in a shell
// of the same user.
func (d *devrealm) paste(t *testing.T, stdin, line string) result {
	t.Helper()
	script := strings.Join(append(d.pasted(t, "export "), line), "\n")
	command := append(d.as, "sh", "-c", script)
	return run(t, d.env(), stdin, command[0], command[1:]...)
}

// TestInteropDevrealm pastes the lines that examples/devrealm prints for curl, ssh and kinit,
// and ends it by an interrupt.
func TestInteropDevrealm(t *testing.T) {
	require(t, "curl", "ssh", "setpriv")
	t.Parallel()
	d := startDevrealm(t, buildDevrealm(t))
	if res := d.paste(t, "", d.pasted(t, "curl ")[0]); !strings.Contains(res.out, "You are alice@EXAMPLE.COM.") {
		t.Errorf("curl: %d %s", res.code, res.out)
	}
	d.awaits(t, "web   accepted alice@EXAMPLE.COM\n")
	if res := d.paste(t, "", d.pasted(t, "ssh ")[0]); !strings.Contains(res.out, "You are alice@EXAMPLE.COM, logged in as alice.") {
		t.Errorf("ssh: %d %s", res.code, res.out)
	}
	if res := d.paste(t, "", d.pasted(t, "KRB5CCNAME=")[0]); res.code == 0 {
		t.Errorf("bob logged in as alice: %s", res.out)
	}
	d.awaits(t, "ssh   REFUSED not-authorized: bob@EXAMPLE.COM\n")
	for _, line := range d.pasted(t, "kinit ") {
		_, password, _ := strings.Cut(line, "the password is ")
		if res := d.paste(t, password+"\n", line); res.code != 0 {
			t.Errorf("kinit: %d %s", res.code, res.out)
		}
	}
	if res := d.paste(t, "wrong\n", d.pasted(t, "kinit ")[0]); res.code == 0 {
		t.Error("kinit accepted a wrong password")
	}
	d.awaits(t, "kdc   REFUSED error 24: ")

	if err := d.self.Cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code, err := d.self.Exit(); code != 0 || err != nil {
		t.Errorf("exit %d, %v\n%s", code, err, d.self.Out)
	}
	if left, err := filepath.Glob(filepath.Join(d.dir, "devrealm-*")); len(left) != 0 || err != nil {
		t.Errorf("devrealm left %q, %v", left, err)
	}
}

// TestInteropDevrealm_Break pastes the commands of each error on purpose, and expects the words
// that the instructions promise.
func TestInteropDevrealm_Break(t *testing.T) {
	require(t, "curl", "ssh", "setpriv")
	t.Parallel()
	program := buildDevrealm(t)
	for _, name := range []string{"stale-kvno", "wrong-spn", "clock", "ntlm", "rc4", "no-key", "replay", "typed-name"} {
		t.Run(name, func(t *testing.T) {
			d := startDevrealm(t, program, "-break", name)
			for _, line := range d.pasted(t, "(?:curl|ssh) ") {
				d.paste(t, "", line)
			}
			d.awaits(t, "  "+d.pasted(t, "REFUSED ")[0])
		})
	}
}

// TestInteropDevrealm_Languages pastes the lines for Java and Python.
func TestInteropDevrealm_Languages(t *testing.T) {
	require(t, "java", "javac", pythonGSSAPI, "setpriv")
	t.Parallel()
	d := startDevrealm(t, buildDevrealm(t))
	for _, program := range []string{"java", "python3"} {
		line := d.pasted(t, program+" ")[0]
		if program == "python3" { // the first of PATH may have no module gssapi
			line = python + strings.TrimPrefix(line, program)
		}
		if res := d.paste(t, "", line); res.code != 0 || !strings.Contains(res.out, "You are alice@EXAMPLE.COM.") {
			t.Errorf("%s: %d %s", program, res.code, res.out)
		}
	}
}

// TestInteropDevrealm_Services pastes the lines for ldapwhoami, psql and gss-client. It runs as the user of
// the test, because devrealm calls the go command, which needs its caches.
func TestInteropDevrealm_Services(t *testing.T) {
	require(t, "ldapwhoami", saslGSSAPI, "psql", "gss-client")
	t.Parallel()
	d := &devrealm{dir: t.TempDir()}
	var err error
	d.self, err = start(append(os.Environ(), "TMPDIR="+d.dir), nil, buildDevrealm(t), "-services")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.self.Stop)
	d.awaits(t, "Each login and each refusal appears below.")
	for pattern, want := range map[string]string{"ldapwhoami ": "u:alice@EXAMPLE.COM", "psql ": " alice\n", "gss-client ": "Signature verified."} {
		if res := d.paste(t, "", d.pasted(t, pattern)[0]); res.code != 0 || !strings.Contains(res.out, want) {
			t.Errorf("%s: %d %s", pattern, res.code, res.out)
		}
	}
	d.awaits(t, "ldap  accepted alice@EXAMPLE.COM\n")
	d.awaits(t, "pg    accepted alice@EXAMPLE.COM\n")
	d.awaits(t, "gss   accepted alice@EXAMPLE.COM\n")
	if err := d.self.Cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code, err := d.self.Exit(); code != 0 || err != nil {
		t.Errorf("exit %d, %v\n%s", code, err, d.self.Out)
	}
}

// TestInteropDevrealm_Chromium pastes the line for Chromium. Its new profile shows the page of
// the refusal first, which makes it try once more.
func TestInteropDevrealm_Chromium(t *testing.T) {
	require(t, "chromium", "setpriv")
	t.Parallel()
	d := startDevrealm(t, buildDevrealm(t))
	const options = "chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --dump-dom --virtual-time-budget=8000 --timeout=20000 "
	line := strings.Replace(d.pasted(t, "chromium ")[0], "chromium ", options, 1)
	if res := d.paste(t, "", line); !strings.Contains(res.out, "You are alice@EXAMPLE.COM.") {
		t.Errorf("%d %s\n%s", res.code, res.out, d.self.Out)
	}
}
