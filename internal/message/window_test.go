package message

import (
	"testing"

	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/status"
)

// TestMSG_7_Window runs MIT's table.
func TestMSG_7_Window(t *testing.T) {
	names := map[string]verdict{"ok": inOrder, "gap": gap, "unseq": unsequenced, "dup": duplicate, "old": tooOld}
	reasons := map[verdict]status.Reason{
		gap: status.ReasonMessageGap, unsequenced: status.ReasonMessageUnsequenced, duplicate: status.ReasonMessageDuplicate, tooOld: status.ReasonMessageOld,
	}
	rows, narrow := 0, 0
	var tables []vectors.SequenceWindow
	for _, row := range vectors.Load(t).SequenceWindow {
		if row.Width != "32" {
			rows++
			tables = append(tables, row)
		}
		if row.Width != "64" {
			narrow++
			row.Width = "32"
			tables = append(tables, row)
		}
	}
	for _, row := range tables {
		w := window{base: row.Initial, replay: row.Replay, sequence: row.Sequence, narrow: row.Width == "32"}
		for i, step := range row.Steps {
			want, known := names[step.Verdict]
			if !known {
				t.Fatalf("unknown verdict %q", step.Verdict)
			}
			before := w
			if got, _ := w.accept(step.Number, row.Replay, row.Sequence); got != want {
				t.Errorf("from %d, step %d: %d is %q, want %q", row.Initial, i, step.Number, refusals[got].text, refusals[want].text)
			}
			if missing, err := before.check(step.Number, AsGranted); missing != 0 || status.ReasonOf(err) != reasons[want] {
				t.Errorf("from %d, step %d: %d missing, %v", row.Initial, i, missing, err)
			}
		}
	}
	if rows != 13 || narrow != 10 {
		t.Errorf("%d rows of 64 bits and %d of 32, want 13 and 10", rows, narrow)
	}
}

// TestMSG_7_WindowFarAhead checks that after a jump of any length the window does not treat
// older numbers as if they had not arrived.
func TestMSG_7_WindowFarAhead(t *testing.T) {
	for _, jump := range []uint64{1, 62, 63, 64, 65, 1 << 40, 1 << 63} {
		var w window
		for _, n := range []uint64{0, jump} {
			if got, _ := w.accept(n, true, false); got != inOrder {
				t.Fatalf("%d after a jump of %d: %v", n, jump, refusals[got].text)
			}
		}
		old := duplicate
		if jump >= 64 { // the window keeps 63 numbers below the highest
			old = tooOld
		}
		for n, want := range map[uint64]verdict{0: old, jump: duplicate} {
			if got, _ := w.accept(n, true, false); got != want {
				t.Errorf("%d again after a jump of %d: %v, want %v", n, jump, refusals[got].text, refusals[want].text)
			}
		}
	}
}
