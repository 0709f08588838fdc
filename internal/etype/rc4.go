package etype

import (
	"crypto/rc4"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/md4" //lint:ignore SA1019 RFC 4757, Section 2 has it so

	"github.com/gosspi/kerberos/status"
)

// labelSignature is the label, including its final NUL, from which the key of the RC4
// checksums is derived (RFC 4757, Section 4).
const labelSignature = "signaturekey\x00"

// messageType encodes the RC4 message type of a key usage (RFC 4757, Section 3). For
// usage 9, for which the RFC and Windows differ, it follows Windows; acceptors do not use
// usage 9.
func messageType(dst []byte, usage uint32) []byte {
	switch usage {
	case 3:
		usage = 8
	case 23:
		usage = 13
	}
	return binary.LittleEndian.AppendUint32(dst, usage)
}

// deriveRC4 implements deriveUsage for RC4: it derives the key of a message type, or the
// key of all checksums. RFC 4757 names two keys for a message type, K1 and K2, which are
// equal.
func (k *Key) deriveRC4(s *scratch, usage uint32, purpose byte) []byte {
	label := s.label[:0]
	if purpose == forChecksum {
		label = append(label, labelSignature...)
	} else {
		label = messageType(label, usage)
	}
	return s.derived(&k.material().hmac, label)
}

// derived returns the HMAC of label, for use as a key. The result is valid until the next
// use of s.
func (s *scratch) derived(h *hmacKey, label []byte) []byte {
	s.begin(h)
	s.write(label)
	return s.key[:copy(s.key[:], s.end(h))]
}

// digestOf stores in s.sum the hash from which the RC4 checksum is computed (RFC 4757,
// Section 4).
func (s *scratch) digestOf(usage uint32, parts [][]byte) {
	s.digest.Reset()
	s.write(messageType(s.label[:0], usage))
	for _, b := range parts {
		s.write(b)
	}
	s.digest.Sum(s.sum[:0])
}

// rc4 encrypts or decrypts the confidential bytes of segs in place. It derives the RC4 key
// from label, which is a checksum or a sequence number.
func (s *scratch) rc4(h *hmacKey, label []byte, segs []Segment) {
	stream, err := rc4.NewCipher(s.derived(h, label))
	if err != nil {
		panic("etype: unreachable: " + err.Error()) // the key length is right, and Lookup excludes FIPS mode
	}
	for i := range segs {
		if b := segs[i].B; !segs[i].SignOnly {
			stream.XORKeyStream(b, b)
		}
	}
	*stream = rc4.Cipher{}
}

// ntHash returns the RC4 key for a password: MD4 of the password in UTF-16LE.
func ntHash(password string) ([]byte, error) {
	if !utf8.ValidString(password) {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "the password is not UTF-8, so that it has no key of type " + RC4.String()}
	}
	units := utf16.Encode([]rune(password))
	text := make([]byte, 0, 2*len(units))
	for _, u := range units {
		text = binary.LittleEndian.AppendUint16(text, u)
	}
	defer clear(text)
	clear(units)
	return NTHash(text), nil
}

// NTHash returns the RC4 key for a password in UTF-16LE, which need not be valid: its MD4.
func NTHash(password []byte) []byte {
	h := md4.New()
	_, _ = h.Write(password)
	return h.Sum(nil)
}
