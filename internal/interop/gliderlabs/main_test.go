package main

import (
	"net"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi/sspitest"
)

const (
	realmName = "EXAMPLE.COM"
	service   = "host/localhost"
)

// client is the client's side of gssapi-with-mic.
type client struct{ *sspitest.Initiator }

func (c client) InitSecContext(_ string, token []byte, _ bool) ([]byte, bool, error) {
	reply, done, err := c.Next(token)
	return reply, !done, err
}
func (c client) DeleteSecContext() error { return nil }

// TestSSH_1_Gliderlabs (C21): a client without a credential is refused, as root and as
// anybody else, and a client with a ticket logs in as itself.
func TestSSH_1_Gliderlabs(t *testing.T) {
	realm := sspitest.NewRealm(realmName)
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := newServer(acceptor, realmName)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	defer func() {
		_ = srv.Close()
		<-served
	}()
	login := func(as string, methods ...gossh.AuthMethod) (string, error) {
		conn, err := gossh.Dial("tcp", l.Addr().String(), &gossh.ClientConfig{
			User: as, Auth: methods, HostKeyCallback: gossh.InsecureIgnoreHostKey(),
		})
		if err != nil {
			return "", err
		}
		defer conn.Close()
		session, err := conn.NewSession()
		if err != nil {
			return "", err
		}
		out, err := session.Output("whoami")
		return string(out), err
	}
	for _, as := range []string{"root", "alice", ""} {
		if out, err := login(as); err == nil {
			t.Errorf("without a credential as %q: %s", as, out)
		}
	}
	for _, as := range []string{"alice", "root"} {
		i, err := realm.User("alice").Initiate(service, sspitest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := login(as, gossh.GSSAPIWithMICAuthMethod(client{i}, "localhost"))
		if as == "alice" && (err != nil || out != "alice is alice@EXAMPLE.COM\n") || as == "root" && err == nil {
			t.Errorf("with a ticket of alice as %q: %q, %v", as, out, err)
		}
	}
}
