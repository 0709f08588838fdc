package sspissh_test

import (
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi/sspissh"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// TestSSH_1_NoneIsRefused checks a library that sets NoClientAuth on the copy from
// ServerConfig, as gliderlabs/ssh does (case C21): a client without a credential is
// refused.
func TestSSH_1_NoneIsRefused(t *testing.T) {
	refuse := func(ssh.ConnMetadata) (*ssh.Permissions, error) { return nil, ssh.ErrNoAuth }
	admit := func(ssh.ConnMetadata) (*ssh.Permissions, error) { return nil, nil }
	for _, row := range []struct {
		name     string
		asked    bool // the value of base.NoClientAuth
		callback func(ssh.ConnMetadata) (*ssh.Permissions, error)
		later    bool // the library sets NoClientAuth
		in       bool
	}{
		{name: "nothing asked for"},
		{name: "set later", later: true},
		{name: "set later, with a callback that base did not switch on", callback: admit, later: true},
		{name: "base asks for it", asked: true, in: true},
		{name: "base asks for it, set later too", asked: true, later: true, in: true},
		{name: "base asks for it and its callback admits", asked: true, callback: admit, in: true},
		{name: "base asks for it and its callback refuses", asked: true, callback: refuse, later: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t)
			s.base.NoClientAuth, s.base.NoClientAuthCallback = row.asked, row.callback
			s.config = func() *ssh.ServerConfig {
				config := s.serverConfig()
				config.NoClientAuth = config.NoClientAuth || row.later
				return config
			}
			s.start()
			err := s.dial("root")
			o := <-s.ended
			if (err == nil) != row.in || (o.err == nil) != row.in || sspissh.Peer(o.conn) != nil {
				t.Errorf("without a credential: the client says %v, the server %v", err, o.err)
			}
			if row.in {
				return
			}
			// gssapi-with-mic still works.
			if err := s.dial("alice", with(s.initiate("alice", sspitest.Options{}))); err != nil {
				t.Error(err)
			}
			if o = <-s.ended; o.err != nil || sspissh.Peer(o.conn) == nil {
				t.Errorf("with a ticket: %v", o.err)
			}
		})
	}
}
