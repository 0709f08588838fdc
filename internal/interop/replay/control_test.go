package replay

import (
	"syscall"
	"testing"
)

// TestReplay_HarnessFindsReplays checks that the harness finds the replays that two
// processes with a cache each accept, and that a stopped process refuses no good client
// without a fault.
func TestReplay_HarnessFindsReplays(t *testing.T) {
	r := theRealm(t)
	path := buildAcceptor(t, "memory", ".", "./memory")
	b := newBackend(t, r, path, nil, nil)
	b.faults = []fault{{
		name:  "acceptor 1 is stopped",
		begin: func(t testing.TB) { b.processes[0].signal(t, syscall.SIGSTOP) },
		end:   func(t testing.TB) { b.processes[0].signal(t, syscall.SIGCONT) }, attempts: 8,
	}}
	const logins = 200
	got := b.run(t, r, logins)
	t.Log(got)
	if got.logins < logins || got.twice < logins/2 || len(got.problems) == 0 || got.wrongRefusal > 0 {
		t.Error("the harness has not found the replays")
	}
}
