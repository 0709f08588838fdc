package krb5

import (
	"iter"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// Types of messages that a client sends to a KDC.
const (
	MsgASReq  = 10
	MsgTGSReq = 12
)

// Limits on requests to a KDC. RFC 4120 sets no limits. The requests of real clients have
// at most some kilobytes, and ten elements in each list.
const (
	MaxKDCReq   = 64 << 10 // bytes
	maxKDCLists = 32       // elements of each list
)

// KDCReq is an AS-REQ or a TGS-REQ (RFC 4120, Section 5.4.1), for the KDC of the tests: an
// acceptor receives neither.
type KDCReq struct {
	MsgType int32 // MsgASReq or MsgTGSReq

	// PAData is the content of the SEQUENCE OF PA-DATA, nil if absent; see [KDCReq.Each].
	PAData []byte
	// Body is the whole encoding of the KDC-REQ-BODY that Parse read, which the
	// authenticator of a TGS-REQ protects. Append ignores Body and writes the other fields.
	Body []byte

	Options KDCOptions
	Client  Name // without components if absent
	Realm   []byte
	Service Name // without components if absent

	From, Till, RenewTill Time // Till is always set
	Nonce                 uint32
	// SignedNonce reports that the sender, which has signed numbers, sends a Nonce of 2^31 and
	// more as a negative number. Its parser of answers then expects the negative number.
	SignedNonce bool

	// ETypes is the content of the SEQUENCE OF Int32; see [KDCReq.EachEType].
	ETypes []byte
	// Addresses is the whole SEQUENCE OF, with tag and length, in a form that
	// [ReadAddresses] accepts. It is nil if absent.
	Addresses []byte

	AuthorizationData    EncryptedData
	HasAuthorizationData bool

	// Tickets is the content of the SEQUENCE OF Ticket, nil if absent; see
	// [KDCReq.EachTicket].
	Tickets []byte
}

// KDCOptions are the options of a request to a KDC (RFC 4120, Section 5.4.1).
type KDCOptions uint32

// The options that the KDC of the tests knows. CNAMEInAddlTicket is that of MS-SFU,
// Canonicalize that of RFC 6806.
const (
	KDCForwardable       KDCOptions = 1 << (31 - 1)
	KDCForwarded         KDCOptions = 1 << (31 - 2)
	KDCProxiable         KDCOptions = 1 << (31 - 3)
	KDCProxy             KDCOptions = 1 << (31 - 4)
	KDCAllowPostdate     KDCOptions = 1 << (31 - 5)
	KDCPostdated         KDCOptions = 1 << (31 - 6)
	KDCRenewable         KDCOptions = 1 << (31 - 8)
	KDCCNAMEInAddlTicket KDCOptions = 1 << (31 - 14)
	KDCCanonicalize      KDCOptions = 1 << (31 - 15)
	KDCAnonymous         KDCOptions = 1 << (31 - 16)
	KDCRenewableOK       KDCOptions = 1 << (31 - 27)
	KDCEncTktInSkey      KDCOptions = 1 << (31 - 28)
	KDCRenew             KDCOptions = 1 << (31 - 30)
	KDCValidate          KDCOptions = 1
)

// Parse reads an AS-REQ or a TGS-REQ of at most MaxKDCReq bytes. Each list has at most 32
// elements. It refuses a pvno other than 5 with status.ReasonWrongVersion, and any other
// message type of RFC 4120 with status.ReasonWrongMessageType.
func (m *KDCReq) Parse(b []byte) error { return zeroOnError(m, m.parse(b)) }

func (m *KDCReq) parse(b []byte) error {
	what, msgType := "AS-REQ", uint8(MsgASReq)
	if len(b) > 0 && b[0] == byte(application(MsgTGSReq)) {
		what, msgType = "TGS-REQ", MsgTGSReq
	}
	*m = KDCReq{MsgType: int32(msgType)}
	var seq, body reader
	switch {
	case len(b) > MaxKDCReq:
		return malformed(what)
	case !readPart(b, msgType, &seq):
		if isOther(b, msgType) {
			return wrongType(what)
		}
		return malformed(what)
	}
	if err := seq.headerAt(1, msgType, what); err != nil { // the fields begin with [1]
		return err
	}
	if !(seq.lacks(3) || seq.sequence(3, (*reader)(&m.PAData)) && arePAData(m.PAData)) ||
		!seq.wholeField(4, (*reader)(&m.Body), asn1.SEQUENCE) ||
		!seq.empty() {
		return malformed(what)
	}
	seq = reader(m.Body)
	if !seq.element(&body, asn1.SEQUENCE) || !m.readBody(body) {
		return malformed(what)
	}
	return nil
}

func (m *KDCReq) readBody(seq reader) bool {
	return seq.flags(0, (*uint32)(&m.Options)) &&
		(seq.lacks(1) || seq.name(1, &m.Client)) &&
		seq.realm(2, &m.Realm) &&
		(seq.lacks(3) || seq.name(3, &m.Service)) &&
		seq.optionalTime(4, &m.From) &&
		seq.time(5, &m.Till) &&
		seq.optionalTime(6, &m.RenewTill) &&
		seq.nonce(7, m) &&
		seq.sequence(8, (*reader)(&m.ETypes)) && areETypes(m.ETypes) &&
		(seq.lacks(9) || seq.list(9, &m.Addresses, maxKDCLists)) &&
		(!seq.present(10, &m.HasAuthorizationData) || seq.encrypted(10, &m.AuthorizationData)) &&
		(seq.lacks(11) || seq.sequence(11, (*reader)(&m.Tickets)) && areTickets(m.Tickets)) &&
		seq.empty()
}

func (r *reader) nonce(n uint8, m *KDCReq) bool {
	rest := *r
	var signed int32
	m.SignedNonce = rest.int32(n, &signed) && signed < 0
	return r.uint32(n, &m.Nonce)
}

// NonceAsSent returns the number that the sender wrote.
func (m *KDCReq) NonceAsSent() int64 {
	if m.SignedNonce {
		return int64(int32(m.Nonce))
	}
	return int64(m.Nonce)
}

// Each yields the types and values of the pre-authentication data in order.
func (m *KDCReq) Each() iter.Seq2[int32, []byte] {
	return func(yield func(int32, []byte) bool) {
		rest := reader(m.PAData)
		var e AuthDataEntry
		for rest.paData(&e) && yield(e.Type, e.Data) {
		}
	}
}

// EachEType yields the encryption types in the client's order of preference.
func (m *KDCReq) EachEType() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		rest := reader(m.ETypes)
		var e int32
		for rest.etype(&e) && yield(e) {
		}
	}
}

// EachTicket yields the additional tickets.
func (m *KDCReq) EachTicket() iter.Seq[*Ticket] {
	return func(yield func(*Ticket) bool) {
		rest := reader(m.Tickets)
		var raw reader
		for rest.whole(&raw, application(tagTicket)) {
			t := new(Ticket)
			if t.parse(raw) != nil || !yield(t) {
				return
			}
		}
	}
}

// paData reads a PA-DATA, whose fields begin with [1].
func (r *reader) paData(e *AuthDataEntry) bool {
	var seq reader
	return r.element(&seq, asn1.SEQUENCE) && seq.int32(1, &e.Type) && seq.octets(2, &e.Data) && seq.empty()
}

func (r *reader) etype(e *int32) bool {
	var c reader
	if !r.element(&c, asn1.INTEGER) {
		return false
	}
	i, ok := integer(c)
	*e = int32(i)
	return ok && i == int64(*e)
}

func arePAData(list reader) bool {
	var e AuthDataEntry
	return areAll(list, func(r *reader) bool { return r.paData(&e) })
}

func areETypes(list reader) bool {
	var e int32
	return areAll(list, func(r *reader) bool { return r.etype(&e) })
}

func areTickets(list reader) bool {
	var raw reader
	var t Ticket
	return areAll(list, func(r *reader) bool {
		return r.whole(&raw, application(tagTicket)) && t.parse(raw) == nil
	})
}

// areAll reports whether list consists of at most 32 elements that read accepts.
func areAll(list reader, read func(*reader) bool) bool {
	for i := 0; !list.empty(); i++ {
		if i == maxKDCLists || !read(&list) {
			return false
		}
	}
	return true
}

// Append writes the request.
func (m *KDCReq) Append(dst []byte) []byte {
	w := writer{dst}
	w.element(application(uint8(m.MsgType)), func() {
		w.sequence(func() {
			w.int32(1, protocolVersion)
			w.int32(2, m.MsgType)
			if m.PAData != nil {
				w.wrapped(3, asn1.SEQUENCE, m.PAData)
			}
			w.field(4, func() { m.writeBody(&w) })
		})
	})
	return w.b
}

// AppendBody writes the KDC-REQ-BODY.
func (m *KDCReq) AppendBody(dst []byte) []byte {
	w := writer{dst}
	m.writeBody(&w)
	return w.b
}

func (m *KDCReq) writeBody(w *writer) {
	w.sequence(func() {
		w.flags(0, uint32(m.Options))
		w.optionalName(1, &m.Client)
		w.string(2, m.Realm)
		w.optionalName(3, &m.Service)
		w.optionalTime(4, m.From)
		w.time(5, m.Till.Unix)
		w.optionalTime(6, m.RenewTill)
		w.integer(7, m.NonceAsSent())
		w.wrapped(8, asn1.SEQUENCE, m.ETypes)
		if m.Addresses != nil {
			w.raw(9, m.Addresses)
		}
		if m.HasAuthorizationData {
			w.encrypted(10, &m.AuthorizationData)
		}
		if m.Tickets != nil {
			w.wrapped(11, asn1.SEQUENCE, m.Tickets)
		}
	})
}
