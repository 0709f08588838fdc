package krb5

import (
	"encoding/binary"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// Types of pre-authentication data (RFC 4120, Section 7.5.2; MS-KILE and MS-SFU) that the
// KDC of the tests knows.
const (
	PATGSReq       = 1
	PAEncTimestamp = 2
	PAETypeInfo2   = 19
	PAPACRequest   = 128
	PAForUser      = 129
	PAForX509User  = 130
	PAPACOptions   = 167
)

// Parse reads an EncryptedData that is a message of its own, as in PA-ENC-TIMESTAMP.
func (m *EncryptedData) Parse(b []byte) error {
	*m = EncryptedData{}
	var seq reader
	return verdict(m, readSequence(b, &seq) && m.read(seq), "EncryptedData")
}

// Append writes the EncryptedData.
func (m *EncryptedData) Append(dst []byte) []byte {
	w := writer{dst}
	m.write(&w)
	return w.b
}

// EncTimestamp is a PA-ENC-TS-ENC (RFC 4120, Section 5.2.7.2).
type EncTimestamp struct {
	Unix    int64
	Usec    int32 // 0 to 999999
	HasUsec bool
}

// Parse reads a PA-ENC-TS-ENC.
func (m *EncTimestamp) Parse(b []byte) error {
	*m = EncTimestamp{}
	var seq reader
	ok := readSequence(b, &seq) &&
		seq.unix(0, &m.Unix) &&
		(!seq.present(1, &m.HasUsec) || seq.microseconds(1, &m.Usec)) &&
		seq.empty()
	return verdict(m, ok, "PA-ENC-TS-ENC")
}

// Append writes the PA-ENC-TS-ENC.
func (m *EncTimestamp) Append(dst []byte) []byte {
	w := writer{dst}
	w.sequence(func() {
		w.time(0, m.Unix)
		if m.HasUsec {
			w.int32(1, m.Usec)
		}
	})
	return w.b
}

// PACRequest is a KERB-PA-PAC-REQUEST (MS-KILE, Section 2.2.3).
type PACRequest struct{ Include bool }

// Parse reads a KERB-PA-PAC-REQUEST.
func (m *PACRequest) Parse(b []byte) error {
	*m = PACRequest{}
	var seq, value reader
	ok := readSequence(b, &seq) && seq.field(0, &value, asn1.BOOLEAN) && seq.empty() &&
		len(value) == 1 && (value[0] == 0 || value[0] == 0xff)
	m.Include = ok && value[0] != 0
	return verdict(m, ok, "KERB-PA-PAC-REQUEST")
}

// Append writes the KERB-PA-PAC-REQUEST.
func (m *PACRequest) Append(dst []byte) []byte {
	w := writer{dst}
	value := []byte{0}
	if m.Include {
		value[0] = 0xff
	}
	w.sequence(func() { w.wrapped(0, asn1.BOOLEAN, value) })
	return w.b
}

// AppendPAData appends a PA-DATA to the content of a list for [KDCReq.PAData].
func AppendPAData(dst []byte, paType int32, value []byte) []byte {
	w := writer{dst}
	w.sequence(func() {
		w.int32(1, paType)
		w.octets(2, value)
	})
	return w.b
}

// AppendInteger appends an INTEGER to the content of a list, for [KDCReq.ETypes].
func AppendInteger(dst []byte, v int32) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(v))
	w := writer{dst}
	w.bytes(asn1.INTEGER, b[4-integerSize(int64(v)):])
	return w.b
}

// AppendComponent appends a component to the content of a [Name].
func AppendComponent(dst []byte, component string) []byte {
	w := writer{dst}
	w.bytes(generalString, []byte(component))
	return w.b
}

// readSequence sets seq to the fields of b, which must be exactly one SEQUENCE.
func readSequence(b []byte, seq *reader) bool {
	in := reader(b)
	return in.element(seq, asn1.SEQUENCE) && in.empty()
}

// verdict returns nil if ok, and else an error, after it has set *m to its zero value.
func verdict[T any](m *T, ok bool, what string) error {
	if ok {
		return nil
	}
	return zeroOnError(m, malformed(what))
}
