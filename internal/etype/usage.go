package etype

import (
	"crypto/cipher"
	"crypto/hmac"
	"fmt"
	"io"
	"log/slog"

	"github.com/gosspi/kerberos/internal/secret"
	"github.com/gosspi/kerberos/status"
)

// Usage is one usage of a key with its three keys derived, for the messages of a
// context (RFC 4121). It is immutable and safe for concurrent use. It prints as
// redacted under every verb. The zero Usage must not be used.
type Usage struct {
	profile *Profile
	secret  **derived // behind two pointers: see package secret
}

type derived struct {
	number uint32
	ke     cipher.Block
	ki, kc hmacKey
}

// Usage derives the keys of a usage, unless it is prepared.
func (k *Key) Usage(usage uint32) (*Usage, error) {
	if err := k.guard(usage); err != nil {
		return nil, err
	}
	if u := k.find(usage); u != nil {
		return u, nil
	}
	return k.newUsage(usage), nil
}

func (k *Key) newUsage(usage uint32) *Usage {
	all := &struct { // one allocation
		Usage
		secret.Veil[derived]
	}{}
	all.Usage = Usage{profile: k.profile, secret: all.Hide()}
	d := *all.secret
	d.number = usage
	s := k.profile.hash.get()
	defer s.put()
	if k.profile.construction != rc4HMAC {
		d.ke = newCipher(k.deriveUsage(s, usage, forEncryption))
	}
	s.keep(&d.ki, k.deriveUsage(s, usage, forIntegrity))
	s.keep(&d.kc, k.deriveUsage(s, usage, forChecksum))
	return &all.Usage
}

func (u *Usage) derived() *derived { return *u.secret }

// Profile returns the profile of the key's type.
func (u *Usage) Profile() *Profile { return u.profile }

// Seal encrypts the segments that are not SignOnly in place, as one text that
// begins with the confounder, and fills mac, of exactly ChecksumLen bytes, with
// the checksum of all segments in order: in 17, 18 and 23 of the plaintext, in 19
// and 20 of the ciphertext. No two segments, nor mac, may overlap. The error is
// of the caller's making, and then nothing was changed.
func (u *Usage) Seal(segs []Segment, mac []byte) error {
	if len(mac) != u.profile.ChecksumLen || confidentialLen(segs) < u.profile.ConfounderLen {
		return &status.Error{Reason: status.ReasonInternal, Detail: "no room for confounder and checksum"}
	}
	s := u.profile.hash.get()
	defer s.put()
	s.seal(u.profile, u.derived().ke, &u.derived().ki, segs, mac)
	return nil
}

// Open is the inverse of [Usage.Seal]. If lengths or checksum are wrong, the
// error has ReasonMessageAltered and all segments that are not SignOnly are
// zeroed.
func (u *Usage) Open(segs []Segment, mac []byte) error {
	if len(mac) != u.profile.ChecksumLen || confidentialLen(segs) < u.profile.ConfounderLen {
		wipe(segs)
		return errAltered()
	}
	s := u.profile.hash.get()
	defer s.put()
	if !s.open(u.profile, u.derived().ke, &u.derived().ki, segs, mac) {
		return errAltered()
	}
	return nil
}

// Sum appends the keyed checksum of all parts, as one text, to dst.
func (u *Usage) Sum(dst []byte, parts ...[]byte) []byte {
	s := u.profile.hash.get()
	defer s.put()
	return append(dst, u.sum(s, parts)...)
}

// Verify reports, in constant time, whether sum is the whole keyed checksum of
// all parts.
func (u *Usage) Verify(sum []byte, parts ...[]byte) bool {
	s := u.profile.hash.get()
	defer s.put()
	return hmac.Equal(sum, u.sum(s, parts))
}

func (u *Usage) sum(s *scratch, parts [][]byte) []byte {
	d := u.derived()
	return s.checksum(u.profile, &d.kc, d.number, parts...)
}

// Wipe overwrites the derived keys, as [Key.Wipe] does for prepared usages. No caller may
// use u at the same time or later.
func (u *Usage) Wipe() { *u.derived() = derived{} }

// String returns the encryption type and the word "redacted".
func (u Usage) String() string { return redacted("Usage", u.profile) }

// Format writes [Usage.String], whatever the verb.
func (u Usage) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, u.String()) }

// LogValue returns [Usage.String].
func (u Usage) LogValue() slog.Value { return slog.StringValue(u.String()) }

func errAltered() error {
	return &status.Error{Reason: status.ReasonMessageAltered, Detail: "a sealed message"}
}
