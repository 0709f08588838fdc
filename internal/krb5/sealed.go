package krb5

// EncryptedData is a ciphertext with its encryption type and key version (RFC 4120,
// Section 5.2.9). Parsing does not check the length of Cipher.
type EncryptedData struct {
	EType   int32
	Kvno    uint32 // 0 if absent
	HasKvno bool
	Cipher  []byte
}

// EncryptionKey is a key (RFC 4120, Section 5.2.9). Value is nil if the key is absent.
// Parsing does not check the length of Value. Do not print an EncryptionKey: it does not
// redact Value.
type EncryptionKey struct {
	EType int32
	Value []byte
}

// Checksum is a checksum, or the GSS data that RFC 4121, Section 4.1.1 puts in its place
// (RFC 4120, Section 5.2.9).
type Checksum struct {
	Type int32
	Sum  []byte
}

func (r *reader) encrypted(n uint8, v *EncryptedData) bool {
	var seq reader
	return r.sequence(n, &seq) && v.read(seq)
}

func (m *EncryptedData) read(seq reader) bool {
	return seq.int32(0, &m.EType) &&
		(!seq.present(1, &m.HasKvno) || seq.uint32(1, &m.Kvno)) &&
		seq.octets(2, &m.Cipher) &&
		seq.empty()
}

func (w *writer) encrypted(n uint8, v *EncryptedData) {
	w.field(n, func() { v.write(w) })
}

func (m *EncryptedData) write(w *writer) {
	w.sequence(func() {
		w.int32(0, m.EType)
		if m.HasKvno {
			// A signed number, like MIT: the key versions of read-only domain
			// controllers have bit 31, and old peers read 32 bits.
			w.int32(1, int32(m.Kvno))
		}
		w.octets(2, m.Cipher)
	})
}

func (r *reader) key(n uint8, v *EncryptionKey) bool {
	return r.typed(n, &v.EType, &v.Value)
}

func (w *writer) key(n uint8, v *EncryptionKey) { w.typed(n, v.EType, v.Value) }

func (w *writer) optionalKey(n uint8, v *EncryptionKey) {
	if v.Value != nil {
		w.key(n, v)
	}
}

func (r *reader) checksum(n uint8, v *Checksum) bool { return r.typed(n, &v.Type, &v.Sum) }

// typed reads a SEQUENCE of a type number and an OCTET STRING. RFC 4120 defines
// EncryptionKey, Checksum, TransitedEncoding and HostAddress as SEQUENCE { [0] Int32,
// [1] OCTET STRING }.
func (r *reader) typed(n uint8, number *int32, value *[]byte) bool {
	var seq reader
	return r.sequence(n, &seq) && seq.pair(number, value)
}

// pair reads the content of the SEQUENCE that typed describes.
func (r *reader) pair(number *int32, value *[]byte) bool {
	return r.int32(0, number) && r.octets(1, value) && r.empty()
}

func (w *writer) typed(n uint8, number int32, value []byte) {
	w.field(n, func() {
		w.sequence(func() {
			w.int32(0, number)
			w.octets(1, value)
		})
	})
}

// typedSize returns the number of bytes that [writer.typed] writes.
func typedSize(number int32, valueLen int) int {
	return fieldSize(fieldSize(integerSize(int64(number))) + fieldSize(valueLen))
}
