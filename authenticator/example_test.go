package authenticator_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// This program verifies a bare AP-REQ, as protocols without GSS-API send it. Open decrypts
// the ticket, Check verifies the sender, and only Claim returns a Verified, which has the
// client's identity. Package sspi makes these calls for a program.
func Example() {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	keys, err := realm.Service("demo/localhost")
	if err != nil {
		log.Fatal(err)
	}
	client, err := realm.User("alice").Initiate("demo/localhost", sspitest.Options{Raw: true})
	if err != nil {
		log.Fatal(err)
	}
	request, _, err := client.Next(nil) // the client sends this
	if err != nil {
		log.Fatal(err)
	}
	cache := authenticator.NewMemoryCacheAt(0, authenticator.AcceptOlder, realm.Now()) // a server uses SharedCache
	const skew = 5 * time.Minute

	tkt, err := ticket.Open(request, &ticket.Params{Keys: keys, Now: realm.Now(), Skew: skew})
	if err != nil {
		log.Fatal(err)
	}
	checked, err := authenticator.Check(tkt, &authenticator.Params{Now: realm.Now(), Skew: skew})
	if err != nil {
		log.Fatal(err)
	}
	proof, err := checked.Claim(context.Background(), cache)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(proof.Ticket().Client)

	_, err = checked.Claim(context.Background(), cache)
	fmt.Println(status.ReasonOf(err))
	// Output:
	// alice@EXAMPLE.COM
	// replay
}
