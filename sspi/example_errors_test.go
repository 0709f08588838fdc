package sspi_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// The error of a refusal has a Reason, with help and details for the operator, and a Code
// for SSPI callers. The client receives only the reply.
func Example_errors() {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	client, err := realm.User("alice").Initiate("HTTP/www.example.com", sspitest.Options{
		EndTime: realm.Now().Add(-time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}
	token, _, err := client.Next(nil)
	if err != nil {
		log.Fatal(err)
	}
	c := acceptor.NewContext(sspi.ContextConfig{})
	_, _, err = c.Accept(context.Background(), token)

	fmt.Println(status.ReasonOf(err), status.CodeOf(err))                          // also works with nil and ErrContinue
	fmt.Println(errors.Is(err, &status.Error{Reason: status.ReasonTicketExpired})) // compares the Reason
	fmt.Println(errors.Is(err, status.SEC_E_LOGON_DENIED.Err()), c.Err() == err)   // compares the Code
	if refusal, ok := errors.AsType[*status.Error](err); ok {                      // returns the whole error
		fmt.Println(refusal.Reason.Help())
		fmt.Println(refusal.Detail)
	}
	// Output:
	// ticket-expired SEC_E_LOGON_DENIED
	// true
	// true true
	// the ticket has expired; the client must get a new ticket
	// ended 2031-05-17T07:30:15Z, the clock here says 2031-05-17T08:30:15Z
}
