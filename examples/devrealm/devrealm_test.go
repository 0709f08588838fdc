package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi/sspitest"
)

// output is the output of a realm. It closes the channel of a text that await waits for.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	waiting map[string]chan struct{}
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b)
	for text, found := range o.waiting {
		if strings.Contains(o.text.String(), text) {
			close(found)
			delete(o.waiting, text)
		}
	}
	return len(b), nil
}

// String returns the output until now.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until the output contains text.
func (o *output) await(t *testing.T, text string) {
	t.Helper()
	found := make(chan struct{})
	o.mu.Lock()
	if strings.Contains(o.text.String(), text) {
		o.mu.Unlock()
		return
	}
	o.waiting[text] = found
	o.mu.Unlock()
	select {
	case <-found:
	case <-time.After(30 * time.Second):
		t.Fatalf("no %q in\n%s", text, o)
	}
}

// started returns a running realm.
func started(t *testing.T, args ...string) (*world, *output) {
	t.Helper()
	o, err := parse(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	out := &output{waiting: make(map[string]chan struct{})}
	w, err := build(t.Context(), &o, t.TempDir(), newScreen(out))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.stop)
	return w, out
}

// get requests the page of the web server as the user of the credential cache in dir, with
// gokrb5's client.
func get(t *testing.T, w *world, dir string) (status int, body string) {
	t.Helper()
	conf, err := config.Load(filepath.Join(w.dir, "krb5.conf"))
	if err != nil {
		t.Fatal(err)
	}
	cache, err := credentials.LoadCCache(filepath.Join(dir, "ccache"))
	if err != nil {
		t.Fatal(err)
	}
	cl, err := client.NewFromCCache(cache, conf, client.DisablePAFXFAST(true))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Destroy()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if err := spnego.SetSPNEGOHeader(cl, r, webService); err != nil {
		t.Fatal(err)
	}
	return do(t, r)
}

func do(t *testing.T, r *http.Request) (status int, body string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// sshClient is a client of the realm in memory for x/crypto/ssh.
type sshClient struct{ *sspitest.Initiator }

// InitSecContext implements ssh.GSSAPIClient.
func (c sshClient) InitSecContext(_ string, reply []byte, _ bool) (token []byte, more bool, err error) {
	token, done, err := c.Next(reply)
	return token, !done, err
}

// DeleteSecContext implements ssh.GSSAPIClient.
func (c sshClient) DeleteSecContext() error { return nil }

// logIn logs in to the SSH server with a ticket of client, and returns the output of a command.
func logIn(t *testing.T, w *world, client string, o sspitest.Options, user string) (string, error) {
	t.Helper()
	i, err := w.realm.User(client).Initiate(sshService, o)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ssh.Dial("tcp", w.ssh.String(), &ssh.ClientConfig{
		User: user, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		Auth: []ssh.AuthMethod{ssh.GSSAPIWithMICAuthMethod(sshClient{i}, "localhost")},
	})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	s, err := conn.NewSession()
	if err != nil {
		return "", err
	}
	defer s.Close()
	b, err := s.Output("whoami")
	return string(b), err
}

func TestWorld_Logins(t *testing.T) {
	w, out := started(t)
	if status, body := get(t, w, w.dir); status != http.StatusOK || !strings.Contains(body, "You are alice@EXAMPLE.COM.") {
		t.Errorf("%d %s", status, body)
	}
	out.await(t, "web   accepted alice@EXAMPLE.COM\n")
	if status, body := get(t, w, filepath.Join(w.dir, "bob")); status != http.StatusOK || !strings.Contains(body, "You are bob@EXAMPLE.COM.") {
		t.Errorf("%d %s", status, body)
	}
	out.await(t, "kdc   issued a ticket for HTTP/localhost to bob@EXAMPLE.COM\n")
	if got, err := logIn(t, w, "alice", sspitest.Options{}, "alice"); err != nil || got != "You are alice@EXAMPLE.COM, logged in as alice. This server runs no programs.\r\n" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := logIn(t, w, "bob", sspitest.Options{}, "alice"); err == nil {
		t.Errorf("bob logged in as alice: %q", got)
	}
	out.await(t, "ssh   REFUSED not-authorized: bob@EXAMPLE.COM\n")
}

// TestWorld_WebRefusals checks that a browser without a token tries once more, and no other
// client does.
func TestWorld_WebRefusals(t *testing.T) {
	w, _ := started(t)
	for _, c := range []struct{ query, token, text, refresh string }{
		{"", "", "You are not logged in", "1; url=/?again"},
		{"?again", "", "You are not logged in", ""},
		{"", "Negotiate " + ntlmToken, "The server refused your token", ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url()+c.query, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if c.token != "" {
			r.Header.Set("Authorization", c.token)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusUnauthorized || !strings.Contains(string(body), c.text) || resp.Header.Get("Refresh") != c.refresh {
			t.Errorf("%q: %d %q %s, %v", c.query, resp.StatusCode, resp.Header.Get("Refresh"), body, err)
		}
	}
}

// TestWorld_ActiveDirectory checks that -ad adds accounts with groups.
func TestWorld_ActiveDirectory(t *testing.T) {
	w, out := started(t, "-ad")
	status, body := get(t, w, w.dir)
	for _, text := range []string{`EXAMPLE\alice, ` + domainSID + "-1105", "Group:       " + domainSID + "-1104"} {
		if status != http.StatusOK || !strings.Contains(body, text) {
			t.Errorf("%d, no %q in %s", status, text, body)
		}
	}
	out.await(t, `accepted alice@EXAMPLE.COM, account EXAMPLE\alice`+"\n")
}

// TestWorld_Passwords logs in with the password that the instructions print.
func TestWorld_Passwords(t *testing.T) {
	w, _ := started(t)
	conf, err := config.Load(filepath.Join(w.dir, "krb5.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"alice", "bob"} {
		_, rest, _ := strings.Cut(w.instructions(), "the password is "+user)
		password, _, _ := strings.Cut(rest, "\n")
		for p, want := range map[string]bool{user + password: true, user + "-wrong": false} {
			err := client.NewWithPassword(user, realmName, p, conf, client.DisablePAFXFAST(true)).Login()
			if (err == nil) != want {
				t.Errorf("%s: %v", user, err)
			}
		}
	}
}

// TestFaults does for each fault what its text says, and expects the line that it names.
func TestFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			w, out := started(t, "-break", f.name)
			text := w.instructions()
			for _, part := range []string{wrap(f.about, 78, ""), f.expect, f.name} {
				if !strings.Contains(text, part) {
					t.Errorf("no %q in\n%s", part, text)
				}
			}
			switch f.name {
			case "typed-name":
				typedName(t, w, out)
			case "ntlm":
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url(), http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", "Negotiate "+ntlmToken)
				if !strings.Contains(text, r.Header.Get("Authorization")) {
					t.Errorf("the text does not show the header:\n%s", text)
				}
				if status, body := do(t, r); status != http.StatusUnauthorized {
					t.Errorf("%d %s", status, body)
				}
			default:
				if status, body := get(t, w, w.dir); status < 400 {
					t.Errorf("%d %s", status, body)
				}
			}
			out.await(t, "  "+f.expect)
			if f.name != "replay" && f.name != "typed-name" && strings.Contains(out.String(), "  accepted ") {
				t.Errorf("a client was accepted:\n%s", out)
			}
		})
	}
}

// typedName logs in with the ticket of bob, who typed root.
func typedName(t *testing.T, w *world, out *output) {
	o := sspitest.Options{Account: account("bob", 1106)}
	if got, err := logIn(t, w, "root", o, "root"); err == nil {
		t.Errorf("bob is root: %q", got)
	}
	if got, err := logIn(t, w, "root", o, "bob"); err != nil || !strings.HasPrefix(got, "You are bob@EXAMPLE.COM, logged in as bob.") {
		t.Errorf("%q, %v", got, err)
	}
	if status, body := get(t, w, w.dir); status != http.StatusOK || !strings.Contains(body, "You are bob@EXAMPLE.COM.\nYou typed:   root@EXAMPLE.COM\n") {
		t.Errorf("%d %s", status, body)
	}
	out.await(t, `web   accepted bob@EXAMPLE.COM, account EXAMPLE\bob, which typed the name root@EXAMPLE.COM`)
}

// TestRun_Ends checks that the end of the context ends run without an error, and that run
// removes its files.
func TestRun_Ends(t *testing.T) {
	temp := t.TempDir()
	for _, v := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(v, temp)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	out := &output{waiting: make(map[string]chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, nil, out, io.Discard) }()
	out.await(t, "Each login and each refusal appears below.")
	if left, err := os.ReadDir(temp); err != nil || len(left) != 1 {
		t.Errorf("the running realm has %v, %v", left, err)
	}
	end()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("the realm left %v, %v", left, err)
	}
}

// TestBuild_Fails checks that build ends the KDC and the servers that it has started, and returns
// the error. A folder is in the place of a file that build writes, before the KDC runs and after.
func TestBuild_Fails(t *testing.T) {
	for _, name := range []string{"server.keytab", "krb5.conf", "Get.java", "known_hosts"} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, name, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		if w, err := build(t.Context(), new(options), dir, newScreen(io.Discard)); err == nil || w != nil {
			t.Errorf("%s: %v, %v", name, w, err)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args []string
		text string
	}{
		{[]string{"-break", "x"}, "the names are stale-kvno, wrong-spn, clock, ntlm, rc4, no-key, replay, typed-name"},
		{[]string{"x"}, `unexpected argument "x"`},
		{[]string{"-x"}, "not defined"},
		{[]string{"-addr", "0.0.0.0:0"}, "not defined"}, // no flag lifts the limit to loopback
		{[]string{"-break", "clock", "-services", "-ad", "0.0.0.0:88"}, "unexpected argument"},
	} {
		if _, err := parse(c.args, io.Discard); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%q: %v", c.args, err)
		}
	}
	if _, err := parse([]string{"-h"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
}
