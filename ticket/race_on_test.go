//go:build race

package ticket_test

// raceEnabled: the race detector allocates on its own account.
const raceEnabled = true
