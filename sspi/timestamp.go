package sspi

import "time"

// TimeStamp is a FILETIME: 100-nanosecond steps since 1601, in UTC.
type TimeStamp struct {
	LowPart  uint32
	HighPart int32
}

const (
	// unixEpoch is 1970 in a FILETIME.
	unixEpoch = 116444736000000000
	ticks     = 100 * time.Nanosecond
)

// never is the time of what does not expire: the last FILETIME.
var never = TimeStamp{LowPart: 0xFFFFFFFF, HighPart: 0x7FFFFFFF}

func timeStamp(t time.Time) TimeStamp {
	// Within years 1601 to 9999, all that a KerberosTime can say, this neither
	// overflows nor is negative.
	v := t.Unix()*int64(time.Second/ticks) + int64(t.Nanosecond())/int64(ticks) + unixEpoch
	if v < 0 {
		v = 0
	}
	return TimeStamp{LowPart: uint32(v), HighPart: int32(v >> 32)}
}

// Time is t as a time.Time in UTC.
func (t TimeStamp) Time() time.Time {
	v := int64(t.HighPart)<<32 | int64(t.LowPart)
	perSecond := int64(time.Second / ticks)
	v -= unixEpoch
	return time.Unix(v/perSecond, v%perSecond*int64(ticks)).UTC()
}

// In shifts t by the zone's offset at that time, as Windows does where it shows
// a time stamp in local time. The result is for such programs and not an
// instant any more.
func (t TimeStamp) In(loc *time.Location) TimeStamp {
	u := t.Time()
	_, offset := u.In(loc).Zone()
	return timeStamp(u.Add(time.Duration(offset) * time.Second))
}
