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

// A refusal is one value for two audiences: the Reason, with its help and details, is
// for whoever runs the service; the Code is what SSPI has for it. The client gets
// neither, only the reply.
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

	fmt.Println(status.ReasonOf(err), status.CodeOf(err))                          // also for nil and ErrContinue
	fmt.Println(errors.Is(err, &status.Error{Reason: status.ReasonTicketExpired})) // any error of that Reason
	fmt.Println(errors.Is(err, status.SEC_E_LOGON_DENIED.Err()), c.Err() == err)   // of that Code
	if refusal, ok := errors.AsType[*status.Error](err); ok {                      // the whole of it
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
