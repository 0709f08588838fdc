package authenticator

import (
	"fmt"
	"io"
)

// Tag is the MAC of an authenticator, by which a [ReplayCache] knows it again. It is no
// key and was sent in clear, but no log needs it, so a Tag prints as redacted. A cache
// reads its bytes as those of any array, such as by r.Tag[:], and may use a Tag as the
// key of a map.
type Tag [24]byte

// Format writes "redacted", whatever the verb.
func (Tag) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "redacted") }

// MarshalText returns "redacted", for encoding/json, encoding/xml and log/slog. There is no
// UnmarshalText: a cache that stores records writes the bytes of the Tag.
func (Tag) MarshalText() ([]byte, error) { return []byte("redacted"), nil }

// Format writes the time stamp of the record alone, whatever the verb.
func (r Record) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "authenticator.Record{"+moment(r.Time.UnixMicro())+"}")
}

// Format writes the type's name alone, whatever the verb.
func (c Checked) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "authenticator.Checked{...}")
}

// Format writes the type's name alone, whatever the verb.
func (v Verified) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "authenticator.Verified{...}")
}
