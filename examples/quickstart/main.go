// Command quickstart shows a Kerberos login from both ends, with no KDC, no
// configuration and no network beyond loopback: a realm in memory, a server
// that runs the AcceptSecurityContext loop, a client that logs in and exchanges
// sealed messages with it, and a thief who sends the client's first token
// again.
//
//	go run ./examples/quickstart
package main

import (
	"fmt"
	"log"
	"net"
	"os"

	"github.com/gosspi/kerberos/sspi/sspitest"
)

const (
	realmName = "EXAMPLE.COM"
	service   = "demo/localhost"
)

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal("quickstart: ", err)
	}
}

func run() error {
	realm := sspitest.NewRealm(realmName)
	server, err := listen(realm.Service(service))
	if err != nil {
		return err
	}
	defer server.Close()

	title("A realm in memory: %s, with the service %s and the user alice", realmName, service)
	alice := realm.User("alice", "correct horse")

	title("Alice logs in, and both ends prove themselves")
	stolen, err := login(server.Addr(), alice)
	if err != nil {
		return err
	}

	title("A thief sends Alice's first token again")
	return replay(server.Addr(), stolen)
}

// title begins a part of the story.
func title(format string, a ...any) {
	fmt.Fprintf(os.Stdout, "\n\033[1m"+format+"\033[0m\n", a...)
}

// say is one line of it: who does what.
func say(who, format string, a ...any) {
	fmt.Fprintf(os.Stdout, "  %-7s %s\n", who, fmt.Sprintf(format, a...))
}

func dial(addr net.Addr) (net.Conn, error) { return net.Dial(addr.Network(), addr.String()) }
