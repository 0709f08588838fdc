// Command quickstart shows both sides of a Kerberos login. It needs no KDC, no
// configuration and no network except loopback. It makes a realm in memory, a server that
// calls AcceptSecurityContext, a client that logs in and exchanges sealed messages with
// the server, and a thief who replays the client's first token. examples/devrealm is the next
// step.
//
//	go run ./examples/quickstart
//
// Copy server.go to begin a server of your own.
package main

import (
	"fmt"
	"os"

	"github.com/gosspi/kerberos/sspi/sspitest"
)

const (
	realmName = "EXAMPLE.COM"
	service   = "demo/localhost"
)

func main() {
	if err := run(tellOn(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run tells the whole story.
func run(tell *teller) error {
	realm := sspitest.NewRealm(realmName)
	keys, err := realm.Service(service)
	if err != nil {
		return err
	}
	alice := realm.User("alice")
	tell.title("A realm in memory")
	tell.say("realm", "%s, which replaces a KDC", realm.Name())
	tell.say("service", "%s, whose keys the server reads from a keytab", service)
	tell.say("user", "%v", alice.Principal())

	server, err := listen(keys, tell)
	if err != nil {
		return err
	}
	defer server.Close()

	stolen, err := login(server.Addr(), alice, tell)
	if err != nil {
		return err
	}
	if err := replay(server.Addr(), stolen, tell); err != nil {
		return err
	}
	tell.title("Next")
	tell.say("run", "go run ./examples/devrealm, a realm for curl, ssh and browsers of this machine")
	tell.say("copy", "examples/quickstart/server.go, or the HTTP server of README.md")
	return nil
}
