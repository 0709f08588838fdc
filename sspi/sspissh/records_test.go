package sspissh_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspissh"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// recorded is a site that keeps the records of its acceptor.
type recorded struct {
	*site
	mu   sync.Mutex
	told []sspi.Event
}

func newRecorded(t testing.TB) *recorded {
	t.Helper()
	r := &recorded{site: newSite(t)}
	r.cfg.Acceptor = r.acceptorWith(func(c *sspi.Config) {
		c.OnEvent = func(_ context.Context, e sspi.Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.told = append(r.told, e)
		}
	})
	return r
}

// one returns the record, which must be the only one, and its attribute user.name.
func (r *recorded) one(t testing.TB) (sspi.Event, string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.told) != 1 {
		t.Fatalf("%d records: %+v", len(r.told), r.told)
	}
	e := r.told[0]
	attrs := make(map[string]string)
	for _, a := range e.Attrs {
		attrs[a.Key] = a.Value.String()
	}
	if attrs["network.protocol.name"] != "ssh" {
		t.Errorf("%v", e.Attrs)
	}
	return e, attrs["user.name"]
}

// TestLOG_7_SSH checks that each login has one record, written after the MIC and Authorize
// have decided, and that no record reports an accepted client if it was refused.
func TestLOG_7_SSH(t *testing.T) {
	type rule = func(ssh.ConnMetadata, *sspi.Peer) (*ssh.Permissions, error)
	says := func(perms *ssh.Permissions, err error) rule {
		return func(ssh.ConnMetadata, *sspi.Peer) (*ssh.Permissions, error) { return perms, err }
	}
	from := func(list string) *ssh.Permissions {
		return &ssh.Permissions{CriticalOptions: map[string]string{"source-address": list}}
	}
	rubbish := func([]byte) []byte { return []byte("rubbish") }
	for _, c := range []struct {
		name, user string
		authorize  rule // SameUser if nil
		token      func([]byte) []byte
		mic        func([]byte) ([]byte, error)
		reason     status.Reason // ReasonNone: the client is accepted
		proven     bool
	}{
		{"accepted", "alice", nil, nil, nil, 0, true},
		{"another user", "bob", nil, nil, nil, status.ReasonNotAuthorized, true},
		{"a user with ESC", "b\x1b[2J", nil, nil, nil, status.ReasonNotAuthorized, true},
		{"Authorize says no", "alice", says(nil, errors.New("no")), nil, nil, status.ReasonNotAuthorized, true},
		{"another factor", "alice", says(nil, &ssh.PartialSuccessError{}), nil, nil, status.ReasonNotAuthorized, true},
		{"from its address", "alice", says(from("192.0.2.1,127.0.0.0/8"), nil), nil, nil, 0, true},
		{"from its address alone", "alice", says(from("127.0.0.1"), nil), nil, nil, 0, true},
		{"from a list that does not parse", "alice", says(from("127.0.0.1/33,127.0.0.0/8"), nil), nil, nil, status.ReasonNotAuthorized, true},
		{"from another address", "alice", says(from("192.0.2.1,192.0.2.128/25"), nil), nil, nil, status.ReasonNotAuthorized, true},
		{"from no address", "alice", says(from(""), nil), nil, nil, status.ReasonNotAuthorized, true},
		{"rubbish", "alice", nil, rubbish, nil, status.ReasonMalformedToken, false},
		{"a wrong MIC", "alice", nil, nil, func([]byte) ([]byte, error) { return make([]byte, 28), nil }, status.ReasonMessageAltered, true},
		{"no MIC", "alice", nil, nil, func([]byte) ([]byte, error) { return nil, errors.New("the client leaves") }, status.ReasonAborted, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRecorded(t)
			if c.authorize != nil {
				r.cfg.Authorize = c.authorize
			}
			r.start()
			client := r.initiate("alice", sspitest.Options{})
			client.token, client.mic = c.token, c.mic
			accepted := c.reason == status.ReasonNone
			if err := r.dial(c.user, with(client)); (err == nil) != accepted {
				t.Errorf("the client: %v", err)
			}
			o := <-r.ended
			e, user := r.one(t)
			if (o.err == nil) != accepted || (e.Peer != nil) != accepted || (e.Err == nil) != accepted || (e.Denied != nil) != (c.proven && !accepted) {
				t.Errorf("%v, %+v, %v", o.err, e, e.Err)
			}
			if e.Err != nil && (e.Err.Reason != c.reason || e.Err.Detail == "") {
				t.Errorf("%v, want %v", e.Err, c.reason)
			}
			want := map[bool]string{true: `"b\x1b[2J"`, false: c.user}[strings.Contains(c.user, "\x1b")]
			if user != want || !e.Remote.Addr().IsLoopback() || e.Remote.Port() == 0 {
				t.Errorf("user.name %s from %v", user, e.Remote)
			}
		})
	}
}

// TestLOG_7_SSHCallers checks that callers other than x/crypto get one record too.
func TestLOG_7_SSHCallers(t *testing.T) {
	signed := func(r *recorded, server *gssServer) {
		c := r.accepted(server, "alice")
		if err := server.VerifyMIC(one.field(), r.sign(c, one)); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		name   string
		change func(*sspissh.Config)
		run    func(*recorded, *gssServer)
		reason status.Reason
	}{
		{"the login of another user", nil, func(r *recorded, s *gssServer) {
			signed(r, s)
			_, _ = s.AllowLogin(two, "alice@"+realmName)
		}, status.ReasonContextState},
		{"another principal", nil, func(r *recorded, s *gssServer) {
			signed(r, s)
			_, _ = s.AllowLogin(one, "root@"+realmName)
		}, status.ReasonContextState},
		{"Authorize panics", func(c *sspissh.Config) {
			c.Authorize = func(ssh.ConnMetadata, *sspi.Peer) (*ssh.Permissions, error) { panic("rule") }
		}, func(r *recorded, s *gssServer) {
			signed(r, s)
			defer func() { _ = recover() }()
			_, _ = s.AllowLogin(one, "alice@"+realmName)
		}, status.ReasonInternal},
		{"the MIC is of another session", nil, func(r *recorded, s *gssServer) {
			c := r.accepted(s, "alice")
			_ = s.VerifyMIC(one.field(), r.sign(c, two))
		}, status.ReasonMessageAltered},
		{"no decision", nil, signed, status.ReasonAborted},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRecorded(t)
			if c.change != nil {
				c.change(r.cfg)
			}
			server := r.server()
			c.run(r, server)
			for range 2 {
				if err := server.DeleteSecContext(); err != nil {
					t.Error(err)
				}
			}
			if e, _ := r.one(t); status.ReasonOf(e.Err) != c.reason || e.Peer != nil {
				t.Errorf("%+v, want %v", e, c.reason)
			}
		})
	}
}

// TestLOG_7_SSHAttempts checks that each of several attempts on a connection has its own
// record.
func TestLOG_7_SSHAttempts(t *testing.T) {
	r := newRecorded(t)
	server := r.server()
	_, _, _, _ = server.AcceptSecContext([]byte("rubbish"))
	_ = server.DeleteSecContext()
	c := r.accepted(server, "alice")
	if err := server.VerifyMIC(one.field(), r.sign(c, one)); err != nil {
		t.Fatal(err)
	}
	if _, err := server.AllowLogin(one, "alice@"+realmName); err != nil {
		t.Fatal(err)
	}
	_ = server.DeleteSecContext()
	verdicts := []bool{r.told[0].Peer != nil, r.told[1].Peer != nil}
	if !slices.Equal(verdicts, []bool{false, true}) || len(r.told) != 2 || r.told[1].Peer.Client != keytab.MustParsePrincipal("alice@"+realmName) {
		t.Errorf("%+v", r.told)
	}
}
