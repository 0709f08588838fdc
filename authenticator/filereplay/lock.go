package filereplay

import (
	"context"
	"os"
	"time"

	"github.com/gosspi/kerberos/status"
)

// The pauses between two tries to lock the file. Another process holds the lock for some
// 20 microseconds.
const (
	firstPause = 50 * time.Microsecond
	lastPause  = 5 * time.Millisecond
)

// lock locks the file for this open file description. The blocking lock of the system
// cannot be ended by a context without a goroutine that stays behind, so lock tries again
// and again.
func lock(ctx context.Context, f *os.File) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if locked, err := tryLock(f); locked || err != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return canceled(ctx, "while another process held the lock of the replay file")
		case <-timer.C:
		}
	}
}

func canceled(ctx context.Context, when string) error {
	return &status.Error{Reason: status.ReasonCanceled, Detail: when, Err: ctx.Err()}
}
