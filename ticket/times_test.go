package ticket_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// lifetime returns an AP-REQ whose ticket has these times. A zero Time is absent.
func lifetime(r *krbtest.Realm, auth, start, end time.Time) []byte {
	k := r.Ticket("alice", service)
	k.Part.AuthTime, k.Part.StartTime, k.Part.EndTime = auth, start, end
	return k.APReq().Bytes()
}

func seconds(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

// TestAPREQ_6_PublishedTimes runs every row of MIT's t_valid_times.
func TestAPREQ_6_PublishedTimes(t *testing.T) {
	rows := vectors.Load(t).TicketTimes
	if len(rows) != 8 {
		t.Errorf("%d rows, want 8", len(rows))
	}
	reasons := map[string]status.Reason{
		"ok":                     status.ReasonNone,
		"KRB_AP_ERR_TKT_NYV":     status.ReasonTicketNotYetValid,
		"KRB_AP_ERR_TKT_EXPIRED": status.ReasonTicketExpired,
	}
	numbers := map[string]int32{"KRB_AP_ERR_TKT_NYV": 33, "KRB_AP_ERR_TKT_EXPIRED": 32} // RFC 4120, Section 7.5.9
	r := krbtest.NewRealm("EXAMPLE.COM")
	for _, row := range rows {
		b := lifetime(r, seconds(row.Auth), seconds(row.Start), seconds(row.End))
		p := params(r)
		p.Now = seconds(row.Now)
		want, known := reasons[row.Result]
		if !known {
			t.Errorf("%+v: unknown result %s", row, row.Result)
		}
		if want == status.ReasonNone {
			mustOpen(t, row.Result, b, p)
			continue
		}
		refused(t, row.Result, b, p, want)
		var e *status.Error
		if _, err := ticket.Open(b, p); !errors.As(err, &e) || e.Reason.Kerberos() != numbers[row.Result] {
			t.Errorf("%+v: %v; want the Kerberos error %d", row, err, numbers[row.Result])
		}
	}
}

// TestAPREQ_6_Edges checks times one nanosecond before and after each bound, in years in
// which the number of seconds needs 31, 32 and more bits. A difference of exactly the skew
// is valid.
func TestAPREQ_6_Edges(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	for _, now := range []time.Time{
		krbtest.Epoch.Truncate(time.Second),
		time.Unix(1<<31-1, 0), time.Unix(1<<31, 0), // 2038
		time.Unix(1<<32-1, 0), time.Unix(1<<32, 0), // 2106
		time.Date(2500, 2, 28, 23, 59, 59, 0, time.UTC),
		time.Date(9998, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		now = now.UTC()
		for _, s := range []time.Duration{0, time.Second, skew} {
			p := params(r)
			p.Skew = s
			early := lifetime(r, now.Add(-time.Hour), now.Add(s), now.Add(time.Hour))
			noStart := lifetime(r, now.Add(s), time.Time{}, now.Add(time.Hour))
			late := lifetime(r, now.Add(-time.Hour), now.Add(-time.Hour), now.Add(-s))
			p.Keys = r.Table()
			p.Now = now
			mustOpen(t, "starts in exactly the skew", early, p)
			mustOpen(t, "issued in exactly the skew", noStart, p)
			mustOpen(t, "ended exactly the skew ago", late, p)
			p.Now = now.Add(-time.Nanosecond)
			refused(t, "starts later than that", early, p, status.ReasonTicketNotYetValid)
			refused(t, "issued later than that", noStart, p, status.ReasonTicketNotYetValid)
			p.Now = now.Add(time.Nanosecond)
			refused(t, "ended before that", late, p, status.ReasonTicketExpired)
			p.Now = p.Now.In(time.FixedZone("", 14*3600))
			refused(t, "ended before that, told in another zone", late, p, status.ReasonTicketExpired)
		}
	}
}

// TestAPREQ_6_Flag checks that Open refuses a ticket with the flag INVALID before it checks
// the times (R40).
func TestAPREQ_6_Flag(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	for _, end := range []time.Duration{time.Hour, -time.Hour, -48 * time.Hour} {
		k := r.Ticket("alice", service)
		k.Part.Flags = krbtest.TicketFlags(flags.TicketInvalid | 1<<(31-6)) // INVALID and POSTDATED
		k.Part.EndTime = r.Now().Add(end)
		refused(t, "INVALID", k.APReq().Bytes(), params(r), status.ReasonTicketInvalid)
	}
	k := r.Ticket("alice", service)
	k.Part.Flags = krbtest.TicketFlags(^flags.TicketInvalid)
	mustOpen(t, "every other flag", k.APReq().Bytes(), params(r))
}

// TestAPREQ_6_Inverted checks that Open refuses a ticket whose end is before its start,
// even if both are within the skew.
func TestAPREQ_6_Inverted(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	now := r.Now().Truncate(time.Second)
	for _, c := range []struct {
		name             string
		auth, start, end time.Time
		want             status.Reason
	}{
		{"by a second", now, now, now.Add(-time.Second), status.ReasonTicketExpired},
		{"by a second, without start", now, time.Time{}, now.Add(-time.Second), status.ReasonTicketExpired},
		{"before 1970", now, now, time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC), status.ReasonTicketExpired},
		{"not at all", now, now, now, status.ReasonNone},
		{"issued after it ended, but started before", now.Add(time.Hour), now.Add(-2 * time.Second), now, status.ReasonNone},
	} {
		b := lifetime(r, c.auth, c.start, c.end)
		if c.want == status.ReasonNone {
			mustOpen(t, c.name, b, params(r))
		} else {
			refused(t, c.name, b, params(r), c.want)
		}
	}
}
