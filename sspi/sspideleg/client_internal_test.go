package sspideleg

import (
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// TestIssued checks from which time gokrb5 computes the time of renewal.
func TestIssued(t *testing.T) {
	login, start, end := time.Unix(1, 0), time.Unix(2, 0), time.Unix(3, 0)
	for _, c := range []struct{ login, start, want time.Time }{
		{login, start, login}, {time.Time{}, start, start}, {login, time.Time{}, login}, {time.Time{}, time.Time{}, end},
	} {
		if got := issued(&authenticator.DelegatedTicket{AuthTime: c.login, StartTime: c.start, EndTime: end}); !got.Equal(c.want) {
			t.Errorf("%v, %v: %v, want %v", c.login, c.start, got, c.want)
		}
	}
}

// TestKnown checks that gokrb5 has all encryption types that a Key can have, and does not
// have those of RFC 6803, which a Key may have in the future.
func TestKnown(t *testing.T) {
	for e, want := range map[keytab.EType]status.Reason{
		17: status.ReasonNone, 18: status.ReasonNone, 19: status.ReasonNone, 20: status.ReasonNone, 23: status.ReasonNone,
		25: status.ReasonETypeRefused, 26: status.ReasonETypeRefused, 0: status.ReasonETypeRefused, -1: status.ReasonETypeRefused,
	} {
		if err := known(e); status.ReasonOf(err) != want {
			t.Errorf("%v: %v, want %v", e, err, want)
		}
	}
}
