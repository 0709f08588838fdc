package krb5

import (
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// Time is a KerberosTime (RFC 4120, Section 5.2.3): seconds since 1970, UTC. The
// zero Time is an absent one.
type Time struct {
	Unix int64
	Set  bool
}

const (
	secondsPerDay = 24 * 60 * 60
	// The first and the last second of the years that have four digits.
	minTime = -62167219200 // 0000-01-01 00:00:00
	maxTime = 253402300799 // 9999-12-31 23:59:59
	timeLen = len("YYYYMMDDHHMMSSZ")
)

func (r *reader) optionalTime(n uint8, v *Time) bool {
	return !r.present(n, &v.Set) || r.unix(n, &v.Unix)
}

func (r *reader) time(n uint8, v *Time) bool {
	v.Set = true
	return r.unix(n, &v.Unix)
}

func (r *reader) unix(n uint8, v *int64) bool {
	var c reader
	if !r.field(n, &c, asn1.GeneralizedTime) {
		return false
	}
	t, ok := parseTime(c)
	*v = t
	return ok
}

// parseTime reads YYYYMMDDHHMMSSZ only: no fraction, no offset, no leap second. It does
// not use package time, which takes ten times as long and would dominate the time of
// reading a ticket.
func parseTime(b []byte) (unix int64, ok bool) {
	if len(b) != timeLen || b[timeLen-1] != 'Z' {
		return 0, false
	}
	var digits [timeLen - 1]int
	for i := range digits {
		d := b[i] - '0'
		if d > 9 {
			return 0, false
		}
		digits[i] = int(d)
	}
	two := func(i int) int { return digits[i]*10 + digits[i+1] }
	year, month, day := two(0)*100+two(2), two(4), two(6)
	hour, minute, second := two(8), two(10), two(12)
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	return int64(daysSince1970(year, month, day))*secondsPerDay + int64(hour*3600+minute*60+second), true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSince1970 counts days in the Gregorian calendar. It lets the year begin in March, so
// that a leap day is the last day of its year.
func daysSince1970(year, month, day int) int {
	if month < 3 {
		year--
		month += 12
	}
	year += 400 // year 0 begins in March of the year before: no division below zero
	const before1970 = 719468 + 146097
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - before1970
}

// time writes t, or the nearest time whose year has four digits.
func (w *writer) time(n uint8, unix int64) {
	var b [timeLen]byte
	t := time.Unix(min(max(unix, minTime), maxTime), 0).UTC()
	w.wrapped(n, asn1.GeneralizedTime, t.AppendFormat(b[:0], "20060102150405Z"))
}

func (w *writer) optionalTime(n uint8, t Time) {
	if t.Set {
		w.time(n, t.Unix)
	}
}
