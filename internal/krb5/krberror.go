package krb5

import "golang.org/x/crypto/cryptobyte/asn1"

const msgError = 30

// KRBError is a KRB-ERROR (RFC 4120, Section 5.9.1), which has no integrity protection.
type KRBError struct {
	Ctime    Time
	Cusec    int32 // 0 to 999999
	HasCusec bool

	Stime int64 // Unix seconds
	Susec int32 // 0 to 999999
	Code  int32

	// The following fields are optional: nil, or a name without components, if absent.
	ClientRealm []byte
	Client      Name

	Realm   []byte
	Service Name

	EText, EData []byte // nil if absent
}

// Parse reads a KRB-ERROR without GSS framing. It refuses a pvno other than 5 with
// status.ReasonWrongVersion, and any other message type of RFC 4120 with
// status.ReasonWrongMessageType.
func (m *KRBError) Parse(b []byte) error { return zeroOnError(m, m.parse(b)) }

func (m *KRBError) parse(b []byte) error {
	const what = "KRB-ERROR"
	*m = KRBError{}
	seq, err := readMessage(b, msgError, what)
	if err != nil {
		return err
	}
	if !seq.optionalTime(2, &m.Ctime) ||
		!(!seq.present(3, &m.HasCusec) || seq.microseconds(3, &m.Cusec)) ||
		!seq.unix(4, &m.Stime) ||
		!seq.microseconds(5, &m.Susec) ||
		!seq.int32(6, &m.Code) ||
		!(seq.lacks(7) || seq.realm(7, &m.ClientRealm)) ||
		!(seq.lacks(8) || seq.name(8, &m.Client)) ||
		!seq.realm(9, &m.Realm) ||
		!seq.name(10, &m.Service) ||
		!(seq.lacks(11) || seq.field(11, (*reader)(&m.EText), generalString)) ||
		!(seq.lacks(12) || seq.octets(12, &m.EData)) ||
		!seq.empty() {
		return malformed(what)
	}
	return nil
}

// Append writes the KRB-ERROR.
func (m *KRBError) Append(dst []byte) []byte {
	w := writer{dst}
	w.element(application(msgError), func() {
		w.sequence(func() {
			w.header(msgError)
			w.optionalTime(2, m.Ctime)
			if m.HasCusec {
				w.int32(3, m.Cusec)
			}
			w.time(4, m.Stime)
			w.int32(5, m.Susec)
			w.int32(6, m.Code)
			w.optionalString(7, m.ClientRealm)
			w.optionalName(8, &m.Client)
			w.string(9, m.Realm)
			w.name(10, &m.Service)
			w.optionalString(11, m.EText)
			if m.EData != nil {
				w.wrapped(12, asn1.OCTET_STRING, m.EData)
			}
		})
	})
	return w.b
}
