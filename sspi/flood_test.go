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

// accept runs the exchange of a one-way client, which has one token.
func (s *site) accept(q *krbtest.APReq) error {
	_, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), q.Token())
	return err
}

// TestREPLAY_13_OneClientFloods checks a client that sends many authenticators for one
// ticket and uses up its share of the replay cache. The acceptor then refuses this client
// only, names it in the record, and accepts it again when its first records have expired.
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
		t.Errorf("the acceptor accepted the client %d times, want %d", accepted, room/5)
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
		t.Errorf("after its records have expired: %v", err)
	}
}

// TestREPLAY_14_ClockCorrected checks an acceptor that started while its clock was an hour
// ahead. It accepts clients as soon as the clock is corrected, and refuses what it accepted
// before.
func TestREPLAY_14_ClockCorrected(t *testing.T) {
	ahead := time.Hour
	s := newSite(t, func(cfg *sspi.Config) {
		realm := cfg.Time
		cfg.Time = func() time.Time { return realm().Add(ahead) }
		cfg.Replay = nil // use the acceptor's default cache
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
		t.Errorf("the authenticator of an hour ahead, an hour later: %v", got)
	}
}
