package sspissh

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// SameUser makes a Config.Authorize that lets alice@REALM log in as alice, if
// REALM is one of realms, and nobody as anybody else. It refuses principals that
// are no plain user, as keytab.Principal.User does: of other realms, of several
// components ("host/server"), with '$' in the name, as machines in Active Directory
// have; and anonymous clients. Case counts.
//
// It refuses root too: in many a directory more people may name an account than
// may be root everywhere. Without realms it refuses everybody. Its errors have
// status.ReasonNotAuthorized.
func SameUser(realms ...string) func(conn ssh.ConnMetadata, peer *sspi.Peer) (*ssh.Permissions, error) {
	realms = slices.Clone(realms)
	return func(conn ssh.ConnMetadata, peer *sspi.Peer) (*ssh.Permissions, error) {
		name, err := peer.Client.User(realms...)
		switch {
		case err != nil, peer.Anonymous:
			return nil, notAuthorized("%v is no plain user of %s", peer.Client, strings.Join(realms, " or "))
		case name == "root", name != conn.User():
			return nil, notAuthorized("%v may not log in as %.100q", peer.Client, conn.User())
		}
		return nil, nil
	}
}

func notAuthorized(format string, args ...any) error {
	return &status.Error{Reason: status.ReasonNotAuthorized, Detail: "sspissh: " + fmt.Sprintf(format, args...)}
}
