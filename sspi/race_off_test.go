//go:build !race

package sspi_test

// raceEnabled says whether the race detector counts allocations of its own.
const raceEnabled = false
