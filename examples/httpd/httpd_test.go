package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gosspi/kerberos/sspi/sspitest"
)

// program is the whole command, run in this process.
type program struct {
	url   string
	realm *sspitest.Realm
	stop  func() error // ends it, and returns what run did
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

// launch runs the command with a keytab of a new realm, and waits for it to listen.
func launch(t *testing.T, args ...string) *program {
	t.Helper()
	realm := sspitest.NewRealm("EXAMPLE.COM")
	table, err := realm.Service(service)
	if err != nil {
		t.Fatal(err)
	}
	b, err := table.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keytab")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
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
	return p
}

// login is an Authorization field of a client.
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

// answer is a response, read whole.
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
	a.check(t, "no login", 401, "Who are you?", "curl --negotiate", "http://127.0.0.1", "Your browser did not log in")
	if got := a.head.Values("WWW-Authenticate"); len(got) != 1 || got[0] != "Negotiate" {
		t.Errorf("no login: WWW-Authenticate is %q", got)
	}
	a = send(t, c, "GET", p.url+"/", p.login(t, "alice", sspitest.Options{Delegate: true}), "")
	a.check(t, "login", 200, `<dd id="client">alice@EXAMPLE.COM</dd>`, "HTTP/www.example.com@EXAMPLE.COM",
		`class="set" title="this server has proven itself to you, too">MUTUAL_AUTH`, "aes256-cts-hmac-sha1-96",
		"Nothing was compared", "krbtgt/EXAMPLE.COM")
	if got := a.head.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Negotiate ") {
		t.Errorf("login: the server did not prove itself: %q", got)
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
	for _, line := range []string{
		"msg=login client=alice@EXAMPLE.COM service=HTTP/www.example.com@EXAMPLE.COM", "binding=unchecked method=GET path=/",
		"msg=login client=bob@EXAMPLE.COM", "msg=refused reason=ntlm", "msg=refused reason=malformed-token",
	} {
		if !strings.Contains(p.log.String(), line) {
			t.Errorf("the log has no line %q:\n%s", line, p.log)
		}
	}
	if got := strings.Count(p.log.String(), "\n"); got != 5 {
		t.Errorf("the log has %d lines, not one for each of 3 logins and 2 refusals:\n%s", got, p.log)
	}
}
