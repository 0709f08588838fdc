package sspissh

import (
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// SameUser returns a function for Config.Authorize that lets a client of one of realms log in
// as the user that [sspi.Peer.User] returns: in Active Directory the account of its PAC, else
// alice for the principal alice@REALM. It refuses every other user, and every client that
// User refuses: clients of other realms, tickets without PAC unless the realm is declared to
// issue none (sspi.PACPolicy), principals with several components ("host/server"), names that
// POSIX does not have for users, such as "WS1$" or "jürgen", and anonymous clients. It
// compares names case-sensitively. For users with other names, call sspi.Peer.UserNamed in an
// Authorize function of the program.
//
// SameUser also refuses the user root: in many directories, more people can name an account
// than may be root on every host. Without realms it refuses every client. Its errors have
// status.ReasonNotAuthorized.
func SameUser(realms ...string) func(conn ssh.ConnMetadata, peer *sspi.Peer) (*ssh.Permissions, error) {
	realms = slices.Clone(realms)
	return func(conn ssh.ConnMetadata, peer *sspi.Peer) (*ssh.Permissions, error) {
		name, err := peer.User(realms...)
		if err != nil {
			return nil, err
		}
		principal, err := peer.Principal() // in Active Directory not always peer.Client
		if err != nil {
			return nil, err // unreachable: User returns the same error
		}
		switch {
		case name == "root":
			return nil, notAuthorized("SameUser does not let " + quote.Text(principal.String()) + " log in as root; write a Config.Authorize that lists the principals that may be root")
		case name != conn.User():
			return nil, notAuthorized("the principal " + quote.Text(principal.String()) + " may not log in as the user " + quote.Text(conn.User()))
		}
		return nil, nil
	}
}

func notAuthorized(detail string) error {
	return &status.Error{Reason: status.ReasonNotAuthorized, Detail: "sspissh: " + detail}
}
