package sspi_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// steppingClock is a clock that a test sets.
type steppingClock struct{ offset atomic.Int64 }

func (c *steppingClock) set(at time.Time) { c.offset.Store(int64(at.Sub(krbtest.Epoch))) }

// now adds a microsecond for each reading, so that two clients differ.
func (c *steppingClock) now() time.Time {
	return krbtest.Epoch.Add(time.Duration(c.offset.Add(int64(time.Microsecond))))
}

// steps are the settings of the clock in the order of the tests. Each is kept while the
// workers end some rounds.
var steps = []struct {
	name string
	at   time.Time
}{
	{"right", krbtest.Epoch},
	{"back by the skew", krbtest.Epoch.Add(-5 * time.Minute)},
	{"right again", krbtest.Epoch.Add(time.Second)},
	{"2038", time.Date(2038, 1, 19, 3, 14, 7, 900_000_000, time.UTC)},
	{"ten years later", krbtest.Epoch.AddDate(10, 0, 0)},
	{"an hour back", krbtest.Epoch.AddDate(10, 0, 0).Add(-time.Hour)},
	{"forward again", krbtest.Epoch.AddDate(10, 0, 0).Add(time.Second)},
	{"2106", time.Date(2106, 2, 7, 6, 28, 15, 900_000_000, time.UTC)},
	{"an hour back in 2106", time.Date(2106, 2, 7, 5, 28, 15, 0, time.UTC)},
}

// ledger has tokens that were accepted.
type ledger struct {
	mu     sync.Mutex
	tokens [][]byte
}

func (l *ledger) add(token []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens = append(l.tokens, token)
}

func (l *ledger) all() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tokens[:len(l.tokens):len(l.tokens)]
}

// some returns the first tokens and the latest ones.
func (l *ledger) some() [][]byte {
	const few = 3
	all := l.all()
	if len(all) <= 2*few {
		return all
	}
	return append(all[:few:few], all[len(all)-few:]...)
}

// TestREPLAY_11_ClocksUnderLoad sets the clock of a realm and its server, and of the server
// alone, while 64 goroutines accept. No token is accepted twice, also after later steps; and
// if client and server agree on the time, clients get in after each step.
func TestREPLAY_11_ClocksUnderLoad(t *testing.T) {
	t.Run("realm and server", func(t *testing.T) { clocksUnderLoad(t, true) })
	t.Run("server alone", func(t *testing.T) { clocksUnderLoad(t, false) })
}

func clocksUnderLoad(t *testing.T, together bool) {
	var clock steppingClock
	s := newSite(t, func(cfg *sspi.Config) {
		cfg.Time = clock.now
		cfg.Replay = authenticator.NewMemoryCacheAt(0, authenticator.RefuseOlder, clock.now().Add(-time.Second))
	})
	if together {
		s.realm.Clock = clock.now
	}
	var good ledger
	var accepted atomic.Int64
	l := newLoad(t, func(int, int) {
		token := s.request().Token()
		for try := range 2 {
			switch got := s.outcome(t, token); got {
			case status.ReasonNone:
				accepted.Add(1)
				good.add(token)
				if try == 1 {
					continue // refused at first, as the clock was set in between
				}
			case status.ReasonReplay:
				if try == 0 {
					t.Error("a new token was refused as a replay")
				}
			case status.ReasonClockSkew, status.ReasonBeforeReplayCache, status.ReasonTicketExpired, status.ReasonTicketNotYetValid:
			case status.ReasonReplayCacheFailed: // the clock was set while the cache was asked: a late answer
			default:
				t.Errorf("%v", got)
			}
		}
	})
	for _, step := range steps {
		clock.set(step.at)
		l.await(workers) // those that began before
		before := accepted.Load()
		l.await(2 * workers)
		if got := accepted.Load() - before; together && got < workers {
			t.Errorf("%s: %d clients accepted in %d rounds", step.name, got, 2*workers)
		}
		for _, token := range good.some() {
			if got := s.outcome(t, token); got == status.ReasonNone {
				t.Errorf("%s: a token was accepted again", step.name)
			}
		}
	}
	l.stop()
	all := good.all()
	if len(all) < workers {
		t.Errorf("%d tokens were accepted", len(all))
	}
	for i, step := range steps {
		clock.set(step.at)
		for j := i; j < len(all); j += len(steps) {
			if got := s.outcome(t, all[j]); got == status.ReasonNone {
				t.Fatalf("%s: a token was accepted again", step.name)
			}
		}
	}
}
