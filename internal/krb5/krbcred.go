package krb5

import (
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/gosspi/kerberos/flags"
)

const (
	msgCred           = 22
	tagEncKRBCredPart = 29

	// maxCredTickets is an arbitrary limit. Clients forward a single ticket.
	maxCredTickets = 8
)

// KRBCred is a KRB-CRED (RFC 4120, Section 5.8.1). A parsed KRBCred has 1 to 8 tickets.
type KRBCred struct {
	Tickets []Ticket
	EncPart EncryptedData // an EncKRBCredPart
}

// Parse reads a KRB-CRED. It refuses a pvno or tkt-vno other than 5 with
// status.ReasonWrongVersion, and any other message type of RFC 4120 with
// status.ReasonWrongMessageType.
func (m *KRBCred) Parse(b []byte) error { return zeroOnError(m, m.parse(b)) }

func (m *KRBCred) parse(b []byte) error {
	const what = "KRB-CRED"
	*m = KRBCred{}
	seq, err := readMessage(b, msgCred, what)
	if err != nil {
		return err
	}
	var list, raw reader
	if !seq.sequence(2, &list) ||
		!seq.encrypted(3, &m.EncPart) ||
		!seq.empty() {
		return malformed(what)
	}
	for !list.empty() {
		if len(m.Tickets) == maxCredTickets || !list.whole(&raw, application(tagTicket)) {
			return malformed(what)
		}
		var t Ticket
		if err := t.parse(raw); err != nil {
			return err
		}
		m.Tickets = append(m.Tickets, t)
	}
	if len(m.Tickets) == 0 {
		return malformed(what)
	}
	return nil
}

// Append writes the KRB-CRED.
func (m *KRBCred) Append(dst []byte) []byte {
	w := writer{dst}
	w.element(application(msgCred), func() {
		w.sequence(func() {
			w.header(msgCred)
			w.field(2, func() {
				w.sequence(func() {
					for i := range m.Tickets {
						m.Tickets[i].write(&w)
					}
				})
			})
			w.encrypted(3, &m.EncPart)
		})
	})
	return w.b
}

// EncKRBCredPart describes the tickets of a KRB-CRED, in their order (RFC 4120,
// Section 5.8.1). A parsed EncKRBCredPart has 1 to 8 descriptions.
type EncKRBCredPart struct {
	Info []CredInfo

	Nonce    uint32
	HasNonce bool

	Timestamp Time
	Usec      int32 // 0 to 999999
	HasUsec   bool

	// An Address of nil is absent.
	SenderAddress, RecipientAddress HostAddress
}

// CredInfo describes one ticket of a KRB-CRED (RFC 4120, Section 5.8.1). Every field
// except Key is optional.
type CredInfo struct {
	Key EncryptionKey

	ClientRealm []byte // prealm
	Client      Name   // pname

	Flags    flags.Ticket
	HasFlags bool

	AuthTime, StartTime, EndTime, RenewTill Time

	Realm   []byte // srealm
	Service Name   // sname

	// Addresses is the whole SEQUENCE OF, with tag and length, in a form that
	// [ReadAddresses] accepts.
	Addresses []byte
}

// Parse reads an EncKRBCredPart.
func (m *EncKRBCredPart) Parse(b []byte) error { return zeroOnError(m, m.parse(b)) }

func (m *EncKRBCredPart) parse(b []byte) error {
	const what = "EncKrbCredPart"
	*m = EncKRBCredPart{}
	var seq, list reader
	if !readPart(b, tagEncKRBCredPart, &seq) ||
		!seq.sequence(0, &list) ||
		!(!seq.present(1, &m.HasNonce) || seq.uint32(1, &m.Nonce)) ||
		!seq.optionalTime(2, &m.Timestamp) ||
		!(!seq.present(3, &m.HasUsec) || seq.microseconds(3, &m.Usec)) ||
		!(seq.lacks(4) || seq.address(4, &m.SenderAddress)) ||
		!(seq.lacks(5) || seq.address(5, &m.RecipientAddress)) ||
		!seq.empty() {
		return malformed(what)
	}
	var element reader
	for !list.empty() {
		var info CredInfo
		if len(m.Info) == maxCredTickets || !list.element(&element, asn1.SEQUENCE) || !info.read(element) {
			return malformed(what)
		}
		m.Info = append(m.Info, info)
	}
	if len(m.Info) == 0 {
		return malformed(what)
	}
	return nil
}

func (m *CredInfo) read(seq reader) bool {
	return seq.key(0, &m.Key) &&
		(seq.lacks(1) || seq.realm(1, &m.ClientRealm)) &&
		(seq.lacks(2) || seq.name(2, &m.Client)) &&
		(!seq.present(3, &m.HasFlags) || seq.flags(3, (*uint32)(&m.Flags))) &&
		seq.optionalTime(4, &m.AuthTime) &&
		seq.optionalTime(5, &m.StartTime) &&
		seq.optionalTime(6, &m.EndTime) &&
		seq.optionalTime(7, &m.RenewTill) &&
		(seq.lacks(8) || seq.realm(8, &m.Realm)) &&
		(seq.lacks(9) || seq.name(9, &m.Service)) &&
		(seq.lacks(10) || seq.addresses(10, &m.Addresses)) &&
		seq.empty()
}
