package ticket_test

import (
	"fmt"
	"log"
	"time"

	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// Open decrypts the ticket with a key of the service. A Ticket does not prove who sent it:
// a program gets an identity from authenticator.Check and Claim.
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
	request, _, err := client.Next(nil) // an AP-REQ, from the wire
	if err != nil {
		log.Fatal(err)
	}
	tkt, err := ticket.Open(request, &ticket.Params{Keys: keys, Now: realm.Now()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tkt.Service(), "until", tkt.Unproven().EndTime)

	_, err = ticket.Open(request, &ticket.Params{Keys: keys, Now: tkt.Unproven().EndTime.Add(time.Second)})
	fmt.Println(status.ReasonOf(err))
	// Output:
	// demo/localhost@EXAMPLE.COM until 2031-05-17 18:30:15 +0000 UTC
	// ticket-expired
}
