//go:build race

package sspi_test

// raceEnabled reports whether the race detector is enabled, whose allocations would count.
const raceEnabled = true
