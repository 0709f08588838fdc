package krb5_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// atTime is an EncAPRepPart whose ctime is text.
func atTime(text string) []byte {
	return der(0x7b, der(0x30, der(0xa0, der(24, []byte(text))), der(0xa1, derInt(0))))
}

// TestPARSE_12_OneForm refuses everything that a GeneralizedTime may be and a
// KerberosTime may not (RFC 4120, Section 5.2.3), and what is no time.
func TestPARSE_12_OneForm(t *testing.T) {
	for _, text := range []string{
		"", "Z", "2031051708301Z", "203105170830Z", "20310517083015", "20310517083015z",
		"20310517083015+0000", "20310517083015+0100", "20310517083015-0000", "2031051708+01",
		"20310517083015.0Z", "20310517083015.25Z", "20310517083015,5Z", "20310517083015ZZ", "020310517083015Z",
		"310517083015Z", " 0310517083015Z", "2031051708301 Z", "+0310517083015Z", "-0310517083015Z", "203105170830-1Z",
		"2031-05-17 8:30Z", "2031051708301\x00Z", "2031051708301\xb5Z", "2031051708301/Z", "2031051708301:Z",
		"20310017083015Z", "20311317083015Z", "20319917083015Z", "20310500083015Z", "20310532083015Z",
		"20310431083015Z", "20310631083015Z", "20310931083015Z", "20311131083015Z", "20310230083015Z",
		"20310229083015Z", "21000229083015Z", "19000229083015Z", // not leap years
		"20310517240000Z", "20310517083060Z", "20310517086015Z", "20310517083099Z", "20310517996015Z",
		"20161231235960Z", // a leap second
	} {
		refused(t, text, new(krb5.EncAPRepPart), atTime(text))
	}
	for _, tag := range []byte{23, 22, 27, 12, 4} { // UTCTime, strings
		b, _ := replaced(t, atTime("20310517083015Z"), "7b 30 a0 18", der(tag, []byte("20310517083015Z")))
		refused(t, "another type", new(krb5.EncAPRepPart), b)
	}
}

// TestPARSE_12_Calendar compares every day of 801 years, and the first and last
// seconds of all others that four digits can say, with package time.
func TestPARSE_12_Calendar(t *testing.T) {
	b := atTime("20310517083015Z")
	at := bytes.Index(b, []byte("2031"))
	days := 0
	check := func(want time.Time) {
		days++
		want.AppendFormat(b[:at], "20060102150405Z")
		var m krb5.EncAPRepPart
		if err := m.Parse(b); err != nil || m.Ctime != want.Unix() {
			t.Fatalf("%v: %d, %v, want %d", want, m.Ctime, err, want.Unix())
		}
		if got := m.Append(nil); !bytes.Equal(got, b) {
			t.Fatalf("%v is written as %q", want, got)
		}
	}
	for day := time.Date(1600, 1, 1, 23, 59, 58, 0, time.UTC); day.Year() <= 2400; day = day.AddDate(0, 0, 1) {
		check(day)
	}
	for year := range 10000 {
		check(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))
		check(time.Date(year, 3, 1, 0, 0, 0, 0, time.UTC))
		check(time.Date(year, 12, 31, 23, 59, 59, 0, time.UTC))
	}
	for _, year := range []int{1969, 1970, 2038, 2106} {
		for second := range 24 * 60 * 60 {
			if second%997 == 0 {
				check(time.Date(year, 2, 7, 0, 0, second, 0, time.UTC))
			}
		}
	}
	if days < 320000 {
		t.Errorf("only %d times were compared", days)
	}
}

// TestAppend_TimesOutOfReach writes the nearest time that has four digits of a
// year, not one that nobody can read.
func TestAppend_TimesOutOfReach(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "99991231235959Z"},
		{time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), "99991231235959Z"},
		{time.Date(-1, 12, 31, 23, 59, 59, 0, time.UTC), "00000101000000Z"},
		{time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), "00000101000000Z"},
	} {
		m := krb5.EncAPRepPart{Ctime: c.at.Unix()}
		if got := m.Append(nil); !bytes.Equal(got, atTime(c.want)) {
			t.Errorf("%v is written as %q, want %s", c.at, got, c.want)
		}
	}
	for _, unix := range []int64{-1 << 63, 1<<63 - 1} {
		b := (&krb5.EncAPRepPart{Ctime: unix}).Append(nil)
		if err := new(krb5.EncAPRepPart).Parse(b); err != nil {
			wantReason(t, "extreme", err, status.ReasonMalformedToken)
			t.Errorf("what was written of %d is not read", unix)
		}
	}
}
