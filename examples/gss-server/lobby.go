package main

import (
	"net"
	"slices"
	"sync"
)

// lobby are the connections without a context. They cost nothing to make, so that
// there are places for some only: a new one takes the place of the oldest, which has
// had the most time, and whoever is quick gets in.
type lobby struct {
	mu     sync.Mutex
	guests []net.Conn // in the order in which they came
}

func (l *lobby) enter(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.guests = append(l.guests, c)
	if len(l.guests) > maxGuests {
		l.dismiss()
	}
}

// makeRoom is for a process that can open no more files.
func (l *lobby) makeRoom() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.guests) > 0 {
		l.dismiss()
	}
}

// dismiss sends away who has been here longest. The caller holds mu.
func (l *lobby) dismiss() {
	l.guests[0].Close() // which ends its handler
	l.guests = slices.Delete(l.guests, 0, 1)
}

// leave may be called again.
func (l *lobby) leave(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.guests, c); i >= 0 {
		l.guests = slices.Delete(l.guests, i, i+1)
	}
}
