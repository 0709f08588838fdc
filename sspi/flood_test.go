package sspi_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// accept runs the one call of a one-way client.
func (s *site) accept(q *krbtest.APReq) error {
	_, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), q.Token())
	return err
}

// TestREPLAY_13_OneClientFloods: a client that encrypts the authenticator of one ticket
// anew again and again fills its share of the replay cache. Then it alone is refused; the
// record names it; and it gets in again when its first authenticators have ended.
func TestREPLAY_13_OneClientFloods(t *testing.T) {
	const room = 500
	var events []sspi.Event
	ahead := time.Duration(0)
	s := newSite(t, recordEvents(&events), func(cfg *sspi.Config) {
		realm := cfg.Time
		cfg.Time = func() time.Time { return realm().Add(ahead) }
		cfg.Replay = authenticator.NewMemoryCacheAt(room, authenticator.RefuseOlder, cfg.Time())
	})
	q := s.request(oneWay)
	accepted := 0
	for range room {
		switch err := s.accept(q); status.ReasonOf(err) {
		case status.ReasonNone:
			accepted++
		case status.ReasonReplayCacheShare:
			if status.CodeOf(err) != status.SEC_E_INSUFFICIENT_MEMORY {
				t.Fatal(err)
			}
		default:
			t.Fatal(err)
		}
	}
	if accepted != room/5 {
		t.Errorf("the client got in %d times, want %d", accepted, room/5)
	}
	last := events[len(events)-1]
	if last.Err == nil || last.Err.Reason != status.ReasonReplayCacheShare || !strings.Contains(last.Err.Detail, `"alice@EXAMPLE.COM"`) || last.Peer != nil {
		t.Errorf("the last record is %+v", last)
	}
	for i := range 50 {
		if err := s.accept(s.realm.Ticket(string(rune('a'+i%26))+"@EXAMPLE.COM", service).APReq()); err != nil {
			t.Fatalf("another client, after %d others: %v", i, err)
		}
	}
	ahead = 5*time.Minute + 2*time.Second
	q.SetTime(q.Time().Add(ahead))
	if err := s.accept(q); err != nil {
		t.Errorf("when its records have ended: %v", err)
	}
}

// TestREPLAY_14_ClockCorrected: an acceptor that started while its clock was an hour ahead
// accepts its clients as soon as the clock is right, and does not accept again what it
// accepted before.
func TestREPLAY_14_ClockCorrected(t *testing.T) {
	ahead := time.Hour
	s := newSite(t, func(cfg *sspi.Config) {
		realm := cfg.Time
		cfg.Time = func() time.Time { return realm().Add(ahead) }
		cfg.Replay = nil // the acceptor's own
	})
	fast := s.request(oneWay)
	fast.SetTime(fast.Time().Add(ahead))
	used := fast.Token()
	present := func() status.Reason {
		_, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), used)
		return status.ReasonOf(err)
	}
	if got := present(); got != status.ReasonNone {
		t.Fatalf("a client whose clock is an hour ahead too: %v", got)
	}
	ahead = 0
	if err := s.accept(s.request(oneWay)); err != nil {
		t.Errorf("a client whose clock is right: %v", err)
	}
	if got := present(); got != status.ReasonClockSkew {
		t.Errorf("the authenticator of an hour ahead: %v", got)
	}
	ahead = time.Hour
	if got := present(); got != status.ReasonReplay {
		t.Errorf("the authenticator of an hour ahead, when its time has come: %v", got)
	}
}
