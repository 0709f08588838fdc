package acceptor

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/gosspi/kerberos/authenticator"
)

// Timing is the time of one call of Store.
type Timing struct {
	New       time.Duration // of a new record, one caller
	NewAtOnce time.Duration // of a new record, callers at the same time: the time of the run by its records
	Elsewhere time.Duration // of a record that another cache with the same store has accepted
	Here      time.Duration // of a record that the same cache has accepted
}

// callersAtOnce is the number of callers of Timing.NewAtOnce.
const callersAtOnce = 16

// String returns the line that ParseTiming reads.
func (t Timing) String() string {
	return fmt.Sprintln("timing", int64(t.New), int64(t.NewAtOnce), int64(t.Elsewhere), int64(t.Here))
}

// ParseTiming reads the line of a program that ran with -bench.
func ParseTiming(line string) (t Timing, err error) {
	_, err = fmt.Sscan(line, new(string), (*int64)(&t.New), (*int64)(&t.NewAtOnce), (*int64)(&t.Elsewhere), (*int64)(&t.Here))
	return t, err
}

// bench measures n calls of Store of each kind. one and other are caches with one store. If
// they share their memory, other has the records of one.
func bench(one, other authenticator.ReplayCache, n int) (t Timing, err error) {
	var mu sync.Mutex
	store := func(c authenticator.ReplayCache, r authenticator.Record, want bool) {
		fresh, e := c.Store(context.Background(), r)
		if e == nil && fresh != want {
			e = fmt.Errorf("the replay cache calls a record fresh: %v, want %v", fresh, want)
		}
		if e != nil {
			mu.Lock()
			err = e
			mu.Unlock()
		}
	}
	known := make([]authenticator.Record, n)
	began := time.Now()
	for i := range known {
		known[i] = record()
		store(one, known[i], true)
	}
	t.New = time.Since(began) / time.Duration(n)

	began = time.Now()
	for _, r := range known {
		r.Now = time.Now()
		store(other, r, false)
	}
	t.Elsewhere = time.Since(began) / time.Duration(n)

	began = time.Now()
	for _, r := range known {
		r.Now = time.Now()
		store(one, r, false)
	}
	t.Here = time.Since(began) / time.Duration(n)

	began = time.Now()
	var group sync.WaitGroup
	each := (n + callersAtOnce - 1) / callersAtOnce
	for range callersAtOnce {
		group.Go(func() {
			for range each {
				store(one, record(), true)
			}
		})
	}
	group.Wait()
	t.NewAtOnce = time.Since(began) / time.Duration(each*callersAtOnce)
	return t, err
}

// record returns a record of an authenticator and a client that no other record has. Its
// lifetime is that of the default skew.
func record() authenticator.Record {
	now := time.Now()
	r := authenticator.Record{Time: now.Truncate(time.Microsecond), Now: now, Until: now.Add(5*time.Minute + time.Second)}
	rand.Read(r.Tag[:])
	copy(r.Client[:], r.Tag[:])
	return r
}
