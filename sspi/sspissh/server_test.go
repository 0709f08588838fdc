package sspissh_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspissh"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// metadata is a connection as AllowLogin receives it.
type metadata struct{ session, user string }

func (m metadata) User() string          { return m.user }
func (m metadata) SessionID() []byte     { return []byte(m.session) }
func (m metadata) ClientVersion() []byte { return nil }
func (m metadata) ServerVersion() []byte { return nil }
func (m metadata) RemoteAddr() net.Addr  { return nil }
func (m metadata) LocalAddr() net.Addr   { return nil }

// field returns the bytes that the client's MIC covers.
func (m metadata) field() []byte {
	return ssh.Marshal(struct {
		Session               string
		Kind                  byte
		User, Service, Method string
	}{m.session, 50, m.user, "ssh-connection", "gssapi-with-mic"})
}

var one, two = metadata{"session one", "alice"}, metadata{"session two", "bob"}

// accepted returns a client whose tokens the server has accepted.
func (s *site) accepted(server *gssServer, user string) *client {
	s.t.Helper()
	c := s.initiate(user, sspitest.Options{Flags: openSSH})
	token, _, err := c.Next(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	reply, name, more, err := server.AcceptSecContext(token)
	if err != nil || more || name != user+"@"+realmName {
		s.t.Fatalf("%q, %v, %v", name, more, err)
	}
	if _, _, err := c.Next(reply); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// sign returns the client's MIC for a connection.
func (s *site) sign(c *client, m metadata) []byte {
	s.t.Helper()
	mic, err := c.Initiator.GetMIC(m.field())
	if err != nil {
		s.t.Fatal(err)
	}
	return mic
}

func wantReason(t *testing.T, what string, err error, want status.Reason, text string) {
	t.Helper()
	if err == nil || status.ReasonOf(err) != want || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %v, want %v: %s", what, err, want, text)
	}
}

// wantEnded checks that the server has detected that two connections share it, and refuses
// every call.
func wantEnded(t *testing.T, s *site, server *gssServer) {
	t.Helper()
	const text = "two connections"
	if err := server.DeleteSecContext(); err != nil {
		t.Error(err)
	}
	token, _, err := s.initiate("alice", sspitest.Options{}).Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _, _, err = server.AcceptSecContext(token)
	wantReason(t, "AcceptSecContext", err, status.ReasonContextState, text)
	wantReason(t, "VerifyMIC", server.VerifyMIC(one.field(), nil), status.ReasonContextState, text)
	_, err = server.AllowLogin(one, "alice@"+realmName)
	wantReason(t, "AllowLogin", err, status.ReasonContextState, text)
}

// TestServer_Shared checks that the Server refuses a call that only a second connection can
// cause, and then ends the attempt and refuses all further calls.
func TestServer_Shared(t *testing.T) {
	const text = "two connections"
	for name, misuse := range map[string]func(s *site, server *gssServer) error{
		"a token after the last": func(s *site, server *gssServer) error {
			s.accepted(server, "alice")
			token, _, _ := s.initiate("bob", sspitest.Options{}).Next(nil)
			_, _, _, err := server.AcceptSecContext(token)
			return err
		},
		"the MIC of another session": func(s *site, server *gssServer) error {
			alice := s.accepted(server, "alice")
			if err := server.VerifyMIC(one.field(), s.sign(alice, one)); err != nil {
				return err
			}
			if _, err := server.AllowLogin(one, "alice@"+realmName); err != nil {
				return err
			}
			_ = server.DeleteSecContext()
			bob := s.accepted(server, "bob")
			return server.VerifyMIC(two.field(), s.sign(bob, two))
		},
		"a second MIC": func(s *site, server *gssServer) error {
			alice := s.accepted(server, "alice")
			if err := server.VerifyMIC(one.field(), s.sign(alice, one)); err != nil {
				return err
			}
			return server.VerifyMIC(one.field(), s.sign(alice, one))
		},
		"the login of another session": func(s *site, server *gssServer) error {
			alice := s.accepted(server, "alice")
			if err := server.VerifyMIC(one.field(), s.sign(alice, one)); err != nil {
				return err
			}
			_, err := server.AllowLogin(metadata{two.session, one.user}, "alice@"+realmName)
			return err
		},
		"the login of another user's name": func(s *site, server *gssServer) error {
			alice := s.accepted(server, "alice")
			if err := server.VerifyMIC(one.field(), s.sign(alice, one)); err != nil {
				return err
			}
			_, err := server.AllowLogin(metadata{one.session, two.user}, "alice@"+realmName)
			return err
		},
		"the login of another principal": func(s *site, server *gssServer) error {
			alice := s.accepted(server, "alice")
			if err := server.VerifyMIC(one.field(), s.sign(alice, one)); err != nil {
				return err
			}
			_, err := server.AllowLogin(one, "bob@"+realmName)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			server := s.server()
			wantReason(t, name, misuse(s, server), status.ReasonContextState, text)
			wantEnded(t, s, server)
		})
	}
}

// TestServer_Order checks that calls in another order than that of x/crypto admit no
// client, and that a later attempt in the right order succeeds.
func TestServer_Order(t *testing.T) {
	s := newSite(t)
	server := s.server()
	wantReason(t, "a MIC before a token", server.VerifyMIC(one.field(), nil), status.ReasonContextState, "before the acceptor accepted the client")
	_, err := server.AllowLogin(one, "alice@"+realmName)
	wantReason(t, "AllowLogin before a MIC", err, status.ReasonContextState, "before a MIC")
	if err := server.DeleteSecContext(); err != nil {
		t.Error(err)
	}

	alice := s.accepted(server, "alice")
	_, err = server.AllowLogin(one, "alice@"+realmName)
	wantReason(t, "AllowLogin before the MIC", err, status.ReasonContextState, "before a MIC")
	wantReason(t, "the MIC after that", server.VerifyMIC(one.field(), s.sign(alice, one)), status.ReasonContextState, "before the acceptor accepted the client")

	alice = s.accepted(server, "alice")
	if err := server.VerifyMIC(one.field(), []byte("rubbish")); err == nil {
		t.Error("rubbish is a MIC")
	}
	wantReason(t, "a good MIC after a bad one", server.VerifyMIC(one.field(), s.sign(alice, one)), status.ReasonContextState, "before the acceptor accepted the client")

	alice = s.accepted(server, "alice")
	if err := server.VerifyMIC(one.field(), s.sign(alice, one)); err != nil {
		t.Fatal(err)
	}
	if err := server.DeleteSecContext(); err != nil {
		t.Error(err)
	}
	_, err = server.AllowLogin(one, "alice@"+realmName)
	wantReason(t, "AllowLogin after the end", err, status.ReasonContextState, "before a MIC")

	alice = s.accepted(server, "alice")
	if err := server.VerifyMIC(one.field(), s.sign(alice, one)); err != nil {
		t.Fatal(err)
	}
	if _, err := server.AllowLogin(one, "alice@"+realmName); err != nil {
		t.Error(err)
	}
	_, err = server.AllowLogin(one, "alice@"+realmName)
	wantReason(t, "AllowLogin twice", err, status.ReasonContextState, "before a MIC")
}

// TestServer_Field checks that a valid MIC of other bytes than a login's field is refused.
func TestServer_Field(t *testing.T) {
	s := newSite(t)
	good := one.field()
	for name, field := range map[string][]byte{
		"nothing":                 nil,
		"cut":                     good[:len(good)-1],
		"with something behind":   append(good[:len(good):len(good)], 0),
		"without a session":       metadata{"", "alice"}.field(),
		"of another message":      replaceOnce(good, "\x32\x00\x00\x00\x05alice", "\x33\x00\x00\x00\x05alice"),
		"of another service":      replaceOnce(good, "ssh-connection", "ssh-connectiom"),
		"of the other GSS method": replaceOnce(good, "\x0fgssapi-with-mic", "\x0cgssapi-keyex"),
	} {
		t.Run(name, func(t *testing.T) {
			server := s.server()
			alice := s.accepted(server, "alice")
			mic, err := alice.Initiator.GetMIC(field)
			if err != nil {
				t.Fatal(err)
			}
			wantReason(t, name, server.VerifyMIC(field, mic), status.ReasonArgument, "RFC 4462")
			wantReason(t, "the right one after it", server.VerifyMIC(good, s.sign(alice, one)), status.ReasonContextState, "")
		})
	}
}

func replaceOnce(b []byte, old, with string) []byte {
	return []byte(strings.Replace(string(b), old, with, 1))
}

// TestServer_SharedOverTheWire checks two connections with one ServerConfig, which share
// x/crypto's GSSAPIServer. The second connection begins between the token and the MIC of
// the first.
func TestServer_SharedOverTheWire(t *testing.T) {
	s := newSite(t)
	config := s.serverConfig()
	s.config = func() *ssh.ServerConfig { return config }
	s.start()
	alice, bob := s.initiate("alice", sspitest.Options{}), s.initiate("bob", sspitest.Options{})
	second := make(chan error, 1)
	alice.mic = func(field []byte) ([]byte, error) {
		second <- s.dial("bob", with(bob))
		return alice.Initiator.GetMIC(field)
	}
	first := s.dial("alice", with(alice))
	if err := <-second; first == nil || err == nil {
		t.Errorf("the first: %v; the second: %v", first, err)
	}
	for range 2 {
		o := <-s.ended
		wantReason(t, "over the wire", o.attempt(), status.ReasonContextState, "two connections")
	}
	if s.dial("alice", with(s.initiate("alice", sspitest.Options{}))) == nil {
		t.Error("it is forgotten that the server was shared")
	}
}

// TestServer_SharedOneAfterTheOther checks that the Server recognises the second connection
// with one ServerConfig by its session.
func TestServer_SharedOneAfterTheOther(t *testing.T) {
	s := newSite(t)
	config := s.serverConfig()
	s.config = func() *ssh.ServerConfig { return config }
	s.start()
	s.good()
	o := s.login("bob", s.initiate("bob", sspitest.Options{}))
	wantReason(t, "the second", o.attempt(), status.ReasonContextState, "two connections")
}

// TestNew_Argument checks that New refuses an incomplete or wrong Config.
func TestNew_Argument(t *testing.T) {
	for name, change := range map[string]func(*sspissh.Config){
		"Acceptor":       func(c *sspissh.Config) { c.Acceptor = nil },
		"Authorize":      func(c *sspissh.Config) { c.Authorize = nil },
		"Package":        func(c *sspissh.Config) { c.Context.Package = "Negotiate" },
		"BackendTimeout": func(c *sspissh.Config) { c.BackendTimeout = -1 },
	} {
		s := newSite(t)
		change(s.cfg)
		m, err := sspissh.New(*s.cfg)
		wantReason(t, name, err, status.ReasonArgument, "Config."+strings.Replace(name, "Package", "Context.Package", 1))
		if m != nil {
			t.Errorf("%s: New returned a Method", name)
		}
	}
}

// TestConfig_Kerberos checks that Config may name the package Kerberos, in any case.
func TestConfig_Kerberos(t *testing.T) {
	s := newSite(t)
	s.cfg.Context.Package = "kerberos"
	s.start()
	s.good()
}

// TestConfig_ServerConfig checks that ServerConfig leaves base unchanged, and that the copy
// has the content of base.
func TestConfig_ServerConfig(t *testing.T) {
	s := newSite(t)
	s.base.MaxAuthTries = 3
	a, b := s.serverConfig(), s.serverConfig()
	if s.base.GSSAPIWithMICConfig != nil || a.MaxAuthTries != 3 {
		t.Errorf("%+v", s.base)
	}
	if a.GSSAPIWithMICConfig == b.GSSAPIWithMICConfig || a.GSSAPIWithMICConfig.Server == b.GSSAPIWithMICConfig.Server {
		t.Error("two connections have one server")
	}
}

func TestSameUser(t *testing.T) {
	rule := sspissh.SameUser(realmName, "OTHER.EXAMPLE")
	for _, c := range []struct {
		principal, user string
		anonymous, want bool
	}{
		{principal: "alice@EXAMPLE.COM", user: "alice", want: true},
		{principal: "alice@OTHER.EXAMPLE", user: "alice", want: true},
		{principal: "alice@EXAMPLE.COM", user: "bob"},
		{principal: "alice@EXAMPLE.COM", user: "Alice"},
		{principal: "alice@EXAMPLE.COM", user: "root"},
		{principal: "alice@EXAMPLE.COM", user: ""},
		{principal: "alice@EXAMPLE.COM", user: "alice@EXAMPLE.COM"},
		{principal: "alice@THIRD.EXAMPLE", user: "alice"},
		{principal: "alice@example.com", user: "alice"},
		{principal: "alice@EXAMPLE.COM", user: "alice", anonymous: true},
		{principal: "root@EXAMPLE.COM", user: "root"},
		{principal: "alice/admin@EXAMPLE.COM", user: "alice"},
		{principal: "alice/admin@EXAMPLE.COM", user: "alice/admin"},
		{principal: "host/localhost@EXAMPLE.COM", user: "host"},
		{principal: "server$@EXAMPLE.COM", user: "server$"},
		{principal: "server$@EXAMPLE.COM", user: "server"},
		{principal: `alice\@evil.example@EXAMPLE.COM`, user: "alice"},
	} {
		peer := *peerOf(t, c.principal)
		peer.Anonymous = c.anonymous
		perms, err := rule(metadata{"s", c.user}, &peer)
		if (err == nil) != c.want || perms != nil {
			t.Errorf("%s as %q: %v, %v", c.principal, c.user, perms, err)
		}
	}
	alice := peerOf(t, "alice@EXAMPLE.COM")
	if _, err := sspissh.SameUser()(metadata{"s", "alice"}, alice); err == nil {
		t.Error("no realm is any realm")
	}
	if _, err := rule(metadata{"s", "alice"}, new(sspi.Peer)); err == nil {
		t.Error("the zero Principal is the user")
	}
	_, err := rule(metadata{"s", strings.Repeat("\x1b", 1<<16)}, alice)
	if err == nil || len(err.Error()) > 600 || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("the client's bytes in an error: %.100q", err)
	}
}

// TestNAME_7_SameUserErrors (C14): the error says which principal is refused, and why.
func TestNAME_7_SameUserErrors(t *testing.T) {
	for _, c := range []struct {
		principal, user string
		want            []string
	}{
		{"WS1$@EXAMPLE.COM", "ws1", []string{`"WS1$@EXAMPLE.COM"`, "contains '$'"}},
		{"bob@CHILD.EXAMPLE.COM", "bob", []string{`"bob@CHILD.EXAMPLE.COM"`, `"CHILD.EXAMPLE.COM"`, `given are "EXAMPLE.COM"`}},
		{"root@EXAMPLE.COM", "root", []string{`"root@EXAMPLE.COM"`, "write a Config.Authorize"}},
		{"alice@EXAMPLE.COM", "bob", []string{`"alice@EXAMPLE.COM" may not log in as the user "bob"`}},
	} {
		peer := peerOf(t, c.principal)
		_, err := sspissh.SameUser(realmName)(metadata{"s", c.user}, peer)
		for _, want := range c.want {
			if status.ReasonOf(err) != status.ReasonNotAuthorized || !strings.Contains(err.Error(), want) {
				t.Errorf("%s as %s: %v; want %s in it", c.principal, c.user, err, want)
			}
		}
	}
}

// TestSEC_3_SameUserQuotes checks that the error quotes both the name that the client
// requests and the name from its KDC.
func TestSEC_3_SameUserQuotes(t *testing.T) {
	const evil = "a\x1b[2J\u202e\u009b\x07"
	for _, c := range []struct{ principal, user string }{
		{"alice@EXAMPLE.COM", evil}, {evil + "@EXAMPLE.COM", "alice"}, {"alice@" + evil, "alice"}, {evil + "@EXAMPLE.COM", evil},
	} {
		_, err := sspissh.SameUser(realmName)(metadata{"s", c.user}, peerOf(t, c.principal))
		if err == nil || strings.ContainsAny(err.Error(), evil[1:2]+evil[5:]) || !strings.Contains(err.Error(), `a\x1b[2J\u202e\u009b\a`) {
			t.Errorf("%q as %q: %q", c.principal, c.user, err)
		}
	}
}

// TestSameUser_Copies checks that SameUser copies the list of realms.
func TestSameUser_Copies(t *testing.T) {
	realms := []string{"EXAMPLE.COM"}
	rule := sspissh.SameUser(realms...)
	realms[0] = "OTHER.EXAMPLE"
	if _, err := rule(metadata{"s", "alice"}, peerOf(t, "alice@OTHER.EXAMPLE")); err == nil {
		t.Error("the caller's slice is used")
	}
	if _, err := rule(metadata{"s", "alice"}, peerOf(t, "alice@EXAMPLE.COM")); err != nil {
		t.Error(err)
	}
}

// TestServer_Redacted checks that neither a Server nor the Permissions of a login print a
// secret.
func TestServer_Redacted(t *testing.T) {
	s := newSite(t)
	s.cfg.Context.AcceptDelegation = true
	server := s.server()
	c := s.initiate("alice", sspitest.Options{Delegate: true})
	token, _, _ := c.Next(nil)
	reply, _, _, err := server.AcceptSecContext(token)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Next(reply); err != nil {
		t.Fatal(err)
	}
	if err := server.VerifyMIC(one.field(), s.sign(c, one)); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, server.GSSAPIServer); got != "sspissh.gssapiServer{...}" {
			t.Errorf("%s: %s", verb, got)
		}
	}
	perms, err := server.AllowLogin(one, "alice@"+realmName)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		got := fmt.Sprintf(verb, perms)
		if !strings.Contains(got, "sspissh.login{alice@EXAMPLE.COM}") || len(got) > 300 {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

// TestConfig_BackendTimeout checks that BackendTimeout ends a login whose key source hangs.
func TestConfig_BackendTimeout(t *testing.T) {
	s := newSite(t)
	s.cfg.BackendTimeout = 1 // one nanosecond
	s.cfg.Acceptor = s.acceptorWith(func(c *sspi.Config) {
		c.Keys = keytab.SourceFunc(func(ctx context.Context) (*keytab.Table, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
	})
	s.start()
	o := s.login("alice", s.initiate("alice", sspitest.Options{}))
	wantReason(t, "a source that hangs", o.attempt(), status.ReasonCanceled, "keys")
}
