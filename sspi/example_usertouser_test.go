package sspi_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
)

// bob serves without a keytab, as himself: what he has is a ticket-granting ticket
// from his own login. Clients ask for it first, and come with a ticket that the KDC
// sealed in its session key.
func ExampleTGT() {
	kdc := krbtest.NewRealm("EXAMPLE.COM")
	login := kdc.TGT("bob") // elsewhere from a credential cache or a client's login
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
	// The client's first token, and our ticket in the reply.
	reply, _, err := c.Accept(context.Background(), krbtest.TGTRequest("bob", "EXAMPLE.COM"))
	fmt.Println(err == sspi.ErrContinue)
	// The KDC gives the client a ticket for it.
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
