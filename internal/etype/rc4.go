package etype

import (
	"crypto/rc4"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/md4" //lint:ignore SA1019 RFC 4757, Section 2 has it so

	"github.com/gosspi/kerberos/status"
)

// labelSignature is what the key of RC4's checksums is derived with, its final
// zero included (RFC 4757, Section 4).
const labelSignature = "signaturekey\x00"

// messageType is the number that stands for a key usage in RC4 (RFC 4757, Section
// 3), in the encoding that is hashed. That of 9, where the RFC and Windows differ,
// follows Windows; no acceptor needs it.
func messageType(dst []byte, usage uint32) []byte {
	switch usage {
	case 3:
		usage = 8
	case 23:
		usage = 13
	}
	return binary.LittleEndian.AppendUint32(dst, usage)
}

// deriveRC4 is deriveUsage for RC4: the key of a message type, or of all
// checksums. RFC 4757 has names for two keys of a message type, K1 and K2, but they
// are the same.
func (k *Key) deriveRC4(s *scratch, usage uint32, purpose byte) []byte {
	label := s.label[:0]
	if purpose == forChecksum {
		label = append(label, labelSignature...)
	} else {
		label = messageType(label, usage)
	}
	return s.derived(&k.material().hmac, label)
}

// derived is the HMAC of label as a key. It is valid until s is used again.
func (s *scratch) derived(h *hmacKey, label []byte) []byte {
	s.begin(h)
	s.write(label)
	return s.key[:copy(s.key[:], s.end(h))]
}

// digestOf leaves in s.sum the hash that RC4's checksum is the HMAC of (RFC 4757,
// Section 4).
func (s *scratch) digestOf(usage uint32, parts [][]byte) {
	s.digest.Reset()
	s.write(messageType(s.label[:0], usage))
	for _, b := range parts {
		s.write(b)
	}
	s.digest.Sum(s.sum[:0])
}

// rc4 encrypts or decrypts the confidential bytes of segs in place, with the key
// that label, which is a checksum or a sequence number, stands for.
func (s *scratch) rc4(h *hmacKey, label []byte, segs []Segment) {
	stream, err := rc4.NewCipher(s.derived(h, label))
	if err != nil {
		panic("etype: unreachable: " + err.Error()) // lengths, and FIPS mode: see Lookup
	}
	for i := range segs {
		if b := segs[i].B; !segs[i].SignOnly {
			stream.XORKeyStream(b, b)
		}
	}
	*stream = rc4.Cipher{}
}

// ntHash is RC4's key of a password: MD4 over UTF-16 in little-endian.
func ntHash(password string) ([]byte, error) {
	if !utf8.ValidString(password) {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "a password that is not UTF-8 has no key of " + RC4.String()}
	}
	units := utf16.Encode([]rune(password))
	text := make([]byte, 0, 2*len(units))
	for _, u := range units {
		text = binary.LittleEndian.AppendUint16(text, u)
	}
	h := md4.New()
	_, _ = h.Write(text)
	clear(units)
	clear(text)
	return h.Sum(nil), nil
}
