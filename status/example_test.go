package status_test

import (
	"errors"
	"fmt"

	"github.com/gosspi/kerberos/status"
)

// Each error has a Reason for the operator and the Code that SSPI defines for it. A program
// distinguishes errors by Reason or by Code, even if they are wrapped.
func Example() {
	err := fmt.Errorf("from 192.0.2.1: %w", &status.Error{Reason: status.ReasonUnknownKeyVersion, Detail: "ticket kvno 5, keytab has 3 and 4"})
	fmt.Println(err)
	fmt.Println(status.ReasonOf(err), status.CodeOf(err))
	fmt.Println(errors.Is(err, &status.Error{Reason: status.ReasonReplay}))
	fmt.Println(status.ReasonOf(nil), status.CodeOf(nil))
	// Output:
	// from 192.0.2.1: kerberos: unknown-key-version (the keytab has no key of the ticket's version or encryption type; add the key, or let the client get a new ticket): ticket kvno 5, keytab has 3 and 4
	// unknown-key-version SEC_E_LOGON_DENIED
	// false
	// none SEC_E_OK
}

// An SSPI function returns a Code, which is not an error until Err converts it.
func ExampleCode_Err() {
	for _, code := range []status.Code{status.SEC_E_OK, status.SEC_I_CONTINUE_NEEDED, status.SEC_E_LOGON_DENIED} {
		fmt.Printf("%v %#08x %v %v\n", code, uint32(code), code.IsError(), code.Err())
	}
	// Output:
	// SEC_E_OK 0x00000000 false <nil>
	// SEC_I_CONTINUE_NEEDED 0x00090312 false <nil>
	// SEC_E_LOGON_DENIED 0x8009030c true kerberos: SEC_E_LOGON_DENIED
}
