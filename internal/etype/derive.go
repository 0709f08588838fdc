package etype

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// Purposes of derived keys: the last byte of the derivation constant (RFC 3961,
// Section 5.3; RFC 8009, Section 5).
const (
	forChecksum   = 0x99 // Kc
	forEncryption = 0xAA // Ke
	forIntegrity  = 0x55 // Ki
)

// labelStringToKey is the label of the key that string-to-key derives, which has no key
// usage.
const labelStringToKey = "kerberos"

// deriveUsage returns the key for one purpose of a key usage. The result is valid until
// the next use of s.
func (k *Key) deriveUsage(s *scratch, usage uint32, purpose byte) []byte {
	if k.profile.construction == rc4HMAC {
		return k.deriveRC4(s, usage, purpose)
	}
	label := s.label[:5]
	binary.BigEndian.PutUint32(label, usage)
	label[4] = purpose
	n := k.profile.macKeyLen
	if purpose == forEncryption {
		n = k.profile.KeyLen
	}
	return k.derive(s, label, n)
}

// derive returns the key of n bytes for a label. The result is valid until the next use
// of s.
func (k *Key) derive(s *scratch, label []byte, n int) []byte {
	if k.profile.construction == encryptThenMAC {
		return k.kdf(s, label, nil, n)
	}
	// DK of RFC 3961, Section 5.1, with the identity as random-to-key (RFC 3962,
	// Section 6): the folded label is encrypted repeatedly until n bytes are filled.
	fold(&s.vector, label)
	base, out, from := k.material().base, s.key[:n], s.vector[:]
	for i := 0; i < n; i += aes.BlockSize {
		base.Encrypt(out[i:i+aes.BlockSize], from)
		from = out[i : i+aes.BlockSize]
	}
	return out
}

// kdf computes KDF-HMAC-SHA2 of RFC 8009, Section 3 with n bytes of output. A single hash
// has at least n bytes.
func (k *Key) kdf(s *scratch, label, context []byte, n int) []byte {
	h := &k.material().hmac
	s.begin(h)
	m := binary.BigEndian.AppendUint32(s.label[8:8], 1)
	s.write(m)
	s.write(label)
	m = append(m[:0], 0)
	s.write(m)
	s.write(context)
	s.write(binary.BigEndian.AppendUint32(m[:0], uint32(8*n)))
	return s.key[:copy(s.key[:], s.end(h)[:n])]
}

// newCipher returns the AES cipher of key, whose length the caller has checked.
func newCipher(key []byte) cipher.Block {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("etype: unreachable: " + err.Error()) // it tells the length only
	}
	return block
}
