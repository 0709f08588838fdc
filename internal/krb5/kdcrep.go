package krb5

import (
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/gosspi/kerberos/flags"
)

const (
	msgTGSRep        = 13
	tagEncTGSRepPart = 26
)

// TGSRep is the answer of a KDC to a TGS-REQ (RFC 4120, Section 5.4.2). Nothing protects
// its fields but EncPart.
type TGSRep struct {
	ClientRealm []byte
	Client      Name
	Ticket      Ticket
	EncPart     EncryptedData // an EncTGSRepPart
}

// Parse reads a TGS-REP. It refuses a pvno or tkt-vno other than 5 with
// status.ReasonWrongVersion, and any other message type of RFC 4120 with
// status.ReasonWrongMessageType.
func (m *TGSRep) Parse(b []byte) error { return zeroOnError(m, m.parse(b)) }

func (m *TGSRep) parse(b []byte) error {
	const what = "TGS-REP"
	*m = TGSRep{}
	seq, err := readMessage(b, msgTGSRep, what)
	if err != nil {
		return err
	}
	var data, ticket reader
	if !(seq.lacks(2) || seq.sequence(2, &data) && arePAData(data)) ||
		!seq.realm(3, &m.ClientRealm) ||
		!seq.name(4, &m.Client) ||
		!seq.wholeField(5, &ticket, application(tagTicket)) ||
		!seq.encrypted(6, &m.EncPart) ||
		!seq.empty() {
		return malformed(what)
	}
	return m.Ticket.parse(ticket)
}

// EncTGSRepPart is the part of a TGS-REP that is encrypted for the client (RFC 4120, Section
// 5.4.2).
type EncTGSRepPart struct {
	Key   EncryptionKey // the session key of the ticket
	Nonce uint32
	Flags flags.Ticket

	AuthTime  Time // always set
	StartTime Time
	EndTime   Time // always set
	RenewTill Time

	Realm   []byte // of Service
	Service Name
}

// Parse reads an EncTGSRepPart.
func (m *EncTGSRepPart) Parse(b []byte) error { return zeroOnError(m, m.parse(b)) }

func (m *EncTGSRepPart) parse(b []byte) error {
	*m = EncTGSRepPart{}
	var seq, lastReq reader
	var expiration Time
	var addresses []byte
	if !readPart(b, tagEncTGSRepPart, &seq) ||
		!seq.key(0, &m.Key) ||
		!seq.sequence(1, &lastReq) || !areLastReqs(lastReq) ||
		!seq.uint32(2, &m.Nonce) ||
		!seq.optionalTime(3, &expiration) ||
		!seq.flags(4, (*uint32)(&m.Flags)) ||
		!seq.time(5, &m.AuthTime) ||
		!seq.optionalTime(6, &m.StartTime) ||
		!seq.time(7, &m.EndTime) ||
		!seq.optionalTime(8, &m.RenewTill) ||
		!seq.realm(9, &m.Realm) ||
		!seq.name(10, &m.Service) ||
		!(seq.lacks(11) || seq.addresses(11, &addresses)) ||
		!(seq.lacks(12) || seq.sequence(12, &lastReq) && arePAData(lastReq)) ||
		!seq.empty() {
		return malformed("EncTGSRepPart")
	}
	return nil
}

// areLastReqs reports whether list is the content of a LastReq.
func areLastReqs(list reader) bool {
	return areAll(list, func(r *reader) bool {
		var seq reader
		var kind int32
		var at Time
		return r.element(&seq, asn1.SEQUENCE) && seq.int32(0, &kind) && seq.time(1, &at) && seq.empty()
	})
}

// ForUser is a PA-FOR-USER (MS-SFU, Section 2.2.1), which names the user for whom a service
// requests a ticket to itself.
type ForUser struct {
	User     Name
	Realm    []byte
	Checksum Checksum
	Package  []byte
}

// Append writes the PA-FOR-USER.
func (m *ForUser) Append(dst []byte) []byte {
	w := writer{dst}
	w.sequence(func() {
		w.name(0, &m.User)
		w.string(1, m.Realm)
		w.typed(2, m.Checksum.Type, m.Checksum.Sum)
		w.string(3, m.Package)
	})
	return w.b
}

// PACOptionRBCD is the bit of PA-PAC-OPTIONS that says that the client knows resource-based
// constrained delegation (MS-KILE, Section 2.2.10).
const PACOptionRBCD = 1 << (31 - 3)

// AppendPACOptions appends a PA-PAC-OPTIONS.
func AppendPACOptions(dst []byte, options uint32) []byte {
	w := writer{dst}
	w.sequence(func() { w.flags(0, options) })
	return w.b
}
