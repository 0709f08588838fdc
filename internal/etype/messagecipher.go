package etype

import (
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"

	"github.com/gosspi/kerberos/status"
)

// MessageCipher is an RC4 key as the per-message tokens of RFC 4757, Section 7 use
// it for what is encrypted. Their checksums are those of usages 13 and 15. It is
// immutable and safe for concurrent use, and prints as redacted under every verb.
// The zero MessageCipher must not be used.
type MessageCipher struct {
	profile *Profile
	secret  **messageKeys // behind two pointers: see veil
}

type messageKeys struct {
	number  hmacKey // derives the keys of sequence numbers
	content hmacKey // derives the keys of messages
}

// contentMask makes the key of what is sealed differ from that of what is not.
const contentMask = 0xf0

// MessageCipher derives the keys. Only a key of RC4 has one.
func (k *Key) MessageCipher() (*MessageCipher, error) {
	if err := k.guard(0); err != nil {
		return nil, err
	}
	if k.profile.construction != rc4HMAC {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "RFC 4757 is not for keys of " + k.profile.name}
	}
	all := &struct { // one allocation
		MessageCipher
		veil[messageKeys]
	}{}
	all.MessageCipher = MessageCipher{profile: k.profile, secret: all.hide()}
	keys := &all.hidden
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

// Number encrypts or decrypts, in place, the field of a sequence number that stands
// beside a checksum.
func (m *MessageCipher) Number(field, checksum []byte) {
	s := m.profile.hash.get()
	defer s.put()
	segs := [1]Segment{{B: field}}
	s.rc4(&(*m.secret).number, checksum, segs[:])
}

// Content encrypts or decrypts, in place, the segments that are not SignOnly, as
// one text that begins with the confounder. number is the token's.
func (m *MessageCipher) Content(number uint32, segs []Segment) {
	s := m.profile.hash.get()
	defer s.put()
	s.rc4(&(*m.secret).content, binary.BigEndian.AppendUint32(s.label[:0], number), segs)
}

// Wipe overwrites the keys. Nobody may use m at the same time or later.
func (m *MessageCipher) Wipe() { **m.secret = messageKeys{} }

// String returns the type and that the rest is redacted.
func (m MessageCipher) String() string { return redacted("MessageCipher", m.profile) }

// Format writes [MessageCipher.String], whatever the verb.
func (m MessageCipher) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue returns [MessageCipher.String].
func (m MessageCipher) LogValue() slog.Value { return slog.StringValue(m.String()) }
