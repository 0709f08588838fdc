package sspi

import (
	"math"
	"time"
)

// TimeStamp is a FILETIME: 100-nanosecond steps since 1601, in UTC.
type TimeStamp struct {
	LowPart  uint32
	HighPart int32
}

const (
	perSecond = int64(time.Second / (100 * time.Nanosecond))

	// Seconds since 1970: where a FILETIME begins, and where it ends.
	fileTimeStart = -11644473600
	fileTimeEnd   = fileTimeStart + math.MaxInt64/perSecond
)

// never, the last FILETIME, is the end of credentials and contexts that do not expire.
var never = TimeStamp{LowPart: 0xFFFFFFFF, HighPart: 0x7FFFFFFF}

// timeStamp returns t in whole units of 100 nanoseconds. A time outside the range of a
// FILETIME becomes the first or the last FILETIME.
func timeStamp(t time.Time) TimeStamp {
	switch s := t.Unix(); {
	case s < fileTimeStart:
		return TimeStamp{}
	case s >= fileTimeEnd:
		return never
	default:
		v := (s-fileTimeStart)*perSecond + int64(t.Nanosecond())/100
		return TimeStamp{LowPart: uint32(v), HighPart: int32(v >> 32)}
	}
}

// Time returns t as a time.Time in UTC.
func (t TimeStamp) Time() time.Time {
	v := int64(t.HighPart)<<32 | int64(t.LowPart)
	return time.Unix(v/perSecond+fileTimeStart, v%perSecond*100).UTC()
}

// In shifts t by the zone's offset at that time, as Windows does where it shows
// a time stamp in local time. The result is for programs that expect local time and no
// longer names an instant. A nil loc is UTC. In returns the last TimeStamp, which means no
// end, unchanged.
func (t TimeStamp) In(loc *time.Location) TimeStamp {
	if loc == nil || t == never {
		return t
	}
	u := t.Time()
	_, offset := u.In(loc).Zone()
	return timeStamp(u.Add(time.Duration(offset) * time.Second))
}
