package sspissh

import (
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// SameUser makes a Config.Authorize that lets alice@REALM log in as alice, if
// REALM is one of realms, and nobody as anybody else. It refuses every principal that
// keytab.Principal.User refuses: of other realms, of several components
// ("host/server"), and with a name that is not a POSIX user name, such as "WS1$" or
// "jürgen". It refuses anonymous clients. Case counts. A program whose users have other
// names calls keytab.Principal.UserNamed in its own Authorize.
//
// It refuses root too: in many a directory more people may name an account than
// may be root everywhere. Without realms it refuses everybody. Its errors have
// status.ReasonNotAuthorized.
func SameUser(realms ...string) func(conn ssh.ConnMetadata, peer *sspi.Peer) (*ssh.Permissions, error) {
	realms = slices.Clone(realms)
	return func(conn ssh.ConnMetadata, peer *sspi.Peer) (*ssh.Permissions, error) {
		if peer.Anonymous {
			return nil, notAuthorized("the client is anonymous, and may not log in as " + quote.Text(conn.User()))
		}
		name, err := peer.Client.User(realms...)
		switch {
		case err != nil:
			return nil, err
		case name == "root":
			return nil, notAuthorized("SameUser does not let " + quote.Text(peer.Client.String()) + " log in as root: Config.Authorize can name the principals that may be root")
		case name != conn.User():
			return nil, notAuthorized("the principal " + quote.Text(peer.Client.String()) + " may not log in as the user " + quote.Text(conn.User()))
		}
		return nil, nil
	}
}

func notAuthorized(detail string) error {
	return &status.Error{Reason: status.ReasonNotAuthorized, Detail: "sspissh: " + detail}
}
