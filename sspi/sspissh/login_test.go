package sspissh_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspissh"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// openSSH are the context flags that OpenSSH requests with MIT's library.
const openSSH = flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_INTEG_FLAG | flags.GSS_C_CONF_FLAG

func TestLogin(t *testing.T) {
	s := newSite(t)
	s.start()
	for name, o := range map[string]sspitest.Options{
		"as MIT's gss-client": {},
		"as OpenSSH":          {Flags: openSSH},
		"one way":             {OneWay: true},
		"integrity alone":     {Flags: flags.GSS_C_INTEG_FLAG, OneWay: true},
		"three legs":          {DCEStyle: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.login("alice", s.initiate("alice", o))
			if got.err != nil {
				t.Fatal(got.err, got.errs)
			}
			peer := sspissh.Peer(got.conn)
			if peer == nil || peer.Client.String() != "alice@"+realmName || got.conn.User() != "alice" {
				t.Errorf("it is %v, as %s", peer, got.conn.User())
			}
			if sspissh.Delegated(got.conn) != nil {
				t.Error("the context has no delegated credentials")
			}
		})
	}
}

func TestLogin_Delegated(t *testing.T) {
	for _, accept := range []bool{false, true} {
		s := newSite(t)
		s.cfg.Context.AcceptDelegation = accept
		s.start()
		o := s.login("alice", s.initiate("alice", sspitest.Options{Delegate: true}))
		if o.err != nil {
			t.Fatal(o.err)
		}
		d := sspissh.Delegated(o.conn)
		switch {
		case (d != nil) != accept:
			t.Errorf("AcceptDelegation %v: %v", accept, d)
		case d != nil && (len(d.Tickets) != 1 || d.Client.String() != "alice@"+realmName || d.Tickets[0].SessionKey.IsZero()):
			t.Errorf("%v of %d tickets", d, len(d.Tickets))
		}
		if granted := sspissh.Peer(o.conn).Flags&flags.ASC_RET_DELEGATE != 0; granted != accept {
			t.Errorf("AcceptDelegation %v: granted %v", accept, granted)
		}
	}
}

// TestLogin_Refused checks that the server refuses a login without a token or with an
// invalid one, that the operator sees the Reason, and that the next client can log in.
func TestLogin_Refused(t *testing.T) {
	s := newSite(t)
	s.start()
	sends := func(token []byte) *client {
		return &client{token: func([]byte) []byte { return token }}
	}
	cut := func(token []byte) []byte { return token[:len(token)-1] }
	// SPNEGO's OID in place of that of Kerberos.
	spnego := []byte("\x60\x0a\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x00")
	for _, c := range []struct {
		name   string
		client *client
		want   status.Reason
	}{
		{"nothing", sends([]byte{}), status.ReasonMalformedToken},
		{"rubbish", sends([]byte("rubbish")), status.ReasonMalformedToken},
		{"NTLM", sends([]byte("NTLMSSP\x00\x01\x00\x00\x00")), status.ReasonNTLM},
		{"SPNEGO", sends(spnego), status.ReasonSPNEGO},
		{"200 kB", sends(make([]byte, 200_000)), status.ReasonTokenTooLong},
		{"cut", &client{Initiator: s.initiate("alice", sspitest.Options{}).Initiator, token: cut}, status.ReasonMalformedToken},
		{"expired", s.initiate("alice", sspitest.Options{EndTime: s.realm.Now().Add(-time.Hour)}), status.ReasonTicketExpired},
		{"wrong clock", s.initiate("alice", sspitest.Options{ClockOffset: 20 * time.Minute}), status.ReasonClockSkew},
		{"wrong clock, another try", s.initiate("alice", sspitest.Options{ClockOffset: 20 * time.Minute, RetrySkew: true}), status.ReasonClockSkew},
		{"no integrity", s.initiate("alice", sspitest.Options{Flags: flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_CONF_FLAG}), status.ReasonRequirementNotMet},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "nothing" { // the client of x/crypto sends no empty token
				server := s.server()
				if _, _, _, err := server.AcceptSecContext(nil); status.ReasonOf(err) != c.want {
					t.Errorf("%v, want %v", err, c.want)
				}
				return
			}
			o := s.login("alice", c.client)
			if o.err == nil || status.ReasonOf(o.attempt()) != c.want {
				t.Errorf("%v, want %v", o.attempt(), c.want)
			}
		})
	}
	s.good()
}

// TestLogin_OneMiB checks that a token longer than an SSH packet is refused because of its
// length.
func TestLogin_OneMiB(t *testing.T) {
	s := newSite(t)
	if _, _, _, err := s.server().AcceptSecContext(make([]byte, 1<<20)); status.ReasonOf(err) != status.ReasonTokenTooLong {
		t.Error(err)
	}
}

// TestLogin_Replay checks that a first token of one connection is refused on another.
func TestLogin_Replay(t *testing.T) {
	s := newSite(t)
	s.start()
	var seen []byte
	alice := s.initiate("alice", sspitest.Options{})
	alice.token = func(token []byte) []byte { seen = token; return token }
	if o := s.login("alice", alice); o.err != nil {
		t.Fatal(o.err)
	}
	thief := &client{token: func([]byte) []byte { return seen }}
	if o := s.login("alice", thief); o.err == nil || status.ReasonOf(o.attempt()) != status.ReasonReplay {
		t.Errorf("%v, want %v", o.attempt(), status.ReasonReplay)
	}
	s.good()
}

// TestLogin_MIC checks that the MIC binds a login to its connection and to the user's name.
func TestLogin_MIC(t *testing.T) {
	s := newSite(t)
	s.start()
	type field struct {
		Session               string
		Kind                  byte
		User, Service, Method string
	}
	change := func(f func(*field)) func(c *client) {
		return func(c *client) {
			c.mic = func(b []byte) ([]byte, error) {
				var x field
				if err := ssh.Unmarshal(b, &x); err != nil {
					return nil, err
				}
				f(&x)
				return c.Initiator.GetMIC(ssh.Marshal(&x))
			}
		}
	}
	for name, prepare := range map[string]func(*client){
		"over another session": change(func(f *field) { b := []byte(f.Session); b[0] ^= 1; f.Session = string(b) }),
		"over another user":    change(func(f *field) { f.User = "bob" }),
		"over another method":  change(func(f *field) { f.Method = "gssapi-keyex" }),
		"over nothing":         func(c *client) { c.mic = func([]byte) ([]byte, error) { return c.Initiator.GetMIC(nil) } },
		"none":                 func(c *client) { c.mic = func([]byte) ([]byte, error) { return nil, nil } },
		"rubbish":              func(c *client) { c.mic = func([]byte) ([]byte, error) { return []byte("rubbish"), nil } },
		"a bit flipped": func(c *client) {
			c.mic = func(b []byte) ([]byte, error) {
				mic, err := c.Initiator.GetMIC(b)
				mic[len(mic)-1] ^= 1
				return mic, err
			}
		},
		"a wrapped message": func(c *client) {
			c.mic = func(b []byte) ([]byte, error) { return c.Wrap(b, false) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.initiate("alice", sspitest.Options{Flags: openSSH})
			prepare(c)
			o := s.login("alice", c)
			code := status.CodeOf(o.attempt())
			if o.err == nil || code != status.SEC_E_MESSAGE_ALTERED && code != status.SEC_E_INVALID_TOKEN {
				t.Errorf("%v", o.attempt())
			}
		})
	}
	s.good()
}

// TestLogin_NextAttempt checks that the client may try again on the same connection after a
// refusal, also as another user, and that the attempts are independent.
func TestLogin_NextAttempt(t *testing.T) {
	s := newSite(t)
	s.start()
	attempts := []*client{
		{token: func([]byte) []byte { return []byte("rubbish") }},
		s.initiate("bob", sspitest.Options{}),   // a valid MIC, but the client is not alice
		s.initiate("alice", sspitest.Options{}), // an invalid MIC
		s.initiate("alice", sspitest.Options{}),
	}
	attempts[2].mic = func([]byte) ([]byte, error) { return []byte("rubbish"), nil }
	n := 0
	next := &inTurn{next: func() *client { n++; return attempts[n-1] }}
	if err := s.dial("alice", ssh.RetryableAuthMethod(with(next), len(attempts))); err != nil {
		t.Error(err)
	}
	o := <-s.ended
	if o.err != nil || len(o.errs) != len(attempts) {
		t.Fatalf("%v, %v", o.err, o.errs)
	}
	if !strings.Contains(o.errs[1].Error(), `"bob@EXAMPLE.COM" may not log in as the user "alice"`) {
		t.Error(o.errs[1])
	}
	if peer := sspissh.Peer(o.conn); peer == nil || peer.Client.String() != "alice@"+realmName {
		t.Errorf("it is %v", peer)
	}
}

// inTurn is an ssh.GSSAPIClient that uses another client for each attempt.
type inTurn struct {
	*client
	next func() *client
}

// InitSecContext implements ssh.GSSAPIClient.
func (i *inTurn) InitSecContext(target string, reply []byte, d bool) ([]byte, bool, error) {
	if reply == nil {
		i.client = i.next()
	}
	return i.client.InitSecContext(target, reply, d)
}

// TestLogin_OtherMethods checks that a login by another method has no Peer, even if
// Kerberos was the first of two methods or was refused before.
func TestLogin_OtherMethods(t *testing.T) {
	s := newSite(t)
	password := func(conn ssh.ConnMetadata, _ []byte) (*ssh.Permissions, error) { return nil, nil }
	s.base.PasswordCallback = password
	s.start()
	if err := s.dial("bob", with(s.initiate("alice", sspitest.Options{})), ssh.Password("x")); err != nil {
		t.Error(err)
	}
	if o := <-s.ended; o.err != nil || sspissh.Peer(o.conn) != nil {
		t.Errorf("after a refusal: %v, %v", o.err, sspissh.Peer(o.conn))
	}
	told := make(chan *sspi.Peer, 1)
	s = newSite(t)
	s.cfg.Authorize = func(_ ssh.ConnMetadata, peer *sspi.Peer) (*ssh.Permissions, error) {
		told <- peer
		return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{PasswordCallback: password}}
	}
	s.start()
	if err := s.dial("alice", with(s.initiate("alice", sspitest.Options{})), ssh.Password("x")); err != nil {
		t.Error(err)
	}
	if o := <-s.ended; o.err != nil || sspissh.Peer(o.conn) != nil || (<-told).Client.String() != "alice@"+realmName {
		t.Errorf("as the first of two: %v, %v", o.err, sspissh.Peer(o.conn))
	}
}

// TestLogin_Banner checks that x/crypto receives the unchanged error of Authorize.
func TestLogin_Banner(t *testing.T) {
	s := newSite(t)
	refusal := &ssh.BannerError{Err: errors.New("closed"), Message: "closed on Sundays"}
	s.cfg.Authorize = func(ssh.ConnMetadata, *sspi.Peer) (*ssh.Permissions, error) {
		return &ssh.Permissions{}, refusal
	}
	s.start()
	if o := s.login("alice", s.initiate("alice", sspitest.Options{})); o.attempt() != error(refusal) {
		t.Error(o.attempt())
	}
}

// TestLogin_SharedPermissions checks that Authorize may return the same Permissions for all
// clients. A login must leave nothing in them for the next login.
func TestLogin_SharedPermissions(t *testing.T) {
	s := newSite(t)
	shared := &ssh.Permissions{Extensions: map[string]string{"permit-pty": ""}, ExtraData: map[any]any{"quota": 7}}
	same := sspissh.SameUser(realmName)
	s.cfg.Authorize = func(conn ssh.ConnMetadata, peer *sspi.Peer) (*ssh.Permissions, error) {
		_, err := same(conn, peer)
		return shared, err
	}
	s.start()
	var wg sync.WaitGroup
	for i := range 8 {
		name := fmt.Sprintf("user%d", i)
		c := s.initiate(name, sspitest.Options{})
		wg.Go(func() {
			if err := s.dial(name, with(c)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for range 8 {
		o := <-s.ended
		if o.err != nil {
			t.Error(o.err)
			continue
		}
		p := o.conn.Permissions
		if peer := sspissh.Peer(o.conn); peer == nil || peer.Client.Name() != o.conn.User() {
			t.Errorf("%s is %v", o.conn.User(), peer)
		}
		if _, ok := p.Extensions["permit-pty"]; !ok || p.ExtraData["quota"] != 7 {
			t.Errorf("permissions were lost: %v", p)
		}
	}
	if len(shared.ExtraData) != 1 {
		t.Errorf("a login was left in %v", shared)
	}
}

// TestPeer_KeptPermissions checks that a connection which reuses the Permissions of another
// login has no Peer.
func TestPeer_KeptPermissions(t *testing.T) {
	s := newSite(t)
	s.start()
	kept := s.good().conn.Permissions
	s = newSite(t)
	s.base.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return kept, nil }
	s.start()
	if err := s.dial("alice", ssh.Password("x")); err != nil {
		t.Fatal(err)
	}
	if o := <-s.ended; o.err != nil || sspissh.Peer(o.conn) != nil || sspissh.Delegated(o.conn) != nil {
		t.Errorf("%v, %v", o.err, sspissh.Peer(o.conn))
	}
	if sspissh.Peer(nil) != nil || sspissh.Peer(new(ssh.ServerConn)) != nil {
		t.Error("a nil or empty connection has a Peer")
	}
}
