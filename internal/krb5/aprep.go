package krb5

import "slices"

const (
	msgAPRep        = 15
	tagEncAPRepPart = 27
)

// APRep is an AP-REP (RFC 4120, Section 5.5.2).
type APRep struct {
	EncPart EncryptedData // an EncAPRepPart
}

// Parse reads an AP-REP without GSS framing. It refuses a pvno other than 5 with
// status.ReasonWrongVersion, and any other message type of RFC 4120 with
// status.ReasonWrongMessageType.
func (m *APRep) Parse(b []byte) error { return zeroOnError(m, m.parse(b)) }

func (m *APRep) parse(b []byte) error {
	const what = "AP-REP"
	*m = APRep{}
	seq, err := readMessage(b, msgAPRep, what)
	if err != nil {
		return err
	}
	if !seq.encrypted(2, &m.EncPart) || !seq.empty() {
		return malformed(what)
	}
	return nil
}

// Append writes the AP-REP.
func (m *APRep) Append(dst []byte) []byte {
	w := writer{dst}
	w.element(application(msgAPRep), func() {
		w.sequence(func() {
			w.header(msgAPRep)
			w.encrypted(2, &m.EncPart)
		})
	})
	return w.b
}

// APRepLen returns the length of an AP-REP, without GSS framing, whose encrypted part
// has no kvno and a ciphertext of cipherLen bytes.
func APRepLen(etype int32, cipherLen int) int {
	encPart := fieldSize(fieldSize(integerSize(int64(etype))) + fieldSize(cipherLen))
	header := fieldSize(1) + fieldSize(1)
	return fieldSize(header + encPart)
}

// EncAPRepPart is the acceptor's answer to an authenticator (RFC 4120, Section
// 5.5.2).
type EncAPRepPart struct {
	Ctime int64 // Unix seconds
	Cusec int32 // 0 to 999999

	Subkey EncryptionKey

	SequenceNumber    uint32
	HasSequenceNumber bool
}

// Parse reads an EncAPRepPart.
func (m *EncAPRepPart) Parse(b []byte) error { return zeroOnError(m, m.parse(b)) }

func (m *EncAPRepPart) parse(b []byte) error {
	const what = "EncAPRepPart"
	*m = EncAPRepPart{}
	var seq reader
	if !readPart(b, tagEncAPRepPart, &seq) ||
		!seq.unix(0, &m.Ctime) ||
		!seq.microseconds(1, &m.Cusec) ||
		!(seq.lacks(2) || seq.key(2, &m.Subkey)) ||
		!(!seq.present(3, &m.HasSequenceNumber) || seq.uint32(3, &m.SequenceNumber)) ||
		!seq.empty() {
		return malformed(what)
	}
	return nil
}

// Append writes the EncAPRepPart. It allocates at most once, so that no outgrown buffer
// keeps a copy of the subkey.
func (m *EncAPRepPart) Append(dst []byte) []byte {
	w := writer{slices.Grow(dst, m.Len())}
	w.element(application(tagEncAPRepPart), func() {
		w.sequence(func() {
			w.time(0, m.Ctime)
			w.int32(1, m.Cusec)
			w.optionalKey(2, &m.Subkey)
			if m.HasSequenceNumber {
				w.uint32(3, m.SequenceNumber)
			}
		})
	})
	return w.b
}

// Len returns the number of bytes that Append writes.
func (m *EncAPRepPart) Len() int {
	n := fieldSize(timeLen) + fieldSize(integerSize(int64(m.Cusec)))
	if m.Subkey.Value != nil {
		n += typedSize(m.Subkey.EType, len(m.Subkey.Value))
	}
	if m.HasSequenceNumber {
		n += fieldSize(integerSize(int64(m.SequenceNumber)))
	}
	return fieldSize(n)
}
