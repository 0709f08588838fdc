package krb5

import "github.com/gosspi/kerberos/flags"

const (
	tagTicket        = 1
	tagEncTicketPart = 3
)

// Ticket is a ticket in its wire form (RFC 4120, Section 5.3). Realm and Service are in
// clear, without integrity protection.
type Ticket struct {
	// Raw is the whole encoding that Parse read. Append ignores Raw and writes the
	// other fields.
	Raw     []byte
	Realm   []byte
	Service Name
	EncPart EncryptedData // an EncTicketPart
}

// Parse reads a Ticket. It refuses a tkt-vno other than 5 with
// status.ReasonWrongVersion.
func (m *Ticket) Parse(b []byte) error { return zeroOnError(m, m.parse(b)) }

func (m *Ticket) parse(b []byte) error {
	const what = "ticket"
	*m = Ticket{Raw: b[:len(b):len(b)]}
	seq, err := readVersioned(b, tagTicket, what)
	if err != nil {
		return err
	}
	if !seq.realm(1, &m.Realm) ||
		!seq.name(2, &m.Service) ||
		!seq.encrypted(3, &m.EncPart) ||
		!seq.empty() {
		return malformed(what)
	}
	return nil
}

func (m *Ticket) write(w *writer) {
	w.element(application(tagTicket), func() {
		w.sequence(func() {
			w.int32(0, protocolVersion)
			w.string(1, m.Realm)
			w.name(2, &m.Service)
			w.encrypted(3, &m.EncPart)
		})
	})
}

// EncTicketPart is the part of a ticket that is encrypted with the service's key
// (RFC 4120, Section 5.3).
type EncTicketPart struct {
	Flags       flags.Ticket
	Key         EncryptionKey // the session key
	ClientRealm []byte
	Client      Name

	TransitedType int32
	Transited     []byte // may be empty

	AuthTime  Time // always set
	StartTime Time
	EndTime   Time // always set
	RenewTill Time

	// Addresses and AuthorizationData are the whole SEQUENCE OF, with tag and length, in
	// a form that [ReadAddresses] and [ReadAuthorizationData] accept. They are nil if
	// absent.
	Addresses, AuthorizationData []byte
}

// Parse reads an EncTicketPart.
func (m *EncTicketPart) Parse(b []byte) error { return zeroOnError(m, m.parse(b)) }

func (m *EncTicketPart) parse(b []byte) error {
	const what = "EncTicketPart"
	*m = EncTicketPart{}
	var seq reader
	if !readPart(b, tagEncTicketPart, &seq) ||
		!seq.flags(0, (*uint32)(&m.Flags)) ||
		!seq.key(1, &m.Key) ||
		!seq.realm(2, &m.ClientRealm) ||
		!seq.name(3, &m.Client) ||
		!seq.typed(4, &m.TransitedType, &m.Transited) ||
		!seq.time(5, &m.AuthTime) ||
		!seq.optionalTime(6, &m.StartTime) ||
		!seq.time(7, &m.EndTime) ||
		!seq.optionalTime(8, &m.RenewTill) ||
		!(seq.lacks(9) || seq.addresses(9, &m.Addresses)) ||
		!(seq.lacks(10) || seq.authorizationData(10, &m.AuthorizationData)) ||
		!seq.empty() {
		return malformed(what)
	}
	return nil
}
