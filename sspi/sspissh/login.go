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

// field contains the fields that a client's MIC protects (RFC 4462, Section 3.5).
type field struct {
	SessionID string
	Kind      byte
	User      string
	Service   string
	Method    string
}

// parseField parses the bytes that the MIC protects. x/crypto composes them from its session
// identifier and the user's name, so an error is an error of the SSH library and not of the
// client.
func parseField(b []byte) (f field, err error) {
	const userAuthRequest = 50 // RFC 4252, Section 6
	err = ssh.Unmarshal(b, &f)
	if err != nil || f.SessionID == "" || f.Kind != userAuthRequest || f.Service != "ssh-connection" || f.Method != "gssapi-with-mic" {
		return field{}, &status.Error{Reason: status.ReasonArgument, Detail: "sspissh: the SSH library passed a MIC field that violates RFC 4462, Section 3.5", Err: err}
	}
	return f, nil
}

// login is a client whose MIC was verified: its connection, the user as which it requests to
// log in, and its peer.
type login struct {
	session, user string
	peer          *sspi.Peer
	delegated     *authenticator.Delegated
}

// key is the key of a login in Permissions.ExtraData.
type key struct{}

// of reports whether the MIC binds l to conn and to the user of conn.
func (l *login) of(conn ssh.ConnMetadata) bool {
	return string(conn.SessionID()) == l.session && conn.User() == l.user
}

// attach returns a copy of perms with l in it. It does not change perms, which may be the same
// for all logins.
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

// Format prints the client's name for every verb, so that printed permissions do not contain
// forwarded credentials.
func (l *login) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "sspissh.login{"+quote.Value(l.peer.Client.String())+"}")
}

// loginOf returns the login of conn, or nil if a different method authenticated conn.
func loginOf(conn *ssh.ServerConn) *login {
	if conn == nil || conn.Permissions == nil {
		return nil
	}
	l, _ := conn.Permissions.ExtraData[key{}].(*login)
	if l == nil || !l.of(conn) { // the program reused the permissions of a different login
		return nil
	}
	return l
}

// Peer returns the client that authenticated on conn with gssapi-with-mic. It returns nil if a
// different method completed the authentication, even if Kerberos succeeded earlier as one of
// several required methods (ssh.PartialSuccessError). In that case only Authorize receives the
// Kerberos peer.
func Peer(conn *ssh.ServerConn) *sspi.Peer {
	if l := loginOf(conn); l != nil {
		return l.peer
	}
	return nil
}

// Delegated returns the credentials that the client of [Peer] forwarded. They are secret. It
// returns nil if the client forwarded no credentials, or if Config.Context.AcceptDelegation was
// not set.
func Delegated(conn *ssh.ServerConn) *authenticator.Delegated {
	if l := loginOf(conn); l != nil {
		return l.delegated
	}
	return nil
}
