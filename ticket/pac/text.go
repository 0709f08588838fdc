package pac

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/gosspi/kerberos/internal/ndr"
)

func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// decodeTexts sets each text to its UTF-16LE code units. All texts share one allocation.
func decodeTexts(units [][]byte, texts ...*string) error {
	total := 0
	for _, u := range units {
		total += len(u) / 2 * 3
	}
	if total == 0 {
		return nil
	}
	var ends [8]int
	var few [512]byte // as a rule enough, so that only the text itself is allocated
	all := slices.Grow(few[:0], total)
	for i, u := range units {
		var ok bool
		if all, ok = ndr.AppendUTF8(all, u); !ok {
			return errText
		}
		ends[i] = len(all)
	}
	joined, start := string(all), 0
	for i, t := range texts {
		*t = joined[start:ends[i]]
		start = ends[i]
	}
	return nil
}

// decodeText returns the text of UTF-16LE code units.
func decodeText(units []byte) (string, error) {
	var s string
	err := decodeTexts([][]byte{units}, &s)
	return s, err
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
