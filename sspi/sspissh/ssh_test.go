package sspissh_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"net"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspissh"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

const (
	realmName = "EXAMPLE.COM"
	service   = "host/localhost"
)

// site is an SSH server in a realm.
type site struct {
	t     testing.TB
	realm *sspitest.Realm
	cfg   *sspissh.Config
	base  *ssh.ServerConfig
	addr  string

	// config returns the configuration of a connection. If nil, the site uses
	// cfg.ServerConfig.
	config func() *ssh.ServerConfig
	// ended receives the outcome of each connection.
	ended chan outcome
	wg    sync.WaitGroup
}

// outcome is the result of the login on a connection.
type outcome struct {
	conn *ssh.ServerConn
	errs []error // the error of each attempt; the last is nil if the last attempt succeeded
	err  error   // the error of NewServerConn
}

// attempt returns the error of the last attempt.
func (o outcome) attempt() error {
	if len(o.errs) == 0 {
		return errors.New("no attempt was made")
	}
	return o.errs[len(o.errs)-1]
}

// signer returns the host key of the test servers.
func signer() ssh.Signer {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), append(make([]byte, 31), 1))
	if err != nil {
		panic(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		panic(err)
	}
	return s
}

func newSite(t testing.TB) *site {
	t.Helper()
	realm := sspitest.NewRealm(realmName)
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{
		t: t, realm: realm, base: new(ssh.ServerConfig), ended: make(chan outcome, 2000),
		cfg: &sspissh.Config{Acceptor: acceptor, Authorize: sspissh.SameUser(realmName)},
	}
	// The race detector does not slow down P-256, which is in assembly.
	s.base.KeyExchanges = []string{ssh.KeyExchangeECDHP256}
	s.base.AddHostKey(signer())
	return s
}

// peerOf returns the Peer of a principal whose ticket has the PAC of MIT's KDC.
func peerOf(t testing.TB, principal string) *sspi.Peer {
	t.Helper()
	realm := sspitest.NewRealm(realmName)
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	client, err := realm.User(principal).Initiate(service, sspitest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	peer, err := sspitest.Handshake(client, acceptor.NewContext(sspi.ContextConfig{}))
	if err != nil {
		t.Fatal(err)
	}
	return peer
}

// serverConfig returns the configuration of a connection.
func (s *site) serverConfig() *ssh.ServerConfig {
	m, err := sspissh.New(*s.cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	return m.ServerConfig(s.base)
}

// gssServer is the GSSAPIServer that x/crypto gets for a connection.
type gssServer struct {
	ssh.GSSAPIServer
	AllowLogin func(conn ssh.ConnMetadata, srcName string) (*ssh.Permissions, error)
}

func (s *site) server() *gssServer {
	gss := s.serverConfig().GSSAPIWithMICConfig
	return &gssServer{gss.Server, gss.AllowLogin}
}

// start serves connections until the test ends.
func (s *site) start() {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.addr = l.Addr().String()
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.serve(conn) })
		}
	})
	s.t.Cleanup(func() {
		l.Close()
		s.wg.Wait()
	})
}

func (s *site) serve(tcp net.Conn) {
	defer tcp.Close()
	config := s.config
	if config == nil {
		config = func() *ssh.ServerConfig { return s.serverConfig() }
	}
	own := *config()
	var o outcome
	own.AuthLogCallback = func(_ ssh.ConnMetadata, method string, err error) {
		if method != "none" {
			o.errs = append(o.errs, err)
		}
	}
	conn, channels, requests, err := ssh.NewServerConn(tcp, &own)
	o.conn, o.err = conn, err
	s.ended <- o
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for c := range channels {
		_ = c.Reject(ssh.Prohibited, "") // the loop ends at an error
	}
}

// client is an ssh.GSSAPIClient. Its functions, if set, see or change the messages of the
// client.
type client struct {
	*sspitest.Initiator
	token func(token []byte) []byte                  // changes the token that the client sends
	reply func(reply []byte)                         // gets the server's reply
	mic   func(field []byte) (mic []byte, err error) // makes the MIC
}

// InitSecContext implements ssh.GSSAPIClient.
func (c *client) InitSecContext(_ string, reply []byte, _ bool) (token []byte, more bool, err error) {
	if c.reply != nil && reply != nil {
		c.reply(reply)
	}
	if c.Initiator == nil { // the client does not support Kerberos
		return c.token(nil), true, nil
	}
	token, done, err := c.Next(reply)
	if c.token != nil && token != nil {
		token = c.token(token)
	}
	return token, !done, err
}

// GetMIC implements ssh.GSSAPIClient.
func (c *client) GetMIC(field []byte) ([]byte, error) {
	if c.mic != nil {
		return c.mic(field)
	}
	return c.Initiator.GetMIC(field)
}

// DeleteSecContext implements ssh.GSSAPIClient.
func (c *client) DeleteSecContext() error { return nil }

// initiate returns a client with a ticket.
func (s *site) initiate(user string, o sspitest.Options) *client {
	s.t.Helper()
	i, err := s.realm.User(user).Initiate(service, o)
	if err != nil {
		s.t.Fatal(err)
	}
	return &client{Initiator: i}
}

// dial logs in as a user.
func (s *site) dial(as string, methods ...ssh.AuthMethod) error {
	config := &ssh.ClientConfig{User: as, Auth: methods, HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	conn, err := ssh.Dial("tcp", s.addr, config)
	if err == nil {
		conn.Close()
	}
	return err
}

func with(c ssh.GSSAPIClient) ssh.AuthMethod { return ssh.GSSAPIWithMICAuthMethod(c, "localhost") }

// login logs in and returns the outcome at the server.
func (s *site) login(as string, c *client) outcome {
	s.t.Helper()
	err := s.dial(as, with(c))
	o := <-s.ended
	if (err == nil) != (o.err == nil) {
		s.t.Errorf("the client says %v, the server %v", err, o.err)
	}
	return o
}

// good checks that alice can log in.
func (s *site) good() outcome {
	s.t.Helper()
	o := s.login("alice", s.initiate("alice", sspitest.Options{}))
	if o.err != nil {
		s.t.Fatal(o.err)
	}
	if got := sspissh.Peer(o.conn); got == nil || got.Client.String() != "alice@"+realmName {
		s.t.Fatalf("it is %v", got)
	}
	return o
}

// acceptorWith returns an acceptor of the realm with a changed Config.
func (s *site) acceptorWith(change func(*sspi.Config)) *sspi.Acceptor {
	s.t.Helper()
	cfg, err := s.realm.Config(service)
	if err != nil {
		s.t.Fatal(err)
	}
	change(&cfg)
	a, err := sspi.NewAcceptor(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}
