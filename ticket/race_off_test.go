//go:build !race

package ticket_test

// raceEnabled says whether the race detector counts allocations of its own.
const raceEnabled = false
