package sspissh_test

import (
	"fmt"
	"log"
	"net"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi/sspissh"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// This SSH server admits the users of one realm. The realm and its clients are from
// sspitest; a program calls keytab.OpenFile and sspi.NewAcceptor.
func Example() {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("host/localhost")
	if err != nil {
		log.Fatal(err)
	}
	kerberos, err := sspissh.New(sspissh.Config{Acceptor: acceptor, Authorize: sspissh.SameUser("EXAMPLE.COM")})
	if err != nil {
		log.Fatal(err)
	}
	base := new(ssh.ServerConfig)
	base.AddHostKey(signer())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	go clients(listener.Addr().String(), realm, "alice", "root")
	for range 2 {
		tcp, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		conn, _, _, err := ssh.NewServerConn(tcp, kerberos.ServerConfig(base)) // one copy for each connection
		if err != nil {
			fmt.Println(err)
			continue
		}
		who, err := sspissh.Peer(conn).Principal()
		fmt.Println(conn.User(), "is", who, err)
		conn.Close()
	}
	// Output:
	// alice is alice@EXAMPLE.COM <nil>
	// [ssh: no auth passed yet, kerberos: not-authorized (the client is authenticated, and the program's own rule refuses it): sspissh: the principal "alice@EXAMPLE.COM" may not log in as the user "root"]
}

// clients connects alice once for each of the users, as which she tries to log in.
func clients(addr string, realm *sspitest.Realm, users ...string) {
	for _, user := range users {
		alice, err := realm.User("alice").Initiate("host/localhost", sspitest.Options{})
		if err != nil {
			log.Fatal(err)
		}
		conn, err := ssh.Dial("tcp", addr, &ssh.ClientConfig{
			User: user, Auth: []ssh.AuthMethod{with(&client{Initiator: alice})},
			HostKeyCallback: ssh.FixedHostKey(signer().PublicKey()),
		})
		if err == nil {
			conn.Close()
		}
	}
}
