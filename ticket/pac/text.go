package pac

import (
	"encoding/binary"
	"time"

	"github.com/gosspi/kerberos/internal/ndr"
)

func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// decodeText returns the text of UTF-16LE code units.
func decodeText(units []byte) (string, error) {
	text, ok := ndr.AppendUTF8(nil, units)
	if !ok {
		return "", errText
	}
	return string(text), nil
}

// Limits of FILETIME values with a meaning.
const (
	neverFileTime = 1<<63 - 1
	unixFileTime  = 116444736000000000 // 1970-01-01 in 100-nanosecond intervals since 1601
	ticks         = 10_000_000         // in a second
)

// fileTime converts a FILETIME. It returns the zero Time for 0 and for "never".
func fileTime(t uint64) time.Time {
	if t == 0 || t >= neverFileTime {
		return time.Time{}
	}
	since := int64(t) - unixFileTime
	seconds, rest := since/ticks, since%ticks
	return time.Unix(seconds, rest*100).UTC()
}

// toFileTime converts a time in whole seconds, as a ticket has them.
func toFileTime(t time.Time) uint64 { return uint64(t.Unix()*ticks + unixFileTime) }
