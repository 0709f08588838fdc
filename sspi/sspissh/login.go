package sspissh

import (
	"fmt"
	"io"
	"maps"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// field is what a client's MIC is made over (RFC 4462, Section 3.5).
type field struct {
	SessionID string
	Kind      byte
	User      string
	Service   string
	Method    string
}

// parseField reads what the SSH library made of its own session and of the user's
// name. Anything else in it is that library's fault, and not the peer's.
func parseField(b []byte) (f field, err error) {
	const userAuthRequest = 50 // RFC 4252, Section 6
	err = ssh.Unmarshal(b, &f)
	if err != nil || f.SessionID == "" || f.Kind != userAuthRequest || f.Service != "ssh-connection" || f.Method != "gssapi-with-mic" {
		return field{}, &status.Error{Reason: status.ReasonArgument, Detail: "sspissh: the MIC is not over what RFC 4462 says", Err: err}
	}
	return f, nil
}

// login is a client whose MIC was verified: on which connection, as whom it asks
// to log in, and who it is.
type login struct {
	session, user string
	peer          *sspi.Peer
	delegated     *authenticator.Delegated
}

// key is login's in Permissions.ExtraData.
type key struct{}

// of reports whether conn is the connection that l is bound to.
func (l *login) of(conn ssh.ConnMetadata) bool {
	return string(conn.SessionID()) == l.session && conn.User() == l.user
}

// attach returns a copy of perms with l in it. Not perms itself, which may be the
// same for everybody.
func (l *login) attach(perms *ssh.Permissions) *ssh.Permissions {
	var own ssh.Permissions
	if perms != nil {
		own = *perms
	}
	own.ExtraData = maps.Clone(own.ExtraData)
	if own.ExtraData == nil {
		own.ExtraData = make(map[any]any, 1)
	}
	own.ExtraData[key{}] = l
	return &own
}

// Format keeps printed permissions from showing forwarded credentials.
func (l *login) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "sspissh.login{"+quote.Value(l.peer.Client.String())+"}")
}

// loginOf is the login by which conn got in; nil if that was by another method.
func loginOf(conn *ssh.ServerConn) *login {
	if conn == nil || conn.Permissions == nil {
		return nil
	}
	l, _ := conn.Permissions.ExtraData[key{}].(*login)
	if l == nil || !l.of(conn) { // permissions that were kept from another login
		return nil
	}
	return l
}

// Peer is the client that logged in on conn by gssapi-with-mic; nil if the method
// that decided was another, also where Kerberos was one of several that were
// wanted (ssh.PartialSuccessError): then Authorize was told, and nobody else.
func Peer(conn *ssh.ServerConn) *sspi.Peer {
	if l := loginOf(conn); l != nil {
		return l.peer
	}
	return nil
}

// Delegated are the credentials that the client forwarded with the login that
// Peer is about. They are secret. Nil if there are none, or
// Config.Context.AcceptDelegation was not set.
func Delegated(conn *ssh.ServerConn) *authenticator.Delegated {
	if l := loginOf(conn); l != nil {
		return l.delegated
	}
	return nil
}
