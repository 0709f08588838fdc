//go:build !race

package ticket_test

// raceEnabled reports whether the race detector is enabled, whose allocations would count.
const raceEnabled = false
