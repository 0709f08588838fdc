//go:build race

package sspisasl_test

// raceEnabled: the race detector allocates on its own account.
const raceEnabled = true
