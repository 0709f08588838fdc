package etype

import (
	"crypto/aes"

	"github.com/gosspi/kerberos/status"
)

const labelPRF = "prf"

// PRF appends the output of the pseudo-random function to dst: 16 bytes for 17
// and 18 (RFC 3962, Section 6), 32 for 19 and 48 for 20 (RFC 8009, Section 5).
// It fails for a wiped key, and for RC4, for which RFC 4757 defines no such function.
func (k *Key) PRF(dst, in []byte) ([]byte, error) {
	if err := k.guard(0); err != nil {
		return dst, err
	}
	if k.profile.prfLen == 0 {
		return dst, &status.Error{Reason: status.ReasonETypeRefused, Detail: k.profile.name + " has no pseudo-random function"}
	}
	s := k.profile.hash.get()
	defer s.put()
	label := s.label[:copy(s.label[:], labelPRF)]
	if k.profile.construction == encryptThenMAC {
		return append(dst, k.kdf(s, label, in, k.profile.prfLen)...), nil
	}
	block := newCipher(k.derive(s, label, k.profile.KeyLen))
	s.digest.Reset()
	s.write(in)
	// The hash is truncated to whole blocks, here one block.
	out := s.digest.Sum(s.sum[:0])[:aes.BlockSize]
	block.Encrypt(out, out)
	return append(dst, out...), nil
}
