package main

import (
	"slices"
	"sync"
)

// lobby are the connections on which nobody has logged in yet. They cost nothing to
// make, so that there are places for some only: a new one takes the place of the
// oldest, which has had the most time, and whoever is quick gets in.
type lobby struct {
	mu     sync.Mutex
	guests []*timed // in the order in which they came
}

func (l *lobby) enter(c *timed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.guests = append(l.guests, c)
	if len(l.guests) > maxLogins {
		l.guests[0].Close() // which ends its handler
		l.guests = slices.Delete(l.guests, 0, 1)
	}
}

// leave may be called again.
func (l *lobby) leave(c *timed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.guests, c); i >= 0 {
		l.guests = slices.Delete(l.guests, i, i+1)
	}
}
