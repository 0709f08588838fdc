package reply

import (
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// TGTReply makes the KERB-TGT-REPLY of a user-to-user exchange
// (draft-swift-win2k-krb-user2user-03, Section 4), without framing, of the
// acceptor's own ticket.
func TGTReply(ticket []byte) ([]byte, error) {
	var r krb5.TGTReply
	if err := r.Ticket.Parse(ticket); err != nil {
		return nil, &status.Error{Reason: status.ReasonNoTGT, Detail: "our own ticket is none", Err: err}
	}
	return r.Append(nil), nil
}
