package etype

import (
	"crypto/cipher"
	"crypto/hmac"
	"fmt"
	"slices"

	"github.com/gosspi/kerberos/status"
)

// maxUsage is the last key usage number that RFC 4120, Section 7.5.1 gives out.
const maxUsage = 2047

// guard is what every operation demands, before any cryptography.
func (k *Key) guard(usage uint32) error {
	if k == nil || k.profile == nil {
		return &status.Error{Reason: status.ReasonArgument, Detail: "no key"}
	}
	if usage > maxUsage {
		return &status.Error{Reason: status.ReasonArgument, Detail: fmt.Sprintf("key usage %d", usage)}
	}
	return nil
}

// Decrypt appends the plaintext of ciphertext, without its confounder, to dst
// and returns it all. ciphertext is not modified and must not overlap the room
// behind dst.
//
// The length is checked first, then the checksum; there is no plaintext before.
// If either fails, dst is returned as it was, what was written behind it is
// wiped, and the error has ReasonWrongKey: which of the two it was, nobody can
// tell from the result.
//
// Where dst has room it allocates nothing for a prepared usage, and one key
// schedule otherwise.
func (k *Key) Decrypt(dst, ciphertext []byte, usage uint32) ([]byte, error) {
	if err := k.guard(usage); err != nil {
		return dst, err
	}
	p := k.profile
	if len(ciphertext) < p.MinCiphertext {
		return dst, errWrongKey(p)
	}
	s := p.hash.get()
	defer s.put()
	n := len(ciphertext) - p.ChecksumLen - ConfounderLen
	out := slices.Grow(dst, n)[:len(dst)+n]
	copy(s.confounder[:], ciphertext)
	copy(out[len(dst):], ciphertext[ConfounderLen:])
	segs := [2]Segment{{B: s.confounder[:]}, {B: out[len(dst):]}}
	ke, ki := k.cipherKeys(s, usage)
	if !s.open(p, ke, ki, segs[:], ciphertext[ConfounderLen+n:]) {
		return dst, errWrongKey(p)
	}
	return out, nil
}

// Encrypt appends the ciphertext of plaintext to dst and returns it all.
// confounder is ConfounderLen bytes of the caller's randomness. Neither may
// overlap the room behind dst. The error is of the caller's making.
func (k *Key) Encrypt(dst, confounder, plaintext []byte, usage uint32) ([]byte, error) {
	if err := k.guard(usage); err != nil {
		return dst, err
	}
	if len(confounder) != ConfounderLen {
		return dst, &status.Error{Reason: status.ReasonInternal, Detail: fmt.Sprintf("a confounder of %d bytes", len(confounder))}
	}
	p := k.profile
	s := p.hash.get()
	defer s.put()
	start := len(dst)
	dst = slices.Grow(dst, ConfounderLen+len(plaintext)+p.ChecksumLen)
	dst = append(append(dst, confounder...), plaintext...)
	segs := [1]Segment{{B: dst[start:]}}
	end := len(dst)
	dst = dst[:end+p.ChecksumLen]
	ke, ki := k.cipherKeys(s, usage)
	s.seal(p, ke, ki, segs[:], dst[end:])
	return dst, nil
}

// cipherKeys returns Ke and Ki of a usage as seal and open take them: where the
// usage is not prepared, Ki is nil and s holds it, up to its next derivation.
func (k *Key) cipherKeys(s *scratch, usage uint32) (ke cipher.Block, ki *hmacKey) {
	if u := k.find(usage); u != nil {
		d := u.derived()
		return d.ke, &d.ki
	}
	ke = newCipher(k.deriveUsage(s, usage, forEncryption))
	s.setKey(k.deriveUsage(s, usage, forIntegrity))
	return ke, nil
}

// Checksum appends the keyed checksum of data to dst (RFC 3961, Section 4).
func (k *Key) Checksum(dst, data []byte, usage uint32) ([]byte, error) {
	if err := k.guard(usage); err != nil {
		return dst, err
	}
	s := k.profile.hash.get()
	defer s.put()
	return append(dst, k.checksum(s, data, usage)...), nil
}

// VerifyChecksum reports, in constant time, whether sum is the whole keyed
// checksum of data.
func (k *Key) VerifyChecksum(sum, data []byte, usage uint32) bool {
	if k.guard(usage) != nil || len(sum) != k.profile.ChecksumLen {
		return false
	}
	s := k.profile.hash.get()
	defer s.put()
	return hmac.Equal(sum, k.checksum(s, data, usage))
}

func (k *Key) checksum(s *scratch, data []byte, usage uint32) []byte {
	var kc *hmacKey
	if u := k.find(usage); u != nil {
		kc = &u.derived().kc
	} else {
		s.setKey(k.deriveUsage(s, usage, forChecksum))
	}
	s.begin(kc)
	s.write(data)
	return s.end(kc)[:k.profile.ChecksumLen]
}

// seal encrypts the confidential bytes of segs, at least a confounder, in place,
// and fills mac, which has the checksum's length.
func (s *scratch) seal(p *Profile, ke cipher.Block, ki *hmacKey, segs []Segment, mac []byte) {
	n := confidentialLen(segs)
	if p.construction == encryptThenMAC {
		s.encrypt(ke, segs, n)
		copy(mac, s.mac(p, ki, segs))
		return
	}
	copy(mac, s.mac(p, ki, segs))
	s.encrypt(ke, segs, n)
}

// open is the inverse of seal. If it is false, the confidential bytes are wiped.
func (s *scratch) open(p *Profile, ke cipher.Block, ki *hmacKey, segs []Segment, mac []byte) bool {
	n := confidentialLen(segs)
	if p.construction == encryptThenMAC {
		if !hmac.Equal(mac, s.mac(p, ki, segs)) {
			wipe(segs)
			return false
		}
		s.decrypt(ke, segs, n)
		return true
	}
	s.decrypt(ke, segs, n)
	if !hmac.Equal(mac, s.mac(p, ki, segs)) {
		wipe(segs)
		return false
	}
	return true
}

// mac is the checksum of segs as they stand.
func (s *scratch) mac(p *Profile, ki *hmacKey, segs []Segment) []byte {
	s.begin(ki)
	if p.construction == encryptThenMAC {
		// The cipher state that the message began with (RFC 8009, Section 5).
		clear(s.vector[:])
		s.write(s.vector[:])
	}
	for i := range segs {
		s.write(segs[i].B)
	}
	return s.end(ki)[:p.ChecksumLen]
}

func errWrongKey(p *Profile) error {
	return &status.Error{Reason: status.ReasonWrongKey, Detail: "a ciphertext of " + p.name + " is too short, altered, or of another key or usage"}
}
