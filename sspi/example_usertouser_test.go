package sspi_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
)

// bob runs a service without a keytab. He has a ticket-granting ticket from his own login.
// A client asks for that ticket first, and then sends a service ticket that the KDC
// encrypted in the session key of bob's ticket.
func ExampleTGT() {
	kdc := krbtest.NewRealm("EXAMPLE.COM")
	login := kdc.TGT("bob") // a program takes it from a credential cache or from the login of a Kerberos client
	key, err := keytab.NewKey(keytab.EType(login.Part.Key.KeyType), login.Part.Key.KeyValue)
	if err != nil {
		log.Fatal(err)
	}
	tgt := &sspi.TGT{Client: keytab.MustParsePrincipal("bob@EXAMPLE.COM"), Ticket: sspi.NewSecret(login.Bytes()), SessionKey: key}
	acceptor, err := sspi.NewAcceptor(sspi.Config{
		UserToUser: func(context.Context, string) (*sspi.TGT, error) { return tgt, nil },
		Time:       kdc.Now,
	})
	if err != nil {
		log.Fatal(err)
	}
	c := acceptor.NewContext(sspi.ContextConfig{})
	defer c.Close()
	// Accept answers the client's first token with bob's ticket-granting ticket.
	reply, _, err := c.Accept(context.Background(), krbtest.TGTRequest("bob", "EXAMPLE.COM"))
	fmt.Println(err == sspi.ErrContinue)
	// The KDC issues the client a service ticket for bob.
	request, err := kdc.UserToUser("alice", reply)
	if err != nil {
		log.Fatal(err)
	}
	_, peer, err := c.Accept(context.Background(), request.Token())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(peer.Client, "at", peer.Service)
	// Output:
	// true
	// alice@EXAMPLE.COM at bob@EXAMPLE.COM
}
