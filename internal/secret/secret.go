// Package secret stores secret bytes where printers and encoders do not find them.
//
// Methods alone do not hide a field: fmt calls no method of a value in an unexported
// field, and prints the bytes of a slice or an array there. fmt may also follow one
// pointer past any Format method, with a verb that the type does not have. It never
// follows a pointer to a pointer. encoding/json, encoding/xml, encoding/gob and log/slog
// read exported fields and methods only. Therefore this package keeps
// a secret behind two pointers, in an unexported field.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Veil stores a T and a pointer to it. A struct that embeds a Veil holds the T, the
// pointer and the fields of its owner in one allocation.
type Veil[T any] struct {
	direct *T
	hidden T
}

// Hide returns a pointer to the pointer to v's T. The pointer points into v, so do not
// copy v afterwards.
func (v *Veil[T]) Hide() **T {
	v.direct = &v.hidden
	return &v.direct
}

// Bytes is a secret of any length. Every verb of fmt, encoding/json, encoding/xml and
// log/slog print it as redacted, in exported and in unexported fields; encoding/gob
// refuses it. Copies of a Bytes share one secret. The secret does not change until Wipe,
// and before Wipe all methods are safe for concurrent use. The zero Bytes holds no
// secret.
type Bytes struct{ p **[]byte }

// New returns a secret with a copy of b, and the zero Bytes if b is nil.
func New(b []byte) Bytes {
	if b == nil {
		return Bytes{}
	}
	var v Veil[[]byte]
	p := v.Hide()
	**p = append([]byte{}, b...)
	return Bytes{p}
}

// Bytes returns a copy of the secret, and nil for the zero Bytes.
func (s Bytes) Bytes() []byte {
	if s.p == nil {
		return nil
	}
	return append([]byte{}, **s.p...)
}

// Len returns the length of the secret, in bytes.
func (s Bytes) Len() int {
	if s.p == nil {
		return 0
	}
	return len(**s.p)
}

// IsZero reports whether s is the zero Bytes.
func (s Bytes) IsZero() bool { return s.p == nil }

// Equal reports, in constant time, whether s and o are the same bytes.
func (s Bytes) Equal(o Bytes) bool {
	if s.p == nil || o.p == nil {
		return s.p == o.p
	}
	return subtle.ConstantTimeCompare(**s.p, **o.p) == 1
}

// Wipe overwrites the secret of s and of its copies. No other method of s or of a copy
// may run at the same time.
func (s Bytes) Wipe() {
	if s.p != nil {
		clear(**s.p)
	}
}

const text = "redacted"

// String returns "redacted".
func (Bytes) String() string { return text }

// Format writes "redacted" for every verb.
func (Bytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, text) }

// LogValue returns "redacted".
func (Bytes) LogValue() slog.Value { return slog.StringValue(text) }

// MarshalText returns "redacted".
func (Bytes) MarshalText() ([]byte, error) { return []byte(text), nil }
