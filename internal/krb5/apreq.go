package krb5

import (
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/gosspi/kerberos/flags"
)

const (
	msgAPReq         = 14
	tagAuthenticator = 2
)

// APReq is an AP-REQ (RFC 4120, Section 5.5.1). Options is sent in clear, without
// integrity protection.
type APReq struct {
	Options       flags.AP
	Ticket        Ticket
	Authenticator EncryptedData // an Authenticator
}

// Parse reads an AP-REQ without GSS framing. It refuses a pvno or tkt-vno other
// than 5 with status.ReasonWrongVersion, and any other message type of RFC 4120 with
// status.ReasonWrongMessageType.
func (m *APReq) Parse(b []byte) error { return zeroOnError(m, m.parse(b)) }

func (m *APReq) parse(b []byte) error {
	const what = "AP-REQ"
	*m = APReq{}
	seq, err := readMessage(b, msgAPReq, what)
	if err != nil {
		return err
	}
	var ticket reader
	if !seq.flags(2, (*uint32)(&m.Options)) ||
		!seq.wholeField(3, &ticket, application(tagTicket)) ||
		!seq.encrypted(4, &m.Authenticator) ||
		!seq.empty() {
		return malformed(what)
	}
	return m.Ticket.parse(ticket)
}

// ParseOutline reads an AP-REQ whose pvno, msg-type or tkt-vno is wrong, so that a
// KRB-ERROR can answer it: with [APReq.Parse]'s rules except those numbers, which it does not
// compare. Nothing but an error message may be made of the result.
func (m *APReq) ParseOutline(b []byte) error { return zeroOnError(m, m.parseOutline(b)) }

func (m *APReq) parseOutline(b []byte) error {
	*m = APReq{}
	var number int32
	var seq, ticket reader
	if !readPart(b, msgAPReq, &seq) ||
		!seq.int32(0, &number) || !seq.int32(1, &number) ||
		!seq.flags(2, (*uint32)(&m.Options)) ||
		!seq.field(3, &ticket, application(tagTicket)) ||
		!seq.encrypted(4, &m.Authenticator) ||
		!seq.empty() ||
		!ticket.element(&seq, asn1.SEQUENCE) || !ticket.empty() ||
		!seq.int32(0, &number) ||
		!seq.realm(1, &m.Ticket.Realm) ||
		!seq.name(2, &m.Ticket.Service) ||
		!seq.encrypted(3, &m.Ticket.EncPart) ||
		!seq.empty() {
		return malformed("AP-REQ")
	}
	return nil
}

// Append writes the AP-REQ.
func (m *APReq) Append(dst []byte) []byte {
	w := writer{dst}
	w.element(application(msgAPReq), func() {
		w.sequence(func() {
			w.header(msgAPReq)
			w.flags(2, uint32(m.Options))
			w.field(3, func() { m.Ticket.write(&w) })
			w.encrypted(4, &m.Authenticator)
		})
	})
	return w.b
}

// Authenticator is the client's side of the proof that it holds the ticket's
// session key (RFC 4120, Section 5.5.1).
type Authenticator struct {
	ClientRealm []byte
	Client      Name

	Checksum    Checksum
	HasChecksum bool

	Cusec int32 // 0 to 999999
	Ctime int64 // Unix seconds

	Subkey EncryptionKey

	SequenceNumber    uint32
	HasSequenceNumber bool

	// AuthorizationData is the whole SEQUENCE OF, with tag and length, in a form that
	// [ReadAuthorizationData] accepts. It is nil if the field is absent.
	AuthorizationData []byte
}

// Parse reads an Authenticator. It refuses an authenticator-vno other than 5 with
// status.ReasonWrongVersion.
func (m *Authenticator) Parse(b []byte) error { return zeroOnError(m, m.parse(b)) }

func (m *Authenticator) parse(b []byte) error {
	const what = "Authenticator"
	*m = Authenticator{}
	seq, err := readVersioned(b, tagAuthenticator, what)
	if err != nil {
		return err
	}
	if !seq.realm(1, &m.ClientRealm) ||
		!seq.name(2, &m.Client) ||
		!(!seq.present(3, &m.HasChecksum) || seq.checksum(3, &m.Checksum)) ||
		!seq.microseconds(4, &m.Cusec) ||
		!seq.unix(5, &m.Ctime) ||
		!(seq.lacks(6) || seq.key(6, &m.Subkey)) ||
		!(!seq.present(7, &m.HasSequenceNumber) || seq.uint32(7, &m.SequenceNumber)) ||
		!(seq.lacks(8) || seq.authorizationData(8, &m.AuthorizationData)) ||
		!seq.empty() {
		return malformed(what)
	}
	return nil
}

// Append writes the Authenticator.
func (m *Authenticator) Append(dst []byte) []byte {
	w := writer{dst}
	w.element(application(tagAuthenticator), func() {
		w.sequence(func() {
			w.int32(0, protocolVersion)
			w.string(1, m.ClientRealm)
			w.name(2, &m.Client)
			if m.HasChecksum {
				w.typed(3, m.Checksum.Type, m.Checksum.Sum)
			}
			w.int32(4, m.Cusec)
			w.time(5, m.Ctime)
			w.optionalKey(6, &m.Subkey)
			if m.HasSequenceNumber {
				w.uint32(7, m.SequenceNumber)
			}
			w.optionalRaw(8, m.AuthorizationData)
		})
	})
	return w.b
}
