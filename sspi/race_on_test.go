//go:build race

package sspi_test

// raceEnabled: the race detector allocates on its own account.
const raceEnabled = true
