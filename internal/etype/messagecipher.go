package etype

import (
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"

	"github.com/gosspi/kerberos/internal/secret"
	"github.com/gosspi/kerberos/status"
)

// MessageCipher encrypts and decrypts the confidential parts of the per-message tokens of
// RFC 4757, Section 7. The checksums of these tokens use key usages 13 and 15. A
// MessageCipher is immutable and safe for concurrent use, and prints redacted under every
// verb. The zero MessageCipher must not be used.
type MessageCipher struct {
	profile *Profile
	secret  **messageKeys // behind two pointers: see package secret
}

type messageKeys struct {
	number  hmacKey // derives the keys for sequence numbers
	content hmacKey // derives the keys for messages
}

// contentMask makes the key for message contents differ from the key for sequence
// numbers.
const contentMask = 0xf0

// MessageCipher derives the keys of a MessageCipher. It fails unless k is an RC4 key.
func (k *Key) MessageCipher() (*MessageCipher, error) {
	if err := k.guard(0); err != nil {
		return nil, err
	}
	if k.profile.construction != rc4HMAC {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "RFC 4757 does not apply to keys of type " + k.profile.name}
	}
	all := &struct { // one allocation
		MessageCipher
		secret.Veil[messageKeys]
	}{}
	all.MessageCipher = MessageCipher{profile: k.profile, secret: all.Hide()}
	keys := *all.secret
	s := k.profile.hash.get()
	defer s.put()
	zero := s.vector[:4]
	s.keep(&keys.number, s.derived(&k.material().hmac, zero))
	local := s.key[:k.profile.KeyLen]
	copy(local, k.material().raw[:])
	for i := range local {
		local[i] ^= contentMask
	}
	s.keep(&s.once, local)
	s.keep(&keys.content, s.derived(&s.once, zero))
	return &all.MessageCipher, nil
}

// Number encrypts or decrypts, in place, the sequence number field of a token with the
// given checksum.
func (m *MessageCipher) Number(field, checksum []byte) {
	s := m.profile.hash.get()
	defer s.put()
	segs := [1]Segment{{B: field}}
	s.rc4(&(*m.secret).number, checksum, segs[:])
}

// Content encrypts or decrypts, in place, the segments that are not SignOnly, as one text
// that begins with the confounder. number is the sequence number of the token.
func (m *MessageCipher) Content(number uint32, segs []Segment) {
	s := m.profile.hash.get()
	defer s.put()
	s.rc4(&(*m.secret).content, binary.BigEndian.AppendUint32(s.label[:0], number), segs)
}

// Wipe overwrites the keys. m must not be used concurrently or afterwards.
func (m *MessageCipher) Wipe() { **m.secret = messageKeys{} }

// String returns the type and that the rest is redacted.
func (m MessageCipher) String() string { return redacted("MessageCipher", m.profile) }

// Format writes [MessageCipher.String], whatever the verb.
func (m MessageCipher) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue returns [MessageCipher.String].
func (m MessageCipher) LogValue() slog.Value { return slog.StringValue(m.String()) }
