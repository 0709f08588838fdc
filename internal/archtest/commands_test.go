package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// documentsOfUsers are the documents whose commands a new user types.
var documentsOfUsers = []string{"README.md", "OPERATING.md", "examples/README.md"}

// cannotRun are commands and blocks that CI cannot run, with the reason. A
// block is named by its language.
var cannotRun = table([][2]string{
	{"Set-ADUser svc-http -KerberosEncryptionType AES128,AES256", "needs a domain controller of Windows"},
	{`ktpass -princ HTTP/www.example.com@EXAMPLE.COM -mapuser EXAMPLE\svc-http -crypto AES256-SHA1 -ptype KRB5_NT_PRINCIPAL +rndPass -out http.keytab`, "needs a domain controller of Windows"},
	{"(Get-ADGroup staff).SID.Value", "needs a domain of Windows"},
	{"(Get-ADDomain).DomainSID.Value", "needs a domain of Windows"},
	{`Get-ADGroup -Filter * | ForEach-Object { "$($_.SID) CORP\$($_.SamAccountName)" } | Set-Content -Encoding utf8 http.names`, "needs a domain of Windows"},
	{"Set-ADUser svc-front -Add @{'msDS-AllowedToDelegateTo'='HTTP/back.example.com'}", "needs a domain of Windows"},
	{"Set-ADAccountControl svc-front -TrustedToAuthForDelegation $true", "needs a domain of Windows"},
	{"Set-ADUser svc-back -PrincipalsAllowedToDelegateToAccount svc-front", "needs a domain of Windows"},
	{"setspn -Q HTTP/www.example.com", "needs a domain of Windows"},
	{"klist purge", "is a program of Windows"},
	{"net ads enctypes set svc-http 24", "needs a domain controller of Samba with a directory service"},
	{"ipa service-add HTTP/www.example.com", "needs a FreeIPA server"},
	{"ipa-getkeytab -p HTTP/www.example.com -k http.keytab", "needs a FreeIPA server"},
	{"kubectl create secret generic http-keytab --from-file=http.keytab", "needs a cluster of Kubernetes"},
	{"OPERATING.md yaml", "is a part of a pod's specification"},
	{"OPERATING.md ini", "is a part of a systemd unit, and containers have no systemd"},
})

// runElsewhere are commands and blocks that other tests and CI run.
var runElsewhere = table([][2]string{
	{"go run ./examples/quickstart", "TestDocuments_Quickstart"},
	{"go run ./examples/devrealm", "TestInteropDevrealm of internal/interop"},
	{"go run ./examples/devrealm -break stale-kvno", "TestInteropDevrealm_Break of internal/interop"},
	{"go run ./examples/devrealm -services -ad", "TestInteropDevrealm_Services of internal/interop"},
	{"make test", ".ci/run"},
	{"make interop", ".ci/run"},
	{"OPERATING.md sh", "TestLOG_5_Queries of sspi"},
	{"OPERATING.md nginx", "TestInteropDocuments_Nginx of internal/interop"},
	{"README.md go", "TestReadme_EveryGoBlockCompiles"},
	{"examples/README.md go", "TestReadme_EveryGoBlockCompiles"},
})

// TestDocuments_CommandsRun requires that a test runs each command of the documents: the
// tests TestInteropDocuments_ of internal/interop and TestAD_Documents of
// internal/interop/ad, which have the command as a string literal and fail where the document
// does not show it, or those of runElsewhere. The exceptions are in cannotRun, and each of
// them must occur.
func TestDocuments_CommandsRun(t *testing.T) {
	run := literals(t, "internal/interop/documents_test.go", "internal/interop/documentsweb_test.go", "internal/interop/ad/documents_test.go")
	shown := make(map[string]bool)
	for _, name := range documentsOfUsers {
		commands := commandsOf(document(t, name))
		for _, c := range commands {
			if language, ok := strings.CutPrefix(c, "```"); ok {
				c = name + " " + language
			}
			shown[c] = true
			var by []string
			if run[c] {
				by = append(by, "internal/interop")
			}
			for _, list := range []map[string]string{runElsewhere, cannotRun} {
				if reason, ok := list[c]; ok {
					by = append(by, reason)
				}
			}
			if len(by) != 1 {
				t.Errorf("%s: %q must be run by one test or be an exception, and has %q", name, c, by)
			}
		}
		t.Logf("%s: %d commands and blocks", name, len(commands))
	}
	for _, list := range []map[string]string{runElsewhere, cannotRun} {
		for _, c := range slices.Sorted(maps.Keys(list)) {
			if !shown[c] {
				t.Errorf("no document shows %q any more: remove it from the list", c)
			}
		}
	}
	ci := document(t, ".ci/run")
	for c, by := range runElsewhere {
		if by == ".ci/run" && !strings.Contains(ci, " "+c+"\n") {
			t.Errorf(".ci/run does not run %q", c)
		}
	}
}

// TestDocuments_Quickstart runs the first command of README.md.
func TestDocuments_Quickstart(t *testing.T) {
	cmd := exec.Command("go", "run", "-buildvcs=false", "./examples/quickstart")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "replay") {
		t.Errorf("%v, and no replay in\n%s", err, out)
	}
}

// programs are the names with which a command in the middle of a sentence begins.
var programs = regexp.MustCompile("`((?:kadmin|kadmin\\.local|ktutil|setspn|ktpass|samba-tool|net|ipa|ipa-getkeytab|kubectl|systemctl|klist|kvno|curl|ssh|make|go) [^`]*)`")

// commandsOf returns the commands of a document: the lines of its indented blocks, and the
// commands in its sentences. A fenced block is "```" and its language.
func commandsOf(text string) (commands []string) {
	fence := regexp.MustCompile("(?ms)^ *```([a-z]*)\n.*?^ *```$")
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		commands = append(commands, "```"+m[1])
	}
	text = fence.ReplaceAllString(text, "")
	for line := range strings.Lines(text) {
		if c, ok := strings.CutPrefix(line, "    "); ok && strings.TrimSpace(c) != "" {
			commands = append(commands, strings.TrimRight(c, "\n"))
		}
	}
	for _, m := range programs.FindAllStringSubmatch(text, -1) {
		commands = append(commands, strings.Join(strings.Fields(m[1]), " "))
	}
	slices.Sort(commands)
	return slices.Compact(commands)
}

// literals returns the string literals of Go files.
func literals(t *testing.T, names ...string) map[string]bool {
	t.Helper()
	all := make(map[string]bool)
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, filepath.FromSlash(name)), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if s, err := strconv.Unquote(l.Value); err == nil {
					all[s] = true
				}
			}
			return true
		})
	}
	return all
}

// table returns a map of rows. Rows of a map literal with long keys are aligned differently
// by gofmt and gofumpt.
func table(rows [][2]string) map[string]string {
	m := make(map[string]string, len(rows))
	for _, r := range rows {
		m[r[0]] = r[1]
	}
	return m
}
