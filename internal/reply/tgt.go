package reply

import (
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// TGTReply returns a KERB-TGT-REPLY (draft-swift-win2k-krb-user2user-03, Section 4),
// without framing, with the acceptor's ticket-granting ticket.
func TGTReply(ticket []byte) ([]byte, error) {
	var r krb5.TGTReply
	if err := r.Ticket.Parse(ticket); err != nil {
		return nil, &status.Error{Reason: status.ReasonNoTGT, Detail: "the acceptor's ticket-granting ticket is malformed", Err: err}
	}
	return r.Append(nil), nil
}
