package ticket

import (
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// findPAC returns the AD-WIN2K-PAC that a KDC has put into an AD-IF-RELEVANT of the
// ticket, one level deep, or nil. It ignores a PAC that is nested deeper or is outside
// AD-IF-RELEVANT: clients have been able to add a forged PAC there. It refuses a ticket
// with two PACs, since nothing says which of them is valid.
func findPAC(authData []byte) ([]byte, error) {
	walk, err := krb5.WalkAuthorizationData(authData)
	if err != nil {
		return nil, err // unreachable: EncTicketPart.Parse has checked authData
	}
	var found []byte
	for {
		e, relevant, ok := walk.Next()
		switch {
		case !ok:
			return found, nil
		case !relevant || e.Type != krb5.ADWin2kPAC:
		case found != nil:
			return nil, &status.Error{Reason: status.ReasonPACBad, Detail: "the ticket has more than one PAC"}
		default:
			found = e.Data
		}
	}
}
