package sspi_test

import (
	"math"
	"testing"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

func fileTime(v int64) sspi.TimeStamp {
	return sspi.TimeStamp{LowPart: uint32(v), HighPart: int32(v >> 32)}
}

// TestTimeStamp_Time checks that a FILETIME counts units of 100 nanoseconds from 1601. The
// value of 1970 is commonly documented as 0x019DB1DED53E8000.
func TestTimeStamp_Time(t *testing.T) {
	for _, row := range []struct {
		in   sspi.TimeStamp
		want time.Time
	}{
		{fileTime(0), time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC)},
		{fileTime(1), time.Date(1601, 1, 1, 0, 0, 0, 100, time.UTC)},
		{fileTime(116444736000000000), time.Unix(0, 0)},
		{fileTime(116444736000000000 - 1), time.Unix(-1, 999999900)},
		{fileTime(128166372000000000), time.Date(2007, 2, 22, 17, 0, 0, 0, time.UTC)},
		{sspi.TimeStamp{LowPart: 0xD53E8000, HighPart: 0x019DB1DE}, time.Unix(0, 0)},
		{fileTime(2650467743990000000), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		{fileTime(math.MaxInt64), time.Date(30828, 9, 14, 2, 48, 5, 477580700, time.UTC)},
		{fileTime(-1), time.Date(1600, 12, 31, 23, 59, 59, 999999900, time.UTC)},
	} {
		got := row.in.Time()
		if !got.Equal(row.want) || got.Location() != time.UTC {
			t.Errorf("%+v: %v, want %v", row.in, got, row.want)
		}
	}
}

func TestTimeStamp_In(t *testing.T) {
	noon := time.Date(2031, 7, 1, 12, 0, 0, 0, time.UTC)
	stamp := fileTime(116444736000000000 + noon.Unix()*10000000)
	for _, row := range []struct {
		zone  string
		hours int
	}{{"UTC", 0}, {"east", 2}, {"west", -7}} {
		loc := time.FixedZone(row.zone, row.hours*3600)
		if got := stamp.In(loc).Time(); !got.Equal(noon.Add(time.Duration(row.hours) * time.Hour)) {
			t.Errorf("%s: %v", row.zone, got)
		}
	}
	// In uses the offset at the time of the stamp, not the present offset.
	if berlin, err := time.LoadLocation("Europe/Berlin"); err == nil {
		winter := fileTime(116444736000000000 + time.Date(2031, 1, 1, 12, 0, 0, 0, time.UTC).Unix()*10000000)
		if got := winter.In(berlin).Time().Hour(); got != 13 {
			t.Errorf("winter in Berlin: %d o'clock", got)
		}
		if got := stamp.In(berlin).Time().Hour(); got != 14 {
			t.Errorf("summer in Berlin: %d o'clock", got)
		}
	}
	if stamp.In(nil) != stamp {
		t.Error("a nil Location is not UTC")
	}
	east, west := time.FixedZone("", 14*3600), time.FixedZone("", -12*3600)
	end, start := fileTime(math.MaxInt64), fileTime(0)
	if end.In(east) != end || end.In(west) != end {
		t.Error("In changed the last TimeStamp")
	}
	if start.In(west) != start {
		t.Errorf("before the first FILETIME: %v", start.In(west).Time())
	}
	if nearly := fileTime(math.MaxInt64 - 1); nearly.In(east) != end {
		t.Errorf("after the last FILETIME: %v", nearly.In(east).Time())
	}
}

// TestCTX_10_TimesDoNotOverflow checks the times that a ticket can contain: the first and
// the last KerberosTime, and the years in which 32-bit seconds end.
func TestCTX_10_TimesDoNotOverflow(t *testing.T) {
	for _, end := range []time.Time{
		time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC),
		time.Date(2106, 2, 7, 6, 28, 16, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		for _, auth := range []time.Time{
			time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC),
			time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC),
			time.Date(1901, 12, 13, 20, 45, 51, 0, time.UTC),
			time.Unix(0, 0).UTC(),
		} {
			s := newSite(t, func(cfg *sspi.Config) { cfg.EnforceExpiry = true })
			h, _ := s.establish(t, func(q *krbtest.APReq) {
				q.Ticket.Part.AuthTime, q.Ticket.Part.StartTime, q.Ticket.Part.EndTime = auth, auth, end
			})
			life := query[sspi.SecPkgContext_Lifespan](t, h, sspi.SECPKG_ATTR_LIFESPAN)
			want := auth
			if first := fileTime(0).Time(); auth.Before(first) {
				want = first
			}
			if !life.Start.Time().Equal(want) || !life.Expiry.Time().Equal(end) {
				t.Errorf("%v to %v: %v to %v", auth, end, life.Start.Time(), life.Expiry.Time())
			}
			wantCode(t, "a message", sspi.MakeSignature(&h, 0, message("text", make([]byte, 100)), 0), status.SEC_E_OK)
		}
	}
}

// TestCTX_10_Expiry checks that a context works after its ticket has expired, unless
// EnforceExpiry is set; then it ends one skew after the ticket.
func TestCTX_10_Expiry(t *testing.T) {
	for _, enforce := range []bool{false, true} {
		now := krbtest.Epoch
		s := newSite(t, func(cfg *sspi.Config) {
			cfg.EnforceExpiry = enforce
			cfg.Time = func() time.Time { return now }
		})
		h, client := s.establish(t)
		end := client.Request.Ticket.Part.EndTime.Add(5 * time.Minute)
		for _, at := range []struct {
			now  time.Time
			want status.Code
		}{
			{end, status.SEC_E_OK},
			{end.Add(time.Nanosecond), status.SEC_E_CONTEXT_EXPIRED},
			{end.AddDate(100, 0, 0), status.SEC_E_CONTEXT_EXPIRED},
		} {
			now = at.now
			want := at.want
			if !enforce {
				want = status.SEC_E_OK
			}
			x := standing{&h, client, nil}
			for _, row := range everyCall {
				switch row.name {
				case "MakeSignature", "VerifySignature", "EncryptMessage", "DecryptMessage":
					wantCode(t, row.name, row.call(s, x), want)
				case "QueryContextAttributes of the context":
					wantCode(t, row.name, row.call(s, x), status.SEC_E_OK)
				}
			}
			if _, err := h.Context().Wrap(nil, []byte("text"), true); status.CodeOf(err) != want {
				t.Errorf("Wrap: %v, want %v", err, want)
			}
			wantCode(t, "a token", s.second(&h, s.request().Token()).call(), status.SEC_E_OUT_OF_SEQUENCE)
		}
	}
}

// TestOutputs_TimeStamp checks that ptsTimeStamp is the end of the ticket, in UTC and
// without skew, and that it is written only with SEC_E_OK.
func TestOutputs_TimeStamp(t *testing.T) {
	s := newSite(t)
	q := s.request()
	l := s.first(q.Token())
	wantCode(t, "accept", l.call(), status.SEC_E_OK)
	if got := l.stamp.Time(); !got.Equal(q.Ticket.Part.EndTime) {
		t.Errorf("%v, want %v", got, q.Ticket.Part.EndTime)
	}
	if life := query[sspi.SecPkgContext_Lifespan](t, l.handle, sspi.SECPKG_ATTR_LIFESPAN); life.Expiry != l.stamp {
		t.Errorf("LIFESPAN %v, ptsTimeStamp %v", life.Expiry, l.stamp)
	}

	q = s.request(dce)
	client := q.Start()
	token, _, _ := client.Next(nil)
	l = s.first(token)
	wantCode(t, "first leg", l.call(), status.SEC_I_CONTINUE_NEEDED)
	if l.stamp != untouchedStamp {
		t.Errorf("ptsTimeStamp is written after the first token: %v", l.stamp)
	}
	third, _, _ := client.Next(l.reply())
	l = s.second(&l.handle, third)
	wantCode(t, "third leg", l.call(), status.SEC_E_OK)
	if got := l.stamp.Time(); !got.Equal(q.Ticket.Part.EndTime) {
		t.Errorf("%v, want %v", got, q.Ticket.Part.EndTime)
	}
}

// TestOutputs_Attributes checks that pfContextAttr has all attributes with SEC_E_OK, at
// most ALLOCATED_MEMORY before, and none after a failure.
func TestOutputs_Attributes(t *testing.T) {
	const granted = flags.ASC_RET_MUTUAL_AUTH | flags.ASC_RET_REPLAY_DETECT | flags.ASC_RET_SEQUENCE_DETECT | flags.ASC_RET_CONFIDENTIALITY | flags.ASC_RET_INTEGRITY
	const allocate = flags.ASC_REQ_ALLOCATE_MEMORY
	s := newSite(t)
	for _, row := range []struct {
		name    string
		change  func(*krbtest.APReq)
		req     flags.ASC_REQ
		code    status.Code
		attr    flags.ASC_RET
		atThird flags.ASC_RET
	}{
		{"mutual", nothing, 0, status.SEC_E_OK, granted, 0},
		{"mutual, allocated", nothing, allocate, status.SEC_E_OK, granted | flags.ASC_RET_ALLOCATED_MEMORY, 0},
		{"one way, allocated", oneWay, allocate, status.SEC_E_OK, granted &^ flags.ASC_RET_MUTUAL_AUTH, 0},
		{"DCE style", dce, 0, status.SEC_I_CONTINUE_NEEDED, 0, granted | flags.ASC_RET_USED_DCE_STYLE},
		{"DCE style, allocated", dce, allocate, status.SEC_I_CONTINUE_NEEDED, flags.ASC_RET_ALLOCATED_MEMORY, granted | flags.ASC_RET_USED_DCE_STYLE},
		{"late", late, extendedError, status.SEC_I_CONTINUE_NEEDED, 0, 0},
		{"late, allocated", late, extendedError | allocate, status.SEC_I_CONTINUE_NEEDED, flags.ASC_RET_ALLOCATED_MEMORY, 0},
		{"refused with an answer, allocated", wrongKey, extendedError | allocate, status.SEC_E_LOGON_DENIED, 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			client := s.request(row.change).Start()
			token, _, _ := client.Next(nil)
			l := s.first(token)
			l.req = row.req
			wantCode(t, "accept", l.call(), row.code)
			if l.attr != row.attr {
				t.Errorf("%v, want %v", l.attr, row.attr)
			}
			if row.atThird != 0 {
				third, _, _ := client.Next(l.reply())
				l = s.second(&l.handle, third)
				l.req = row.req
				wantCode(t, "third leg", l.call(), status.SEC_E_OK)
				if l.attr != row.atThird {
					t.Errorf("third leg: %v, want %v", l.attr, row.atThird)
				}
			}
		})
	}
}
