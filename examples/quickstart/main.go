// Command quickstart shows a Kerberos login from both ends, with no KDC, no
// configuration and no network beyond loopback: a realm in memory, a server
// that runs the AcceptSecurityContext loop, a client that logs in and exchanges
// sealed messages with it, and a thief who sends the client's first token
// again.
//
//	go run ./examples/quickstart
//
// server.go is the part to copy.
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

func run(tell *teller) error {
	realm := sspitest.NewRealm(realmName)
	keys, err := realm.Service(service)
	if err != nil {
		return err
	}
	alice := realm.User("alice")
	tell.title("A realm in memory")
	tell.say("realm", "%s, in place of a KDC", realm.Name())
	tell.say("service", "%s, its keys in a keytab for the server", service)
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
	return replay(server.Addr(), stolen, tell)
}
