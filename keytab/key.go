package keytab

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/status"
)

// Key is a service, session or sub key. It is immutable, safe for concurrent
// use and copied freely: copies are the same key. It prints as redacted under
// every verb.
//
// The zero Key is no key; what it is asked to do fails. Keys are compared with
// [Key.Equal], not with ==, which tells copies of one Key from another Key of
// the same bytes.
type Key struct{ k *etype.Key }

// NewKey makes a key of b, which it copies. b must have exactly the length that
// e demands: 16 bytes for the AES-128 types and RC4, 32 for the AES-256 types. Its
// error, for another length or a type that is not implemented, is a
// *status.Error with ReasonETypeRefused.
func NewKey(e EType, b []byte) (Key, error) {
	k, err := etype.New(etype.ID(e), b)
	if err != nil {
		return Key{}, err
	}
	return Key{k}, nil
}

// IsZero reports whether k is no key.
func (k Key) IsZero() bool { return k.k == nil }

// EType returns the encryption type, 0 for the zero Key.
func (k Key) EType() EType {
	if k.k == nil {
		return 0
	}
	return EType(k.k.Profile().ID)
}

// Bytes returns a copy of the secret, nil for the zero Key. It is the only way
// out.
func (k Key) Bytes() []byte {
	if k.k == nil {
		return nil
	}
	return k.k.Bytes()
}

// Equal reports, in constant time, whether k and o are of one encryption type
// and one secret. The zero Key equals none, not even itself.
func (k Key) Equal(o Key) bool {
	return k.k != nil && o.k != nil && k.k.Equal(o.k)
}

// Decrypt appends the plaintext of ciphertext (RFC 3961: confounder, plaintext
// and checksum) to dst and returns it all. The length is checked first, the
// checksum second, and only then is there plaintext; on failure what was
// written behind dst is wiped, and the error has ReasonWrongKey. dst must not
// overlap ciphertext, which is not modified. usage is a number of RFC 4120,
// Section 7.5.1.
func (k Key) Decrypt(dst, ciphertext []byte, usage uint32) ([]byte, error) {
	if k.k == nil {
		return dst, errZeroKey()
	}
	return k.k.Decrypt(dst, ciphertext, usage)
}

// confounders keeps the confounder of Encrypt off the heap: what an io.Reader
// is given escapes.
var confounders = sync.Pool{New: func() any { return new([etype.MaxConfounderLen]byte) }}

// Encrypt appends the ciphertext of plaintext to dst and returns it all. It
// reads the confounder, 16 bytes and in RC4 8, from random, crypto/rand.Reader if
// that is nil. dst must not overlap plaintext.
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
		return dst, &status.Error{Reason: status.ReasonInternal, Detail: "no randomness for a confounder", Err: err}
	}
	return k.k.Encrypt(dst, c, plaintext, usage)
}

// Checksum appends the keyed checksum of data to dst and returns it all. It is
// of the type that belongs to the key's encryption type (RFC 3961, Section 4).
func (k Key) Checksum(dst, data []byte, usage uint32) ([]byte, error) {
	if k.k == nil {
		return dst, errZeroKey()
	}
	return k.k.Checksum(dst, data, usage)
}

// VerifyChecksum checks, in constant time, that sum is the checksum of data.
// sumType must be the type that belongs to the key: there is no choice, so that
// nobody can ask for a weaker one. Failure is a *status.Error with
// ReasonBadChecksum.
func (k Key) VerifyChecksum(sumType int32, sum, data []byte, usage uint32) error {
	switch {
	case k.k == nil:
		return errZeroKey()
	case sumType != k.k.Profile().ChecksumType:
		return &status.Error{Reason: status.ReasonBadChecksum, Detail: fmt.Sprintf("checksum type %d does not belong to a key of %v", sumType, k.EType())}
	case !k.k.VerifyChecksum(sum, data, usage):
		return &status.Error{Reason: status.ReasonBadChecksum, Detail: "the checksum is of other data, or of another key"}
	}
	return nil
}

// String returns the encryption type and that the rest is redacted.
func (k Key) String() string {
	if k.k == nil {
		return "keytab.Key(none)"
	}
	return "keytab.Key(" + k.EType().String() + ", redacted)"
}

// Format writes [Key.String], whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue returns [Key.String].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

func errZeroKey() error {
	return &status.Error{Reason: status.ReasonArgument, Detail: "the zero Key was used"}
}
