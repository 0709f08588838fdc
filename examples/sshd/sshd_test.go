package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspiallow"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/ticket/pac"
)

// client implements ssh.GSSAPIClient with a ticket.
type client struct{ *sspitest.Initiator }

// InitSecContext implements ssh.GSSAPIClient.
func (c client) InitSecContext(_ string, reply []byte, _ bool) (token []byte, more bool, err error) {
	token, done, err := c.Next(reply)
	return token, !done, err
}

// DeleteSecContext implements ssh.GSSAPIClient.
func (c client) DeleteSecContext() error { return nil }

// lines is a log that a test can read while the server writes it.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// start runs the server on a keytab file of the realm. end ends the server as SIGTERM
// does, and returns its log.
func start(t *testing.T, realm *sspitest.Realm) (addr string, end func() string) {
	t.Helper()
	return startWith(t, realm, maxSessions, sspi.PACPolicy{}, nil)
}

// startWith runs a server with a limit of sessions, a policy and a rule.
func startWith(t *testing.T, realm *sspitest.Realm, sessions int, policy sspi.PACPolicy, rule *sspiallow.Rule) (addr string, end func() string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	table, err := realm.Service("host/localhost", "HTTP/localhost")
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
	ctx, cancel := context.WithCancel(t.Context())
	var log lines
	logger := slog.New(slog.NewTextHandler(&log, nil))
	kerberos, err := configure(ctx, file, "", policy, rule, logger)
	if err != nil {
		t.Fatal(err)
	}
	key, err := hostKey("")
	if err != nil {
		t.Fatal(err)
	}
	base := new(ssh.ServerConfig)
	base.AddHostKey(key)
	srv := newServer(kerberos, base, logger)
	srv.MaxSessions = sessions
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx, l) }()
	return l.Addr().String(), func() string {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		return log.b.String()
	}
}

// dial logs alice in as the user as, with a ticket for service.
func dial(t *testing.T, addr string, realm *sspitest.Realm, as, service string) (*ssh.Client, error) {
	t.Helper()
	return dialAs(t, addr, realm.User("alice"), as, service, sspitest.Options{Delegate: true})
}

// dialAs logs user in as the user as.
func dialAs(t *testing.T, addr string, user *sspitest.User, as, service string, o sspitest.Options) (*ssh.Client, error) {
	t.Helper()
	i, err := user.Initiate(service, o)
	if err != nil {
		t.Fatal(err)
	}
	return ssh.Dial("tcp", addr, &ssh.ClientConfig{
		User: as, Auth: []ssh.AuthMethod{ssh.GSSAPIWithMICAuthMethod(client{i}, "localhost")},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
}

func TestSSHD(t *testing.T) {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	addr, end := start(t, realm)
	alice, err := dial(t, addr, realm, "alice", "host/localhost")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		command string
		code    int
		want    []string
	}{
		{"whoami", 0, []string{"alice\n"}},
		{"id", 0, []string{"principal: alice@EXAMPLE.COM\n", "delegation: yes\n", "ticket ends: ", "ASC_RET_INTEGRITY"}},
		{"rm -rf /", 127, []string{"only whoami and id"}},
	} {
		session, err := alice.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		out, err := session.CombinedOutput(c.command)
		code := 0
		if e, ok := err.(*ssh.ExitError); ok {
			code, err = e.ExitStatus(), nil
		}
		if err != nil || code != c.code {
			t.Errorf("%s: exit %d, %v", c.command, code, err)
		}
		for _, w := range c.want {
			if !strings.Contains(string(out), w) {
				t.Errorf("%s: no %q in\n%s", c.command, w, out)
			}
		}
	}
	if out := shell(t, alice); !strings.HasPrefix(out, "Hello, alice.") || !strings.HasSuffix(out, "\r\n") {
		t.Errorf("%q", out)
	}
	alice.Close()
	if _, err := dial(t, addr, realm, "bob", "host/localhost"); err == nil {
		t.Error("alice may log in as bob")
	}
	if _, err := dial(t, addr, realm, "alice", "HTTP/localhost"); err == nil {
		t.Error("the server accepts a ticket for HTTP/localhost")
	}
	log := end()
	for _, w := range []string{
		`msg="kerberos: accepted"`, "kerberos.client.name=alice@EXAMPLE.COM", "ASC_RET_DELEGATE", "user.name=alice", "user.name=bob",
		`msg="kerberos: refused"`, `may not log in as the user \"bob\""`, "error.type=wrong-service", "client.address=127.0.0.1",
	} {
		if !strings.Contains(log, w) {
			t.Errorf("no %s in\n%s", w, log)
		}
	}
	if n := strings.Count(log, "\n"); n != 3 {
		t.Errorf("%d lines for three connections:\n%s", n, log)
	}
}

// TestRULE_7_SSHD checks that a client must satisfy the rule of -allow, and still logs in under its
// own name only.
func TestRULE_7_SSHD(t *testing.T) {
	staff := pac.MustParseSID("S-1-5-21-1-2-3-1201")
	rule := sspiallow.SID(staff)
	account := func(groups ...pac.Group) sspitest.Options {
		return sspitest.Options{Account: &sspitest.Account{SID: pac.MustParseSID("S-1-5-21-1-2-3-1105"), Groups: groups}}
	}
	realm := sspitest.NewRealm("EXAMPLE.COM")
	addr, end := startWith(t, realm, maxSessions, sspi.PACPolicy{}, &rule)
	for _, x := range []struct {
		as       string
		o        sspitest.Options
		admitted bool
	}{
		{"bob", account(pac.Group{SID: staff}), true},
		{"alice", account(pac.Group{SID: staff}), false},
		{"bob", account(), false},
		{"bob", sspitest.Options{}, false},
	} {
		c, err := dialAs(t, addr, realm.User("bob"), x.as, "host/localhost", x.o)
		if (err == nil) != x.admitted {
			t.Errorf("%s, %+v: %v", x.as, x.o.Account, err)
		}
		if err == nil {
			c.Close()
		}
	}
	if log := end(); !strings.Contains(log, `the client \"EXAMPLE\\\\bob\" is not admitted: it is not in S-1-5-21-1-2-3-1201`) || !strings.Contains(log, `may not log in as the user \"alice\"`) {
		t.Error(log)
	}
}

// TestNAME_3_SSHD checks that a client logs in as the user of its account, whatever name it
// typed, and that a ticket without PAC proves no user.
func TestNAME_3_SSHD(t *testing.T) {
	sid := pac.MustParseSID("S-1-5-21-1-2-3-1105")
	bob := sspitest.Options{Account: &sspitest.Account{Name: "bob", SID: sid}}
	ws1 := sspitest.Options{Account: &sspitest.Account{Name: "WS1$", SID: sid}}
	noPAC := sspitest.Options{NoPAC: true}
	realm := sspitest.NewRealm("EXAMPLE.COM")
	for _, row := range []struct {
		typed   string
		o       sspitest.Options
		as      string
		policy  sspi.PACPolicy
		refusal string // "": the login succeeds
	}{
		{"root", bob, "bob", sspi.PACPolicy{}, ""},
		{"root", bob, "root", sspi.PACPolicy{}, `the principal \"bob@EXAMPLE.COM\" may not log in as the user \"root\"`},
		{"WS1", ws1, "WS1", sspi.PACPolicy{}, `with the account \"EXAMPLE\\\\WS1$\" is not a plain user`},
		{"WS1", ws1, "WS1$", sspi.PACPolicy{}, `its name contains '$'`},
		{"alice", noPAC, "alice", sspi.PACPolicy{}, `if the realm \"EXAMPLE.COM\" issues no PACs, add it to Config.PAC.RealmsWithoutPAC`},
		{"alice", noPAC, "alice", sspi.PACPolicy{RealmsWithoutPAC: []string{"EXAMPLE.COM"}}, ""},
	} {
		addr, end := startWith(t, realm, maxSessions, row.policy, nil)
		c, err := dialAs(t, addr, realm.User(row.typed), row.as, "host/localhost", row.o)
		if err == nil {
			c.Close()
		}
		if log := end(); (err == nil) != (row.refusal == "") || !strings.Contains(log, row.refusal) {
			t.Errorf("%s typed %s: %v, want %q:\n%s", row.as, row.typed, err, row.refusal, log)
		}
	}
}

// TestServe_Pending checks that clients that connect and send nothing do not keep other
// clients from logging in.
func TestServe_Pending(t *testing.T) {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	addr, end := start(t, realm)
	for range 3 * maxPending {
		idle, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer idle.Close()
	}
	alice, err := dial(t, addr, realm, "alice", "host/localhost")
	if err != nil {
		t.Fatal(err)
	}
	alice.Close()
	if log := end(); !strings.Contains(log, "kerberos.client.name=alice@EXAMPLE.COM") {
		t.Error(log)
	}
}

// shell requests a terminal and a shell, and returns the output.
func shell(t *testing.T, c *ssh.Client) string {
	t.Helper()
	session, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	session.Stdout = &out
	if err := session.RequestPty("xterm", 24, 80, nil); err != nil {
		t.Error(err)
	}
	if err := session.Shell(); err != nil {
		t.Error(err)
	}
	if err := session.Wait(); err != nil {
		t.Error(err)
	}
	return out.String()
}

// TestRun_Refused checks that an error in the arguments or in a file ends the program
// before it listens.
func TestRun_Refused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte{5, 2}, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-keytab", filepath.Join(t.TempDir(), "none")},
		{"-keytab", empty},
		{"-keytab", empty, "-realm", "R", "-hostkey", empty},
		{"more"},
	} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}

// TestNAME_8_SeveralRealms checks that the operator must list the realms whose users log in
// under their bare names if the keytab has keys of several realms.
func TestNAME_8_SeveralRealms(t *testing.T) {
	var entries []keytab.Entry
	for _, realm := range []string{"EXAMPLE.COM", "PARTNER.TEST"} {
		table, err := sspitest.NewRealm(realm).Service("host/localhost")
		if err != nil {
			t.Fatal(err)
		}
		for e := range table.All() {
			entries = append(entries, e)
		}
	}
	table, err := keytab.NewTable(entries...)
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
	if _, err := configure(t.Context(), file, "", sspi.PACPolicy{}, nil, nil); err == nil || !strings.Contains(err.Error(), "-realm") || !strings.Contains(err.Error(), "PARTNER.TEST") {
		t.Errorf("several realms and no -realm: %v", err)
	}
	if _, err := configure(t.Context(), file, "EXAMPLE.COM,PARTNER.TEST", sspi.PACPolicy{}, nil, nil); err != nil {
		t.Error(err)
	}
}
