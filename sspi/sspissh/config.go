package sspissh

import (
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi"
)

// defaultBackendTimeout is the default of sspi.Config too.
const defaultBackendTimeout = 5 * time.Second

// Config is how an SSH server logs in users by Kerberos. It is for any number of
// connections, at once too, and must not be modified while it is in use.
type Config struct {
	// Acceptor has the server's keys, most often those of host/NAME. Required.
	Acceptor *sspi.Acceptor

	// Context is what is wanted of each login; its PeerAddr is for a Config that
	// serves one connection. Package is Kerberos; integrity is always required, and
	// NoErrorTokens always set, since SSH here has no place for them. WholeTokens and
	// DeferReport are set. Remote, for records, is the connection's address if it is zero.
	// AcceptDelegation lets clients forward their credentials: see [Delegated].
	Context sspi.ContextConfig

	// Authorize decides whether the proven peer may log in as conn.User(), which
	// is the client's mere claim, and with which permissions; nil ones will do. It
	// is called once for each login whose MIC was right, and its error refuses.
	// Required; [SameUser] makes one.
	Authorize func(conn ssh.ConnMetadata, peer *sspi.Peer) (*ssh.Permissions, error)

	// BackendTimeout bounds the wait for the acceptor's keys and replay cache,
	// since x/crypto hands no context.Context on. If 0, 5 seconds; what sspi.Config
	// says is for the Windows face.
	BackendTimeout time.Duration
}

// ServerConfig returns a copy of base for one connection, on which clients may
// log in with gssapi-with-mic. Other methods stay as they are in base.
//
// Each login is one record of the acceptor's Logger and OnEvent, made when the MIC is
// verified and Authorize has returned. The copy's PreAuthConnCallback, which calls that of
// base, gives the records of earlier refusals the client's address and the user's name.
//
// Libraries that take the copy and change it, as gliderlabs/ssh does after its
// ServerConfigCallback, set NoClientAuth on a server that they see no other method of,
// and so let everybody in. Therefore, unless base.NoClientAuth is set, the copy's
// NoClientAuthCallback refuses every client that sends no credential.
//
// All copies share what base holds, its host keys among them: call AddHostKey on
// base, before the first copy is made, and never on a copy. Where a library calls it on
// the copy, as gliderlabs/ssh does, give base no host key. What c lacks, each login is
// refused for.
func (c *Config) ServerConfig(base *ssh.ServerConfig) *ssh.ServerConfig {
	config := *base
	server := c.NewServer()
	config.GSSAPIWithMICConfig = &ssh.GSSAPIWithMICConfig{Server: server, AllowLogin: server.AllowLogin}
	if !base.NoClientAuth {
		config.NoClientAuthCallback = refuseNone
	}
	config.PreAuthConnCallback = func(conn ssh.ServerPreAuthConn) {
		server.connected(conn)
		if base.PreAuthConnCallback != nil {
			base.PreAuthConnCallback(conn)
		}
	}
	return &config
}

// refuseNone answers the method "none" as x/crypto does where NoClientAuth is not set.
func refuseNone(ssh.ConnMetadata) (*ssh.Permissions, error) { return nil, ssh.ErrNoAuth }

// NewServer makes the server's side of gssapi-with-mic for one connection, for
// those who make a ssh.GSSAPIWithMICConfig themselves; it does not keep a library from
// setting NoClientAuth, see [Config.ServerConfig]. Both fields must come from the same
// Server:
//
//	server := config.NewServer()
//	gss := &ssh.GSSAPIWithMICConfig{Server: server, AllowLogin: server.AllowLogin}
func (c *Config) NewServer() *Server {
	s := &Server{cfg: *c}
	if s.cfg.BackendTimeout == 0 {
		s.cfg.BackendTimeout = defaultBackendTimeout
	}
	return s
}
