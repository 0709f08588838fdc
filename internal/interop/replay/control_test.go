package replay

import (
	"sync"
	"syscall"
	"testing"
	"time"
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

// TestReplay_HarnessCountsFaults checks to which fault a refusal counts, and which attempts
// count as attempts during a fault.
func TestReplay_HarnessCountsFaults(t *testing.T) {
	began := time.Now()
	before, after := began.Add(-time.Second), began.Add(time.Second)
	for _, row := range []struct {
		name            string
		report          *report
		started         time.Time
		refused, during int
	}{
		{"no fault", &report{}, began, 0, 0},
		{"the attempt started before the fault began", &report{away: "present", began: began}, before, 1, 0},
		{"the fault begins", &report{away: "present"}, after, 1, 0},
		{"the attempt started after the fault began", &report{away: "present", began: began}, after, 1, 1},
		{"the attempt started before the fault ended", &report{last: "past", since: began}, before, 1, 0},
		{"the attempt started after the fault ended", &report{last: "past", since: began}, after, 0, 0},
	} {
		r := row.report
		r.changed = sync.NewCond(&r.mu)
		r.errors, r.perFault = map[string]int{}, map[string]int{}
		r.attempt(&use{}, [2]verdict{{kind: lost}, {kind: lost}}, row.started)
		if r.refused != row.refused || r.wrongRefusal != 1-row.refused || r.during != row.during ||
			r.perFault["present"]+r.perFault["past"] != row.refused {
			t.Errorf("%s: %d refused during a fault %v, %d without, %d attempts during the fault", row.name, r.refused, r.perFault, r.wrongRefusal, r.during)
		}
	}
}
