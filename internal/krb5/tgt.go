package krb5

import "golang.org/x/crypto/cryptobyte/asn1"

const (
	msgTGTReq = 16
	msgTGTRep = 17
)

// TGTRequest is a KERB-TGT-REQUEST (draft-swift-win2k-krb-user2user-03, Section
// 2), by which a client requests the acceptor's ticket-granting ticket. Both fields are
// optional; without them the client accepts any ticket-granting ticket.
type TGTRequest struct {
	Service Name
	Realm   []byte
}

// Parse reads a KERB-TGT-REQUEST without GSS framing. It refuses a pvno other than
// 5 with status.ReasonWrongVersion, and any other msg-type with
// status.ReasonWrongMessageType.
func (m *TGTRequest) Parse(b []byte) error { return zeroOnError(m, m.parse(b)) }

func (m *TGTRequest) parse(b []byte) error {
	const what = "KERB-TGT-REQUEST"
	*m = TGTRequest{}
	seq, err := readUntagged(b, msgTGTReq, what)
	if err != nil {
		return err
	}
	if !(seq.lacks(2) || seq.name(2, &m.Service)) ||
		!(seq.lacks(3) || seq.realm(3, &m.Realm)) ||
		!seq.empty() {
		return malformed(what)
	}
	return nil
}

// TGTReply is a KERB-TGT-REPLY (draft-swift-win2k-krb-user2user-03, Section 2).
type TGTReply struct {
	Ticket Ticket
}

// Parse reads a KERB-TGT-REPLY without GSS framing. It refuses a pvno or tkt-vno
// other than 5 with status.ReasonWrongVersion, and any other msg-type with
// status.ReasonWrongMessageType.
func (m *TGTReply) Parse(b []byte) error { return zeroOnError(m, m.parse(b)) }

func (m *TGTReply) parse(b []byte) error {
	const what = "KERB-TGT-REPLY"
	*m = TGTReply{}
	seq, err := readUntagged(b, msgTGTRep, what)
	if err != nil {
		return err
	}
	var ticket reader
	if !seq.wholeField(2, &ticket, application(tagTicket)) || !seq.empty() {
		return malformed(what)
	}
	return m.Ticket.parse(ticket)
}

// Append writes the KERB-TGT-REPLY.
func (m *TGTReply) Append(dst []byte) []byte {
	w := writer{dst}
	w.sequence(func() {
		w.header(msgTGTRep)
		w.field(2, func() { m.Ticket.write(&w) })
	})
	return w.b
}

// readUntagged opens a message of the user-to-user draft, whose messages have no
// application tag.
func readUntagged(b []byte, msgType uint8, what string) (reader, error) {
	in := reader(b)
	var seq reader
	if !in.element(&seq, asn1.SEQUENCE) || !in.empty() {
		return nil, malformed(what)
	}
	err := seq.header(msgType, what)
	return seq, err
}
