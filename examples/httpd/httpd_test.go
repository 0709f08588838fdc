package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/sspi/sspitls"
	"github.com/gosspi/kerberos/ticket/pac"
)

// program runs the whole command in this process.
type program struct {
	url   string
	realm *sspitest.Realm
	stop  func() error // ends the program, and returns the error of run
	log   *safeBuffer
}

// safeBuffer is a bytes.Buffer for several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

const service = "HTTP/www.example.com"

// launch runs the command with a keytab of a new realm, and waits until it listens.
func launch(t *testing.T, args ...string) *program {
	t.Helper()
	realm := sspitest.NewRealm("EXAMPLE.COM")
	table, err := realm.Service(service)
	if err != nil {
		t.Fatal(err)
	}
	file := writeKeytab(t, table)
	p := &program{realm: realm, log: new(safeBuffer)}
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"-addr", "127.0.0.1:0", "-keytab", file}, args...), in, p.log)
		in.CloseWithError(fmt.Errorf("the program ended: %w", err))
		ended <- err
	}()
	p.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { p.stop() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("the program says %q", line)
	}
	p.url = "http://" + addr
	if slices.Contains(args, "-cert") {
		p.url = "https://" + addr
	}
	return p
}

// logged reports whether the log has a line with each of the texts.
func (p *program) logged(texts ...string) bool {
	for line := range strings.Lines(p.log.String()) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			return true
		}
	}
	return false
}

func writeKeytab(t *testing.T, table *keytab.Table) string {
	t.Helper()
	b, err := table.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keytab")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// login returns an Authorization field of a client.
func (p *program) login(t *testing.T, user string, o sspitest.Options) string {
	t.Helper()
	client, err := p.realm.User(user).Initiate(service, o)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := client.Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	return "Negotiate " + base64.StdEncoding.EncodeToString(token)
}

// answer is a response with its whole body.
type answer struct {
	code int
	head http.Header
	body string
}

func send(t *testing.T, c *http.Client, method, url, authorization, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

func (a *answer) check(t *testing.T, what string, code int, words ...string) {
	t.Helper()
	if a.code != code {
		t.Errorf("%s: %d, want %d\n%s", what, a.code, code, a.body)
	}
	for _, w := range words {
		if !strings.Contains(a.body, w) {
			t.Errorf("%s: the page does not say %q:\n%s", what, w, a.body)
		}
	}
}

func TestHTTPD(t *testing.T) {
	p := launch(t, "-delegate")
	c := new(http.Client)

	a := send(t, c, "GET", p.url+"/", "", "")
	a.check(t, "no login", 401, "Who are you?", "curl --negotiate -u : "+p.url+"/<", "--auth-server-allowlist=127.0.0.1<", "Your browser did not log in")
	if got := a.head.Values("WWW-Authenticate"); len(got) != 1 || got[0] != "Negotiate" {
		t.Errorf("no login: WWW-Authenticate is %q", got)
	}
	a = send(t, c, "GET", p.url+"/", p.login(t, "alice", sspitest.Options{Delegate: true}), "")
	a.check(t, "login", 200, `<dd id="client">alice@EXAMPLE.COM</dd>`, "HTTP/www.example.com@EXAMPLE.COM",
		`class="set" title="this server has authenticated itself to you, too">MUTUAL_AUTH`, "aes256-cts-hmac-sha1-96",
		"this connection does not use TLS", "krbtgt/EXAMPLE.COM")
	if got := a.head.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Negotiate ") {
		t.Errorf("login: the server did not authenticate itself: %q", got)
	}
	a = send(t, c, "GET", p.url+"/whoami", p.login(t, "bob", sspitest.Options{OneWay: true}), "")
	a.check(t, "one-way login", 200, "bob@EXAMPLE.COM\n")
	a = send(t, c, "POST", p.url+"/", p.login(t, "alice", sspitest.Options{}), strings.Repeat("x", 20_000))
	a.check(t, "body", 200, "20000 bytes\n")
	a = send(t, c, "GET", p.url+"/", "Negotiate TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw==", "")
	a.check(t, "NTLM", 401, "tried NTLM")
	a = send(t, c, "GET", p.url+"/", "Negotiate YAAA", "")
	a.check(t, "rubbish", 401, "was refused")
	a = send(t, c, "GET", p.url+"/healthz", "", "")
	a.check(t, "health", 200, "ok\n")

	if err := p.stop(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
	for _, line := range [][]string{
		{`msg="kerberos: accepted"`, "=alice@EXAMPLE.COM", "=HTTP/www.example.com@EXAMPLE.COM", "http.request.method=GET url.path=/ "},
		{`msg="kerberos: accepted"`, "=bob@EXAMPLE.COM", "url.path=/whoami"},
		{`msg="kerberos: refused"`, "=ntlm ", "http.response.status_code=401"},
		{`msg="kerberos: refused"`, "=malformed-token ", "http.response.status_code=401"},
	} {
		if !p.logged(line...) {
			t.Errorf("the log has no line with %q:\n%s", line, p.log)
		}
	}
	if got := strings.Count(p.log.String(), "\n"); got != 5 {
		t.Errorf("the log has %d lines, not one for each of 3 logins and 2 refusals:\n%s", got, p.log)
	}
}

// TestHTTPD_Policy checks which clients -realm admits, and the page for the others.
func TestHTTPD_Policy(t *testing.T) {
	p := launch(t, "-realm", "EXAMPLE.COM")
	c := new(http.Client)
	a := send(t, c, "GET", p.url+"/", p.login(t, "alice", sspitest.Options{SPNEGO: true}), "")
	a.check(t, "alice", 200, "alice@EXAMPLE.COM", "You have not delegated tickets to this server")
	a = send(t, c, "GET", p.url+"/", p.login(t, "alice@OTHER.EXAMPLE", sspitest.Options{SPNEGO: true}), "")
	a.check(t, "another realm", 403, "Not for you")
	if err := p.stop(); err != nil || !p.logged(`msg="kerberos: refused"`, "=not-authorized ", "alice@OTHER.EXAMPLE", "status_code=403") {
		t.Errorf("%v\n%s", err, p.log)
	}
}

// bob returns the account of bob, who may type the name of anybody at his login.
func bob() *sspitest.Account {
	return &sspitest.Account{Name: "bob", SID: pac.MustParseSID("S-1-5-21-1-2-3-1105")}
}

// TestNAME_3_HTTPD checks that the server admits clients under the names that their PACs
// prove, and under no other.
func TestNAME_3_HTTPD(t *testing.T) {
	p := launch(t, "-realm", "EXAMPLE.COM")
	c := new(http.Client)
	ws1 := bob()
	ws1.Name = "WS1$"
	a := send(t, c, "GET", p.url+"/whoami", p.login(t, "root", sspitest.Options{Account: bob()}), "")
	if a.check(t, "bob, who typed root", 200); a.body != "bob@EXAMPLE.COM\n" {
		t.Errorf("bob, who typed root, is %q", a.body)
	}
	a = send(t, c, "GET", p.url+"/", p.login(t, "root", sspitest.Options{Account: bob()}), "")
	a.check(t, "bob, who typed root", 200, `EXAMPLE\bob`)
	a = send(t, c, "GET", p.url+"/", p.login(t, "WS1", sspitest.Options{Account: ws1}), "")
	a.check(t, "WS1$, which typed WS1", 403)
	a = send(t, c, "GET", p.url+"/", p.login(t, "root", sspitest.Options{NoPAC: true}), "")
	a.check(t, "no PAC", 403)
	if err := p.stop(); err != nil || !p.logged("=root@EXAMPLE.COM", `its ticket has no PAC that this acceptor uses`, `if the realm \"EXAMPLE.COM\" issues no PACs, add it to Config.PAC.RealmsWithoutPAC`) ||
		!p.logged("=WS1@EXAMPLE.COM", `with the account \"EXAMPLE\\\\WS1$\" is not a plain user`) {
		t.Errorf("%v\n%s", err, p.log)
	}

	p = launch(t, "-realm", "EXAMPLE.COM", "-no-pac", "OLD.EXAMPLE,EXAMPLE.COM")
	a = send(t, c, "GET", p.url+"/whoami", p.login(t, "root", sspitest.Options{NoPAC: true}), "")
	a.check(t, "no PAC, as declared", 200, "root@EXAMPLE.COM\n")

	p = launch(t)
	a = send(t, c, "GET", p.url+"/", p.login(t, "root", sspitest.Options{NoPAC: true}), "")
	a.check(t, "no PAC, and every realm", 200, "root", "the name that the client typed, which proves no identity")
}

// TestRULE_7_HTTPD checks that -allow admits the members of a group that the file of names has,
// and logs the reason of a refusal.
func TestRULE_7_HTTPD(t *testing.T) {
	names := filepath.Join(t.TempDir(), "names")
	if err := os.WriteFile(names, []byte("S-1-5-21-1-2-3-1201 EXAMPLE\\staff\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, "-realm", "EXAMPLE.COM", "-names", names, "-allow", `EXAMPLE\staff`, "-allow", "S-1-5-21-1-2-3-1106")
	member := bob()
	member.Groups = []pac.Group{{SID: pac.MustParseSID("S-1-5-21-1-2-3-1201")}}
	stranger := bob()
	stranger.SID, stranger.Groups = pac.MustParseSID("S-1-5-21-7-8-9-1105"), member.Groups
	named := bob()
	named.SID = pac.MustParseSID("S-1-5-21-1-2-3-1106")
	c := new(http.Client)
	for _, x := range []struct {
		user string
		o    sspitest.Options
		code int
	}{
		{"bob", sspitest.Options{Account: member}, 200},
		{"bob", sspitest.Options{Account: named}, 200},
		{"bob", sspitest.Options{Account: bob()}, 403},
		{"bob", sspitest.Options{}, 403},
		{"bob@OTHER.EXAMPLE", sspitest.Options{Account: stranger}, 403},
	} {
		a := send(t, c, "GET", p.url+"/whoami", p.login(t, x.user, x.o), "")
		a.check(t, fmt.Sprintf("%s, %+v", x.user, x.o.Account), x.code)
	}
	a := send(t, c, "GET", p.url+"/", p.login(t, "bob", sspitest.Options{Account: member}), "")
	a.check(t, "the page", 200, `<code>S-1-5-21-1-2-3-1201</code> <span>EXAMPLE\staff</span>`, `<span>S-1-5-21-1-2-3\Domain Users</span>`)
	if err := p.stop(); err != nil || !p.logged("=not-authorized", `the client \"EXAMPLE\\\\bob\" is not admitted: it is not in EXAMPLE\\staff (S-1-5-21-1-2-3-1201); it is not in S-1-5-21-1-2-3-1106`) {
		t.Errorf("%v\n%s", err, p.log)
	}
	for args, want := range map[string]string{
		`-allow EXAMPLE\nobody -names ` + names: "has no SID", `-allow EXAMPLE\staff`: "there is no file of names",
		"-names " + names: "no effect without -allow", `-allow S-1-5-21-1-2-3-4 -names /nowhere/x`: "does not exist",
	} {
		if err := run(t.Context(), append([]string{"-addr", "127.0.0.1:0", "-keytab", writeKeytab(t, must(p.realm.Service(service))(t))}, strings.Fields(args)...), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}

// must returns a function that returns v, and fails the test for an error.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestHTTPD_RC4Tickets checks that the server accepts tickets under RC4 keys only with
// -rc4-tickets, and RC4 session keys never.
func TestHTTPD_RC4Tickets(t *testing.T) {
	ticket := sspitest.Options{TicketEType: keytab.RC4_HMAC, SessionEType: keytab.AES256_CTS_HMAC_SHA1_96}
	session := sspitest.Options{SessionEType: keytab.RC4_HMAC}
	for _, row := range []struct {
		args []string
		code int
	}{{nil, 401}, {[]string{"-rc4-tickets"}, 200}} {
		p, c := launch(t, row.args...), new(http.Client)
		a := send(t, c, "GET", p.url+"/whoami", p.login(t, "alice", ticket), "")
		a.check(t, fmt.Sprintf("RC4 ticket, options %q", row.args), row.code)
		a = send(t, c, "GET", p.url+"/whoami", p.login(t, "alice", session), "")
		a.check(t, fmt.Sprintf("RC4 session key, options %q", row.args), 401)
		a = send(t, c, "GET", p.url+"/whoami", p.login(t, "alice", sspitest.Options{}), "")
		a.check(t, fmt.Sprintf("AES, options %q", row.args), 200, "alice@EXAMPLE.COM\n")
		if err := p.stop(); err != nil || !p.logged(`msg="kerberos: refused"`, "=etype-refused ") {
			t.Errorf("options %q: %v\n%s", row.args, err, p.log)
		}
	}
}

// TestHTTPD_Deadlines checks that a connection has limits of time, for clients that send
// half a body or do not read the response.
func TestHTTPD_Deadlines(t *testing.T) {
	acceptor, err := sspitest.NewRealm("EXAMPLE.COM").Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := newServer(new(options), acceptor, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if srv.ReadHeaderTimeout <= 0 || srv.ReadTimeout <= 0 || srv.WriteTimeout <= srv.ReadTimeout || srv.IdleTimeout <= 0 {
		t.Errorf("header %v, request %v, answer %v, idle %v", srv.ReadHeaderTimeout, srv.ReadTimeout, srv.WriteTimeout, srv.IdleTimeout)
	}
}

// TestHTTPD_NoService checks that the page calls a keytab without a key for HTTP an error of
// the server, without details.
func TestHTTPD_NoService(t *testing.T) {
	p := launch(t, "-service", "HTTP/other.example.com")
	a := send(t, new(http.Client), "GET", p.url+"/", p.login(t, "alice", sspitest.Options{}), "")
	a.check(t, "no key", 500, "This server has an error in its configuration")
	if strings.Contains(a.body, "other.example.com") || !p.logged("=no-key ", "status_code=500") {
		t.Errorf("%s\n%s", a.body, p.log)
	}
}

// TestHTTPD_TLS checks that clients can bind their login to the certificate, and must do so
// with -require-binding.
func TestHTTPD_TLS(t *testing.T) {
	donor := httptest.NewTLSServer(nil)
	defer donor.Close()
	key, err := x509.MarshalPKCS8PrivateKey(donor.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: donor.Certificate().Raw}, keyFile: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bound := sspitest.Options{SPNEGO: true, ChannelBindings: &sspitls.EndPoint(donor.Certificate())[0]}

	p := launch(t, "-cert", cert, "-key", keyFile)
	a := send(t, donor.Client(), "GET", p.url+"/", p.login(t, "alice", bound), "")
	a.check(t, "bound", 200, "it cannot be relayed", "over TLS")
	a = send(t, donor.Client(), "GET", p.url+"/", p.login(t, "alice", sspitest.Options{SPNEGO: true}), "")
	a.check(t, "not bound", 200, "did not bind its login")
	a = send(t, donor.Client(), "GET", p.url+"/", "", "")
	a.check(t, "no login", 401, "curl --negotiate -u : "+p.url)
	if err := p.stop(); err != nil || !p.logged("kerberos: accepted", "binding=matched") || !p.logged("kerberos: accepted", "binding=missing") {
		t.Errorf("%v\n%s", err, p.log)
	}

	p = launch(t, "-cert", cert, "-key", keyFile, "-require-binding")
	a = send(t, donor.Client(), "GET", p.url+"/", p.login(t, "alice", bound), "")
	a.check(t, "required, bound", 200)
	a = send(t, donor.Client(), "GET", p.url+"/", p.login(t, "alice", sspitest.Options{SPNEGO: true}), "")
	a.check(t, "required, not bound", 401)
}

// TestHTTPD_Arguments checks that wrong arguments end the program before it listens.
func TestHTTPD_Arguments(t *testing.T) {
	dir := t.TempDir()
	table, err := sspitest.NewRealm("EXAMPLE.COM").Service(service)
	if err != nil {
		t.Fatal(err)
	}
	file := writeKeytab(t, table)
	for _, args := range [][]string{
		{"-unknown"},
		{"argument"},
		{"-cert", "cert.pem"},
		{"-key", "key.pem"},
		{"-keytab", filepath.Join(dir, "none")},
		{"-keytab", file, "-service", "a/b/"},
		{"-keytab", file, "-cert", filepath.Join(dir, "none"), "-key", filepath.Join(dir, "none")},
		{"-keytab", file, "-addr", "127.0.0.1:none"},
	} {
		var out bytes.Buffer
		if err := run(t.Context(), args, &out, io.Discard); err == nil || out.Len() > 0 {
			t.Errorf("%q: %v, %s", args, err, &out)
		}
	}
}

// TestMain runs the program instead of the tests if HTTPD_TEST_MAIN is 1, for
// TestHTTPD_Signal.
func TestMain(m *testing.M) {
	if os.Getenv("HTTPD_TEST_MAIN") == "1" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestHTTPD_Signal checks that SIGTERM ends the program after the running request.
func TestHTTPD_Signal(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" {
		t.Skip("there is no SIGTERM on " + runtime.GOOS)
	}
	realm := sspitest.NewRealm("EXAMPLE.COM")
	table, err := realm.Service(service)
	if err != nil {
		t.Fatal(err)
	}
	p := &program{realm: realm, log: new(safeBuffer)}
	cmd := exec.Command(os.Args[0], "-addr", "127.0.0.1:0", "-keytab", writeKeytab(t, table))
	cmd.Env = append(os.Environ(), "HTTPD_TEST_MAIN=1")
	cmd.Stderr = p.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		t.Fatalf("%q, %v", line, err)
	}
	body, in := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", p.login(t, "alice", sspitest.Options{}))
	done := make(chan error, 1)
	go func() {
		res, err := http.DefaultClient.Do(r)
		if err == nil {
			defer res.Body.Close()
			var b []byte
			if b, err = io.ReadAll(res.Body); err == nil && string(b) != "6 bytes\n" {
				err = fmt.Errorf("the answer is %q", b)
			}
		}
		done <- err
	}()
	if _, err := io.WriteString(in, "abc"); err != nil { // the request has begun
		t.Fatal(err)
	}
	for !p.logged("kerberos: accepted") { // and its client is authenticated
		runtime.Gosched()
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "def"); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v\n%s", err, p.log)
	}
}
