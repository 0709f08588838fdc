package ticket

import (
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// Authorization data types (RFC 4120, Section 7.5.4; MS-KILE, Section 3.1.5.5).
const (
	adIfRelevant = 1
	adWin2kPAC   = 128
)

// findPAC looks for AD-WIN2K-PAC where a KDC puts it: in an AD-IF-RELEVANT of
// the ticket, one level deep. Deeper, or outside AD-IF-RELEVANT, is where
// clients have been able to plant one of their own, so it is not looked for
// there. Two are refused: which of them would count?
func findPAC(authData []byte) ([]byte, error) {
	if authData == nil {
		return nil, nil
	}
	outer, err := krb5.ReadAuthorizationData(authData)
	if err != nil {
		return nil, err // unreachable: EncTicketPart.Parse has read it
	}
	var found []byte
	for {
		element, ok := outer.Next()
		if !ok {
			return found, nil
		}
		if element.Type != adIfRelevant {
			continue
		}
		inner, err := krb5.ReadAuthorizationData(element.Data)
		if err != nil {
			continue // what is not understood in AD-IF-RELEVANT is not relevant
		}
		for {
			e, ok := inner.Next()
			if !ok {
				break
			}
			if e.Type != adWin2kPAC {
				continue
			}
			if found != nil {
				return nil, &status.Error{Reason: status.ReasonPACBad, Detail: "the ticket has more than one PAC"}
			}
			found = e.Data
		}
	}
}
