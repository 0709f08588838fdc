package sspissh

import (
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// defaultBackendTimeout equals the default of sspi.Config.
const defaultBackendTimeout = 5 * time.Second

// Config configures the logins of an SSH server with Kerberos. Its functions must be safe for
// concurrent use, and the program must not modify the values that it points to after [New].
type Config struct {
	// Acceptor holds the server's keys, normally the keys of host/NAME. Required.
	Acceptor *sspi.Acceptor

	// Context configures the security context of each login. Package is Kerberos. Integrity
	// is always required, and NoErrorTokens is always set, because x/crypto cannot send
	// error tokens. WholeTokens and DeferReport are set. If Remote is zero, records contain
	// the connection's address. Set PeerAddr only if the Config serves one connection.
	// AcceptDelegation lets clients forward their credentials: see [Delegated].
	Context sspi.ContextConfig

	// Authorize decides whether the authenticated peer may log in as conn.User(), and with
	// which permissions, which may be nil. The client chooses conn.User() freely. Authorize
	// is called once for each login with a valid MIC; if it returns an error, the login is
	// refused. Required; [SameUser] returns the usual rule.
	Authorize func(conn ssh.ConnMetadata, peer *sspi.Peer) (*ssh.Permissions, error)

	// BackendTimeout limits the time that the acceptor waits for its keys and its replay
	// cache for one token; x/crypto provides no context.Context. 0 means 5 seconds. The
	// timeout in sspi.Config applies to the Windows API only.
	BackendTimeout time.Duration
}

// Method is the authentication method gssapi-with-mic (RFC 4462) of an SSH server. It serves
// any number of connections and is safe for concurrent use.
type Method struct{ cfg Config }

// New checks cfg and returns a Method. Its errors are a *status.Error with ReasonArgument.
func New(cfg Config) (*Method, error) {
	argument := func(detail string) (*Method, error) {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "sspissh: " + detail}
	}
	switch p := cfg.Context.Package; {
	case cfg.Acceptor == nil:
		return argument("Config.Acceptor is nil")
	case cfg.Authorize == nil:
		return argument("Config.Authorize is nil: it must decide who may log in as which user; use SameUser, for example")
	case p != "" && !strings.EqualFold(string(p), string(sspi.Kerberos)):
		return argument("Config.Context.Package is not Kerberos, which is the only mechanism of SSH")
	case cfg.BackendTimeout < 0:
		return argument("Config.BackendTimeout is negative")
	case cfg.BackendTimeout == 0:
		cfg.BackendTimeout = defaultBackendTimeout
	}
	return &Method{cfg}, nil
}

// ServerConfig returns a copy of base for one connection, on which clients may log in with
// gssapi-with-mic. All other methods remain as in base.
//
// Each login is one record of the acceptor's Logger and OnEvent, made when the MIC is
// verified and Authorize has returned. The copy's PreAuthConnCallback, which calls the
// callback of base, adds the client's address and the user's name to the records of earlier
// refusals.
//
// Some libraries change the copy: gliderlabs/ssh sets NoClientAuth if it knows of no method,
// which would admit every client. Therefore, unless base.NoClientAuth is set, the copy's
// NoClientAuthCallback refuses every client that sends no credential.
//
// All copies share the contents of base, including its host keys. Call AddHostKey on base
// before making the first copy, and never on a copy. If a library calls AddHostKey on the
// copy, as gliderlabs/ssh does, do not add host keys to base.
func (m *Method) ServerConfig(base *ssh.ServerConfig) *ssh.ServerConfig {
	config := *base
	server := &gssapiServer{cfg: m.cfg}
	config.GSSAPIWithMICConfig = &ssh.GSSAPIWithMICConfig{Server: server, AllowLogin: server.allowLogin}
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

// refuseNone answers the method "none" as x/crypto does if NoClientAuth is not set.
func refuseNone(ssh.ConnMetadata) (*ssh.Permissions, error) { return nil, ssh.ErrNoAuth }
