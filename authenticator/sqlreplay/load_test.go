package sqlreplay_test

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/sqlreplay"
	"github.com/gosspi/kerberos/status"
)

// load stores records in two caches, as two acceptors do that get every token: each record
// goes to both at the same time, and to both again.
type load struct {
	t      testing.TB
	caches [2]*sqlreplay.Cache
	ahead  time.Duration // of the clocks of the clients
	done   chan struct{}
	group  sync.WaitGroup
	away   atomic.Bool // the database is away, so that good clients may be refused

	mu       sync.Mutex
	accepted []authenticator.Record
	tried    int
	twice    int            // records that were accepted more than once
	refused  int            // records that neither cache accepted while the database was away
	wrong    int            // the same while it was not away
	reasons  map[string]int // of all refusals with an error
	problem  error          // an example of a wrong refusal
}

func startLoad(t testing.TB, goroutines int, a, b *sqlreplay.Cache) *load {
	l := &load{t: t, caches: [2]*sqlreplay.Cache{a, b}, done: make(chan struct{}), reasons: map[string]int{}}
	for range goroutines {
		l.group.Go(func() {
			for {
				select {
				case <-l.done:
					return
				default:
					l.one()
				}
			}
		})
	}
	return l
}

// one presents a new record to both caches, twice.
func (l *load) one() {
	away := l.away.Load()
	r := record(time.Now(), l.ahead)
	accepts, errs := l.present(r)
	again, more := l.present(r)
	away = away || l.away.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tried++
	for _, err := range append(errs, more...) {
		l.reasons[status.ReasonOf(err).String()]++
	}
	switch {
	case accepts+again > 1:
		l.twice++
	case accepts+again == 1:
		l.accepted = append(l.accepted, r)
	case away:
		l.refused++
	default:
		l.wrong++
		l.problem = fmt.Errorf("%v", append(errs, more...))
	}
}

func (l *load) present(r authenticator.Record) (accepts int, errs []error) {
	var group sync.WaitGroup
	var fresh [2]bool
	var err [2]error
	for i, c := range l.caches {
		group.Go(func() { fresh[i], err[i] = c.Store(l.t.Context(), r) })
	}
	group.Wait()
	for i := range fresh {
		if fresh[i] {
			accepts++
		}
		if err[i] != nil {
			errs = append(errs, err[i])
		}
	}
	return accepts, errs
}

// until waits until n more records were accepted.
func (l *load) until(n int) {
	l.t.Helper()
	l.await(n, func() int { return len(l.accepted) }, "accepted")
}

// attempts waits until n more records were presented.
func (l *load) attempts(n int) {
	l.t.Helper()
	l.await(n, func() int { return l.tried }, "presented")
}

func (l *load) await(n int, count func() int, what string) {
	l.t.Helper()
	now := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return count()
	}
	want := now() + n
	for end := time.Now().Add(patience); now() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("%d more records were not %s in %v; errors: %v, such as %v", n, what, patience, l.reasons, l.problem)
		}
	}
}

// stop ends the load and returns the accepted records. It fails the test if a record was
// accepted twice, or if a good client was refused while the database was there.
func (l *load) stop() []authenticator.Record {
	l.t.Helper()
	close(l.done)
	l.group.Wait()
	l.t.Logf("%d records presented to two caches: %d accepted, %d refused while the database was away, %d otherwise, %d accepted twice; errors %v",
		l.tried, len(l.accepted), l.refused, l.wrong, l.twice, maps.Clone(l.reasons))
	if l.twice > 0 || l.wrong > 0 {
		l.t.Errorf("%d records were accepted twice, %d good clients were refused while the database was there: %v", l.twice, l.wrong, l.problem)
	}
	return l.accepted
}

// replayed presents records to a cache and returns the number that it accepts.
func replayed(t testing.TB, c *sqlreplay.Cache, records []authenticator.Record) int {
	t.Helper()
	accepts := 0
	for _, r := range records {
		if fresh, _ := c.Store(t.Context(), r); fresh {
			accepts++
		}
	}
	return accepts
}
