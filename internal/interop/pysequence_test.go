package interop

import (
	"fmt"
	"testing"
)

// sequenceCases list the status of MIT's library for a message, the same message again, the
// third message, and the second, for each pair of flags.
var sequenceCases = []struct {
	flags int
	want  []string
}{
	{0, []string{"OK", "OK", "OK", "OK"}},
	{gssReplay, []string{"OK", "DUPLICATE", "OK", "OK"}},
	{gssSequence, []string{"OK", "UNSEQ", "GAP", "UNSEQ"}},
	{gssReplay | gssSequence, []string{"OK", "DUPLICATE", "GAP", "UNSEQ"}},
}

// TestInteropPython_Sequence checks a repeated message, a skipped one and a late one, in
// both directions, with each pair of flags. The statuses of MIT's acceptor, and of MIT's
// initiator for this library's messages, are the control.
func TestInteropPython_Sequence(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	doors, svc := openDoors(t, r, 18, 18)
	login := r.login(t)
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range sequenceCases {
				for _, style := range []int{0, gssMutual, gssMutual | gssDCE} {
					gss := c.flags | style | gssProtect
					t.Run(fmt.Sprintf("%#x", gss), func(t *testing.T) {
						p := plan{Port: d.port, Target: svc.hostBased(), Flags: bits(gss), Steps: []step{
							{"do": "sequence", "kind": "wrap"}, {"do": "sequence", "kind": "mic"}, {"do": "sequence", "kind": "sign"},
						}}
						if d.takesTokens(gss) {
							p.Steps = append([]step{{"do": "sequence_back"}}, p.Steps...)
						}
						d.checkSequence(t, p, login.initiate(t, p)[0], gss, c.want)
					})
				}
			}
		})
	}
}

func (d *door) checkSequence(t *testing.T, p plan, out seen, gss int, mit []string) {
	t.Helper()
	d.checkContext(t, out, gss)
	for i, s := range out.Steps {
		if len(s.Verdicts) != len(mit) {
			t.Fatalf("%v: %+v", p.Steps[i], s)
		}
		for j, got := range s.Verdicts {
			want := mit[j]
			if p.Steps[i]["do"] == "sequence" { // otherwise MIT's initiator receives the messages
				want = d.code(want)
			}
			if got != want {
				t.Errorf("%v: message %d: %s, want %s", p.Steps[i], j, got, want)
			}
		}
	}
	if len(out.Steps) != len(p.Steps) {
		t.Errorf("%d steps, want %d", len(out.Steps), len(p.Steps))
	}
}
