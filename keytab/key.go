package keytab

import (
	"crypto/rand"
	"fmt"
	"io"
	"sync"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/status"
)

// Key is a service key, session key or subkey. It is immutable and safe for concurrent
// use. A copy of a Key is the same key. A Key prints as redacted under every verb.
//
// The methods of the zero Key that use a key return an error. Compare keys with
// [Key.Equal] and not with ==, which distinguishes two Keys that were made of the same
// bytes.
type Key struct{ k *etype.Key }

// NewKey returns a key with a copy of b. b must have exactly the length that e requires:
// 16 bytes for the AES-128 types and RC4, 32 bytes for the AES-256 types. If b has
// another length or e is not implemented, NewKey returns a *status.Error with
// ReasonETypeRefused.
func NewKey(e EType, b []byte) (Key, error) {
	k, err := etype.New(etype.ID(e), b)
	if err != nil {
		return Key{}, err
	}
	return Key{k}, nil
}

// IsZero reports whether k is the zero Key.
func (k Key) IsZero() bool { return k.k == nil }

// EType returns the encryption type, 0 for the zero Key.
func (k Key) EType() EType {
	if k.k == nil {
		return 0
	}
	return EType(k.k.Profile().ID)
}

// Bytes returns a copy of the key's bytes, or nil for the zero Key. No other method
// returns them.
func (k Key) Bytes() []byte {
	if k.k == nil {
		return nil
	}
	return k.k.Bytes()
}

// Equal reports, in constant time, whether k and o have the same encryption type and the
// same bytes. The zero Key equals no Key, not even itself.
func (k Key) Equal(o Key) bool {
	return k.k != nil && o.k != nil && k.k.Equal(o.k)
}

// Decrypt appends the plaintext of ciphertext (RFC 3961: confounder, plaintext and
// checksum) to dst and returns the extended slice. It checks the length and the checksum
// before it returns plaintext. On failure Decrypt wipes the bytes that it has written
// behind dst and returns an error with ReasonWrongKey. dst must not overlap ciphertext,
// which Decrypt does not modify. usage is a number of RFC 4120, Section 7.5.1.
func (k Key) Decrypt(dst, ciphertext []byte, usage uint32) ([]byte, error) {
	if k.k == nil {
		return dst, errZeroKey()
	}
	return k.k.Decrypt(dst, ciphertext, usage)
}

// confounders keeps the confounder of Encrypt off the heap, because a buffer that is
// passed to an io.Reader escapes.
var confounders = sync.Pool{New: func() any { return new([etype.MaxConfounderLen]byte) }}

// Encrypt appends the ciphertext of plaintext to dst and returns the extended slice. It
// reads the confounder (16 bytes, 8 bytes with RC4) from random, or from
// crypto/rand.Reader if random is nil. dst must not overlap plaintext.
func (k Key) Encrypt(random io.Reader, dst, plaintext []byte, usage uint32) ([]byte, error) {
	if k.k == nil {
		return dst, errZeroKey()
	}
	if random == nil {
		random = rand.Reader
	}
	room := confounders.Get().(*[etype.MaxConfounderLen]byte)
	defer confounders.Put(room)
	c := room[:k.k.Profile().ConfounderLen]
	if _, err := io.ReadFull(random, c); err != nil {
		return dst, &status.Error{Reason: status.ReasonInternal, Detail: "the random source for the confounder failed", Err: err}
	}
	return k.k.Encrypt(dst, c, plaintext, usage)
}

// VerifyChecksum verifies, in constant time, that sum is the checksum of data. sumType
// must be the checksum type of the key's encryption type, so a peer cannot choose a
// weaker type. If the verification fails, VerifyChecksum returns a *status.Error with
// ReasonBadChecksum.
func (k Key) VerifyChecksum(sumType int32, sum, data []byte, usage uint32) error {
	switch {
	case k.k == nil:
		return errZeroKey()
	case sumType != k.k.Profile().ChecksumType:
		return &status.Error{Reason: status.ReasonBadChecksum, Detail: fmt.Sprintf("checksum type %d does not belong to a key of %v", sumType, k.EType())}
	case !k.k.VerifyChecksum(sum, data, usage):
		return &status.Error{Reason: status.ReasonBadChecksum, Detail: "the checksum does not match the data and the key"}
	}
	return nil
}

// text returns the encryption type and the word "redacted".
func (k Key) text() string {
	if k.k == nil {
		return "keytab.Key(none)"
	}
	return "keytab.Key(" + k.EType().String() + ", redacted)"
}

// Format writes the encryption type and the word "redacted", whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.text()) }

func errZeroKey() error {
	return &status.Error{Reason: status.ReasonArgument, Detail: "the zero Key cannot be used"}
}
