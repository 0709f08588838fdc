package message

import (
	"testing"

	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/status"
)

// TestMSG_7_Window runs MIT's table.
func TestMSG_7_Window(t *testing.T) {
	names := map[string]verdict{"ok": inOrder, "gap": gap, "unseq": unsequenced, "dup": duplicate, "old": tooOld}
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
			if got := w.accept(step.Number); got != want {
				t.Errorf("from %d, step %d: %d is %v, want %v", row.Initial, i, step.Number, verdictText[got], verdictText[want])
			}
			if err := before.check(step.Number); (err == nil) != (want == inOrder) || want != inOrder && status.ReasonOf(err) != status.ReasonMessageOutOfSequence {
				t.Errorf("from %d, step %d: %v", row.Initial, i, err)
			}
		}
	}
	if rows != 13 || narrow != 10 {
		t.Errorf("%d rows of 64 bits and %d of 32, want 13 and 10", rows, narrow)
	}
}

// TestMSG_7_WindowFarAhead: a jump of any length leaves no trace of older numbers
// as if they had not come.
func TestMSG_7_WindowFarAhead(t *testing.T) {
	for _, jump := range []uint64{1, 62, 63, 64, 65, 1 << 40, 1 << 63} {
		w := window{replay: true}
		for _, n := range []uint64{0, jump} {
			if got := w.accept(n); got != inOrder {
				t.Fatalf("%d after a jump of %d: %v", n, jump, verdictText[got])
			}
		}
		old := duplicate
		if jump >= 64 { // 63 behind the newest is the last place that is kept
			old = tooOld
		}
		for n, want := range map[uint64]verdict{0: old, jump: duplicate} {
			if got := w.accept(n); got != want {
				t.Errorf("%d again after a jump of %d: %v, want %v", n, jump, verdictText[got], verdictText[want])
			}
		}
	}
}
