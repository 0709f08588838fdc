package sspisasl_test

import (
	"errors"
	"fmt"
	"log"
	"net"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// serve logs a client in over a protocol whose messages receive and send carry, and sends
// it a message through the security layer.
func serve(acceptor *sspi.Acceptor, conn net.Conn, mechanism string) error {
	cfg := sspisasl.Config{
		Acceptor: acceptor,
		Authorize: func(peer *sspi.Peer, authzid string) error {
			user, err := peer.User("EXAMPLE.COM") // refuses users of other realms
			if err != nil || authzid != "" && authzid != user {
				return errors.New("no")
			}
			return nil
		},
	}
	server, err := sspisasl.New(cfg, sspisasl.Mechanism(mechanism))
	if err != nil {
		return err
	}
	defer server.Close()
	for done := false; !done; {
		var challenge []byte
		if challenge, done, err = server.Next(receive(conn)); err != nil {
			return err
		}
		if !done {
			send(conn, challenge)
		}
	}
	_, err = fmt.Fprintf(server.Conn(conn), "hello, %s", server.AuthorizationID())
	return err
}

func Example() {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("imap/mail.example.com")
	if err != nil {
		log.Fatal(err)
	}
	ours, theirs := net.Pipe()
	go serve(acceptor, ours, "GSSAPI")

	// The client's side.
	client, err := realm.User("alice").Initiate("imap/mail.example.com", sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	token, _, _ := client.Next(nil)
	send(theirs, token)
	_, _, err = client.Next(receive(theirs))
	send(theirs, nil)
	offer, _, _ := client.Unwrap(receive(theirs))
	choice, _ := client.Wrap([]byte("\x04\x01\x00\x00alice"), false)
	send(theirs, choice)
	text, sealed, _ := client.Unwrap(receive(theirs))
	fmt.Printf("%v, offered %x, %q, sealed: %v\n", err, offer, text, sealed)
	// Output: <nil>, offered 06010000, "hello, alice", sealed: true
}
