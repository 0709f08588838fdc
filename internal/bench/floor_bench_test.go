package bench

import (
	"encoding/binary"
	"testing"
)

// These are the lengths of the ciphertexts in a small AP-REQ of an MIT client.
const (
	smallTicket        = 173
	smallAuthenticator = 191
)

// syntheticFloor returns a floor with n different pairs of these lengths.
func syntheticFloor(n int) (*floor, []pair) {
	service, session := make([]byte, keyLen), make([]byte, keyLen)
	for i := range keyLen {
		service[i], session[i] = byte(i), byte(0xff-i)
	}
	f := newFloor(service, session)
	pairs := make([]pair, n)
	for i := range pairs {
		pairs[i] = pair{
			ticket:        f.seal(service, usageTicket, uint64(i), smallTicket),
			authenticator: f.seal(session, usageAuthenticator, uint64(i), smallAuthenticator),
		}
	}
	return f, pairs
}

// seal returns a ciphertext of length n with its checksum.
func (f *floor) seal(key []byte, usage uint32, serial uint64, n int) []byte {
	base := mustCipher(key)
	var ke [keyLen]byte
	derive(&ke, base, foldUsage(usage, 0xAA))
	derive(&f.derived, base, foldUsage(usage, 0x55))
	b := make([]byte, n-macLen, n)
	binary.BigEndian.PutUint64(b, serial)
	mac := f.macOnce(b)
	f.encryptCTS(b, mustCipher(ke[:]))
	return append(b, mac...)
}

// BenchmarkFloor measures the cryptography of one mutual accept of a small token.
func BenchmarkFloor(b *testing.B) {
	f, pairs := syntheticFloor(20_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := f.accept(pairs[i]); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(pairs) {
			i = 0
		}
	}
}
