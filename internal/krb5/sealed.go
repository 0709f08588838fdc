package krb5

// EncryptedData is a ciphertext and what it was made with (RFC 4120, Section
// 5.2.9). Nothing says that it is long enough to be one.
type EncryptedData struct {
	EType   int32
	Kvno    uint32 // 0 if there is none
	HasKvno bool
	Cipher  []byte
}

// EncryptionKey is a key (RFC 4120, Section 5.2.9). Value is nil where there is
// none. It is neither known to be of the right length nor redacted when printed:
// do not print it.
type EncryptionKey struct {
	EType int32
	Value []byte
}

// Checksum is a checksum, or what travels in its place (RFC 4120, Section 5.2.9;
// RFC 4121, Section 4.1.1).
type Checksum struct {
	Type int32
	Sum  []byte
}

func (r *reader) encrypted(n uint8, v *EncryptedData) bool {
	var seq reader
	return r.sequence(n, &seq) &&
		seq.int32(0, &v.EType) &&
		(!seq.present(1, &v.HasKvno) || seq.uint32(1, &v.Kvno)) &&
		seq.octets(2, &v.Cipher) &&
		seq.empty()
}

func (w *writer) encrypted(n uint8, v *EncryptedData) {
	w.field(n, func() {
		w.sequence(func() {
			w.int32(0, v.EType)
			if v.HasKvno {
				// Signed, as MIT writes it: the key versions of read-only domain
				// controllers have bit 31, and old peers read 32 bits.
				w.int32(1, int32(v.Kvno))
			}
			w.octets(2, v.Cipher)
		})
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

// typed reads a number and the octets that it says how to read. RFC 4120 writes
// EncryptionKey, Checksum, TransitedEncoding and HostAddress all as SEQUENCE {
// [0] Int32, [1] OCTET STRING }.
func (r *reader) typed(n uint8, number *int32, value *[]byte) bool {
	var seq reader
	return r.sequence(n, &seq) && seq.pair(number, value)
}

// pair is the content of such a SEQUENCE.
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

// typedSize is the size of what [writer.typed] writes.
func typedSize(number int32, valueLen int) int {
	return fieldSize(fieldSize(integerSize(int64(number))) + fieldSize(valueLen))
}
