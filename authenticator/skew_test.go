package authenticator_test

import (
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
)

// TestAPREQ_7_ToTheMicrosecond checks that a difference of exactly the skew is accepted in
// both directions, and that one more microsecond is refused.
func TestAPREQ_7_ToTheMicrosecond(t *testing.T) {
	const us = time.Microsecond
	for _, row := range []struct {
		skew, ahead time.Duration
		want        status.Reason
	}{
		{skew, 0, status.ReasonNone},
		{skew, skew, status.ReasonNone},
		{skew, skew + us, status.ReasonClockSkew},
		{skew, -skew, status.ReasonNone},
		{skew, -skew - us, status.ReasonClockSkew},
		{us, us, status.ReasonNone},
		{us, 2 * us, status.ReasonClockSkew},
		{us, -2 * us, status.ReasonClockSkew},
		{0, 0, status.ReasonNone},
		{0, us, status.ReasonClockSkew},
		{0, -us, status.ReasonClockSkew},
		{skew, 24 * time.Hour, status.ReasonClockSkew},
		{skew, -24 * time.Hour, status.ReasonClockSkew},
		{skew, 100 * 365 * 24 * time.Hour, status.ReasonClockSkew},
		{skew, -100 * 365 * 24 * time.Hour, status.ReasonClockSkew},
	} {
		d := newDesk(t)
		q := d.request()
		q.SetTime(d.params.Now.Add(row.ahead))
		d.params.Skew = row.skew
		q.Ticket.Part.StartTime = q.Ticket.Part.StartTime.Add(-time.Hour)
		d.wants(row.ahead.String()+" of "+row.skew.String(), q, row.want)
	}
}

// TestAPREQ_7_BetweenMicroseconds checks an acceptor's clock that is finer than a
// microsecond, the unit of the client's time.
func TestAPREQ_7_BetweenMicroseconds(t *testing.T) {
	d := newDesk(t)
	q := d.request()
	q.SetTime(d.params.Now.Add(-skew))
	d.params.Now = d.params.Now.Add(time.Nanosecond)
	d.refuses("a nanosecond late", q, status.ReasonClockSkew)
	q.SetTime(d.realm.Now().Add(skew))
	d.params.Now = d.realm.Now().Add(-time.Nanosecond)
	d.refuses("a nanosecond early", q, status.ReasonClockSkew)
}

// TestAPREQ_7_Cusec checks that microseconds count, and that a value of a second or more is
// refused.
func TestAPREQ_7_Cusec(t *testing.T) {
	for cusec, want := range map[int64]status.Reason{
		0: status.ReasonNone, 999_999: status.ReasonNone,
		1_000_000: status.ReasonMalformedToken, -1: status.ReasonMalformedToken,
		1 << 31: status.ReasonMalformedToken, -(1 << 31): status.ReasonMalformedToken, 1<<32 + 1: status.ReasonMalformedToken,
	} {
		d := newDesk(t)
		fits := int(cusec)
		if int64(fits) != cusec {
			continue // gokrb5 cannot encode it, because its field is an int
		}
		q := d.request(func(q *krbtest.APReq) { q.Authenticator.Cusec = fits })
		c, err := d.check(q)
		if got := status.ReasonOf(err); got != want && (err != nil || want != status.ReasonNone) {
			t.Errorf("cusec %d: %v, want %v", cusec, err, want)
		}
		if err == nil && c.Time().Nanosecond() != fits*1000 {
			t.Errorf("cusec %d: %v", cusec, c.Time())
		}
	}
}

// TestAPREQ_7_AnyYear checks years before 1970 and in the far future.
func TestAPREQ_7_AnyYear(t *testing.T) {
	for _, year := range []int{1900, 1969, 2038, 2039, 2107, 9998} {
		r := krbtest.NewRealm("EXAMPLE.COM")
		now := time.Date(year, 1, 19, 3, 14, 8, 500_000_000, time.UTC)
		r.Clock = func() time.Time { return now }
		d := deskOf(t, r)
		v := d.verified("now", d.request())
		if !v.Time().Equal(now) {
			t.Errorf("%d: %v", year, v.Time())
		}
		d.refuses("late", d.request(func(q *krbtest.APReq) { q.SetTime(now.Add(-skew - time.Second)) }), status.ReasonClockSkew)
	}
}
