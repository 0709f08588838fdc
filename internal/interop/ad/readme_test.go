package ad

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// TestAD_Readme runs the HTTP server of README.md with the function authorize of its section
// about Active Directory, as a reader who follows both puts them together.
func TestAD_Readme(t *testing.T) {
	l := theLab(t, "curl")
	t.Parallel()
	port := must(freePort("127.0.0.1"))(t)
	address := net.JoinHostPort("localhost", strconv.Itoa(port))
	server, err := program.Start(nil, nil, l.readmeServer(t, port), l.corp.keytab("web"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	if err := awaitListener(server, "the server of README.md", address); err != nil {
		t.Fatal(err)
	}
	const forbidden = "Forbidden\n\ncode 403\n"
	for _, x := range []struct {
		typed   string
		options []string
		page    string
		record  string // "" for no refusal
	}{
		{"alice", nil, "You are alice@" + l.corp.Realm + ".\n\ncode 200\n", ""},
		{"root", nil, "You are bob@" + l.corp.Realm + ".\n\ncode 200\n", ""},
		{"carol", nil, forbidden, `kerberos.error.cause="CORP\\carol is not in the group staff"`},
		{"WS1", nil, forbidden, `kerberos.error.cause="CORP\\WS1$ is not in the group staff"`},
		{"alice", []string{"--no-request-pac"}, forbidden, `kerberos.error.detail="the client's ticket has no PAC, or Config.PAC ignores it"`},
		{"alice@" + l.partner.Realm, nil, forbidden, `kerberos.error.cause="PARTNER\\alice is not in the group staff"`},
	} {
		res := l.login(t, x.typed, x.options...).curl(t, "http://"+address+"/")
		if res.Code != 0 || res.Out != x.page {
			t.Errorf("%s: exit %d, %q, want %q", x.typed, res.Code, res.Out, x.page)
		}
		if x.record != "" {
			if err := server.Await(x.record, func(out string) bool { return strings.Contains(out, x.record) }); err != nil {
				t.Errorf("%s: %v", x.typed, err)
			}
		}
	}
}

// readmeServer builds the server with the realm, the port and the group of the test.
func (l *lab) readmeServer(t testing.TB, port int) string {
	t.Helper()
	readme := string(must(os.ReadFile("../../../README.md"))(t))
	block := func(name string) string {
		_, text, found := strings.Cut(readme, "<!-- example:"+name+" -->\n```go\n")
		text, _, closed := strings.Cut(text, "\n```\n")
		if !found || !closed {
			t.Fatalf("README.md has no example %s", name)
		}
		return text + "\n"
	}
	// The reader changes these parts; each must occur once.
	text := block("http") + block("groups")
	rule, _, _ := strings.Cut(text[strings.Index(text, "Authorize: func"):], "\t\t},\n")
	for _, change := range [][2]string{
		{rule + "\t\t},\n", "Authorize: authorize,\n"},
		{"\t\"github.com/gosspi/kerberos/sspi/sspihttp\"\n", "\t\"github.com/gosspi/kerberos/sspi/sspihttp\"\n\t\"github.com/gosspi/kerberos/ticket/pac\"\n"},
		{"localhost:8080", "localhost:" + strconv.Itoa(port)},
		{"S-1-5-21-1004336348-1177238915-682003330-1104", l.corp.sidOf(t, "staff").String()},
	} {
		if strings.Count(text, change[0]) != 1 {
			t.Fatalf("the examples do not have %q once", change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	// The module of this test has the packages, so that the server needs no module of its own.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return must(program.Build(dir, "server", ".", filepath.Join(dir, "main.go")))(t)
}
