// Package secret keeps bytes that must not be printed where no printer finds them.
//
// Methods alone do not hide a field: fmt calls no method of a value in an unexported
// field, and prints the bytes of a slice or an array there. fmt may also follow one
// pointer past any Format method, with a verb that the type does not have. It never
// follows a pointer to a pointer. encoding/json, encoding/xml, encoding/gob and log/slog
// read exported fields and methods only. So a secret lies behind two pointers, in an
// unexported field.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Veil keeps a T behind two pointers. Owner, pointer and T lie in one struct, so that a
// Veil costs no allocation of its own.
type Veil[T any] struct {
	direct *T
	hidden T
}

// Hide returns the way to v's T. It follows v, which must not be copied afterwards.
func (v *Veil[T]) Hide() **T {
	v.direct = &v.hidden
	return &v.direct
}

// Bytes is a secret of any length. Every verb of fmt, encoding/json, encoding/xml and
// log/slog print it as redacted, in exported and in unexported fields; encoding/gob
// refuses it. Copies share one secret, which is immutable until Wipe; then it is safe
// for concurrent use. The zero Bytes is no secret.
type Bytes struct{ p **[]byte }

// New returns a secret with a copy of b; the zero Bytes if b is nil.
func New(b []byte) Bytes {
	if b == nil {
		return Bytes{}
	}
	var v Veil[[]byte]
	p := v.Hide()
	**p = append([]byte{}, b...)
	return Bytes{p}
}

// Bytes returns a copy of the secret; nil for the zero Bytes.
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

// Wipe overwrites the secret, in all copies of s. Nobody may use them at the same time.
func (s Bytes) Wipe() {
	if s.p != nil {
		clear(**s.p)
	}
}

const text = "redacted"

// String returns "redacted".
func (Bytes) String() string { return text }

// Format writes "redacted", whatever the verb.
func (Bytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, text) }

// LogValue returns "redacted".
func (Bytes) LogValue() slog.Value { return slog.StringValue(text) }

// MarshalText returns "redacted".
func (Bytes) MarshalText() ([]byte, error) { return []byte(text), nil }
