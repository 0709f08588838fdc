package etype

import (
	"crypto/cipher"
	"crypto/hmac"
	"fmt"
	"slices"

	"github.com/gosspi/kerberos/status"
)

// maxUsage is the highest key usage number that RFC 4120, Section 7.5.1 reserves.
const maxUsage = 2047

// guard checks the preconditions of every operation, before any cryptography.
func (k *Key) guard(usage uint32) error {
	if k == nil || k.profile == nil {
		return &status.Error{Reason: status.ReasonArgument, Detail: "no key"}
	}
	if usage > maxUsage {
		return &status.Error{Reason: status.ReasonArgument, Detail: fmt.Sprintf("key usage %d", usage)}
	}
	return nil
}

// Decrypt appends the plaintext of ciphertext, without its confounder, to dst and returns
// the extended slice. It does not modify ciphertext, which must not overlap the spare
// capacity of dst.
//
// Decrypt checks the length and the checksum before it returns any plaintext. If either
// check fails, it returns dst unchanged, wipes its spare capacity as far as it was
// written, and returns an error with ReasonWrongKey in both cases, so that callers cannot
// distinguish them.
//
// If dst has enough capacity, Decrypt allocates nothing for a prepared usage, and one key
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
	text, mac := p.split(ciphertext)
	n := len(text) - p.ConfounderLen
	out := slices.Grow(dst, n)[:len(dst)+n]
	confounder := s.confounder[:copy(s.confounder[:p.ConfounderLen], text)]
	copy(out[len(dst):], text[p.ConfounderLen:])
	segs := [2]Segment{{B: confounder}, {B: out[len(dst):]}}
	ke, ki := k.cipherKeys(s, usage)
	if !s.open(p, ke, ki, segs[:], mac) {
		return dst, errWrongKey(p)
	}
	return out, nil
}

// Encrypt appends the ciphertext of plaintext to dst and returns the extended slice.
// confounder must be ConfounderLen random bytes. Neither confounder nor plaintext may
// overlap the spare capacity of dst. An error means that an argument is invalid.
func (k *Key) Encrypt(dst, confounder, plaintext []byte, usage uint32) ([]byte, error) {
	if err := k.guard(usage); err != nil {
		return dst, err
	}
	if len(confounder) != k.profile.ConfounderLen {
		return dst, &status.Error{Reason: status.ReasonInternal, Detail: fmt.Sprintf("a confounder of %d bytes", len(confounder))}
	}
	p := k.profile
	s := p.hash.get()
	defer s.put()
	n := p.ConfounderLen + len(plaintext) + p.ChecksumLen
	out := slices.Grow(dst, n)[:len(dst)+n]
	text, mac := p.split(out[len(dst):])
	copy(text[copy(text, confounder):], plaintext)
	segs := [1]Segment{{B: text}}
	ke, ki := k.cipherKeys(s, usage)
	s.seal(p, ke, ki, segs[:], mac)
	return out, nil
}

// split divides a ciphertext of at least a checksum's length.
func (p *Profile) split(ciphertext []byte) (text, mac []byte) {
	if p.construction == rc4HMAC {
		return ciphertext[p.ChecksumLen:], ciphertext[:p.ChecksumLen]
	}
	n := len(ciphertext) - p.ChecksumLen
	return ciphertext[:n:n], ciphertext[n:]
}

// cipherKeys returns Ke and Ki for a key usage, in the form that seal and open take. If
// the usage is not prepared, ki is nil and s holds Ki until the next derivation on s. For
// RC4, ke is nil and ki is never nil, because RC4 uses Ki twice.
func (k *Key) cipherKeys(s *scratch, usage uint32) (ke cipher.Block, ki *hmacKey) {
	if u := k.find(usage); u != nil {
		d := u.derived()
		return d.ke, &d.ki
	}
	if k.profile.construction == rc4HMAC {
		s.keep(&s.once, k.deriveUsage(s, usage, forIntegrity))
		return nil, &s.once
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
	return s.checksum(k.profile, kc, usage, data)
}

// checksum returns the keyed checksum of the concatenated parts. If kc is nil, s holds
// the key.
func (s *scratch) checksum(p *Profile, kc *hmacKey, usage uint32, parts ...[]byte) []byte {
	if p.construction == rc4HMAC {
		s.digestOf(usage, parts)
		parts = [][]byte{s.sum[:p.hash.stateLen]}
	}
	s.begin(kc)
	for _, b := range parts {
		s.write(b)
	}
	return s.end(kc)[:p.ChecksumLen]
}

// seal encrypts the confidential bytes of segs, which begin with a confounder, in place
// and fills mac, whose length is that of the checksum.
func (s *scratch) seal(p *Profile, ke cipher.Block, ki *hmacKey, segs []Segment, mac []byte) {
	n := confidentialLen(segs)
	switch p.construction {
	case encryptThenMAC:
		s.encrypt(ke, segs, n)
		copy(mac, s.mac(p, ki, segs))
	case rc4HMAC:
		copy(mac, s.mac(p, ki, segs))
		s.rc4(ki, mac, segs)
	default:
		copy(mac, s.mac(p, ki, segs))
		s.encrypt(ke, segs, n)
	}
}

// open decrypts and verifies the output of seal. If it returns false, it has wiped the
// confidential bytes.
func (s *scratch) open(p *Profile, ke cipher.Block, ki *hmacKey, segs []Segment, mac []byte) bool {
	n := confidentialLen(segs)
	switch p.construction {
	case encryptThenMAC:
		if !hmac.Equal(mac, s.mac(p, ki, segs)) {
			wipe(segs)
			return false
		}
		s.decrypt(ke, segs, n)
		return true
	case rc4HMAC:
		s.rc4(ki, mac, segs)
	default:
		s.decrypt(ke, segs, n)
	}
	if !hmac.Equal(mac, s.mac(p, ki, segs)) {
		wipe(segs)
		return false
	}
	return true
}

// mac returns the checksum of the current contents of segs.
func (s *scratch) mac(p *Profile, ki *hmacKey, segs []Segment) []byte {
	s.begin(ki)
	if p.construction == encryptThenMAC {
		// The initial cipher state, which is all zeros (RFC 8009, Section 5).
		clear(s.vector[:])
		s.write(s.vector[:])
	}
	for i := range segs {
		s.write(segs[i].B)
	}
	return s.end(ki)[:p.ChecksumLen]
}

func errWrongKey(p *Profile) error {
	return &status.Error{Reason: status.ReasonWrongKey, Detail: "the " + p.name + " ciphertext is too short, was altered, or was encrypted with a different key or key usage"}
}
