package filereplay_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/filereplay"
	"github.com/gosspi/kerberos/status"
)

const skew = 5 * time.Minute

func now() time.Time { return time.Now().Truncate(time.Microsecond) }

// use makes the record of a client whose clock is ahead.
func use(now time.Time, ahead time.Duration) authenticator.Record {
	r := authenticator.Record{Time: now.Add(ahead), Now: now, Until: now.Add(ahead + skew + time.Second)}
	rand.Read(r.Tag[:])
	return r
}

func at(r authenticator.Record, now time.Time) authenticator.Record {
	r.Now = now
	return r
}

// present stores a record and returns the Reason of the refusal, or ReasonNone.
func present(t testing.TB, c authenticator.ReplayCache, r authenticator.Record) status.Reason {
	t.Helper()
	return status.ReasonOf(r.Claim(t.Context(), c))
}

func expect(t testing.TB, c authenticator.ReplayCache, r authenticator.Record, want status.Reason) {
	t.Helper()
	if got := present(t, c, r); got != want {
		t.Fatalf("%v, want %v", got, want)
	}
}

// records returns the records of a file by their tags.
func records(t testing.TB, path string) map[[12]byte]uint32 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[[12]byte]uint32)
	for b := b[16:]; len(b) >= 16; b = b[16:] {
		if time := binary.BigEndian.Uint32(b[12:]); time != 0 {
			out[[12]byte(b)] = time
		}
	}
	return out
}

// TestREPLAY_3_FileTimes checks the time in a record: MIT's library, which keeps a record
// for 5 minutes after this time, must keep the record until Until.
func TestREPLAY_3_FileTimes(t *testing.T) {
	needsLocks(t)
	for _, row := range []struct {
		ahead, clockSkew time.Duration
	}{{0, 0}, {skew, 0}, {-skew, 0}, {time.Microsecond, 0}, {0, time.Minute}, {skew, 10 * time.Minute}} {
		path := fresh(t)
		c, err := filereplay.Open(t.Context(), filereplay.Config{Path: path, ClockSkew: row.clockSkew, Start: authenticator.AcceptOlder})
		if err != nil {
			t.Fatal(err)
		}
		r := use(now(), row.ahead)
		expect(t, c, r, status.ReasonNone)
		keeps := row.clockSkew
		if keeps == 0 {
			keeps = 5 * time.Minute
		}
		written, ok := records(t, path)[[12]byte(r.Tag[:12])]
		if end := time.Unix(int64(written), 0).Add(keeps); !ok || end.Before(r.Until) || end.After(r.Until.Add(time.Second)) {
			t.Errorf("%+v: MIT's library keeps the record until %v, want %v", row, end, r.Until)
		}
	}
}

// TestREPLAY_3_SlotsAreReused checks that the file stops growing when the records of the
// first ten minutes have expired, and keeps each record until then.
func TestREPLAY_3_SlotsAreReused(t *testing.T) {
	needsLocks(t)
	path := fresh(t)
	c := open(t, path)
	start := now()
	var size int64
	for minute := range 40 {
		at := start.Add(time.Duration(minute) * time.Minute)
		for range 100 {
			expect(t, c, use(at, 0), status.ReasonNone)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if minute == 20 {
			size = info.Size()
		}
		if minute > 20 && info.Size() > 2*size {
			t.Fatalf("minute %d: the file has %d bytes, after 20 minutes it had %d", minute, info.Size(), size)
		}
	}
	if n := len(records(t, path)); n > 3000 {
		t.Errorf("%d records are in the file, of 4000 logins in 40 minutes", n)
	}
}

// TestREPLAY_3_FileKeepsMITRecords checks that a record with MIT's time, which is that of the
// presentation, lives as long as this acceptor may accept the authenticator.
func TestREPLAY_3_FileKeepsMITRecords(t *testing.T) {
	needsLocks(t)
	path := fresh(t)
	c := open(t, path)
	start := now()
	// MIT's library writes the time of the presentation. The clock of the client is ahead by
	// a skew, so that this acceptor would accept the authenticator for two skews.
	r := use(start, skew)
	written := r
	written.Until = start.Add(skew)
	expect(t, c, written, status.ReasonNone)
	for i := range 5 {
		at := start.Add(2*skew - time.Second)
		for range 500 * i {
			expect(t, c, use(at, 0), status.ReasonNone)
		}
	}
	expect(t, c, at(r, start.Add(2*skew-time.Second)), status.ReasonReplay)
}

// TestREPLAY_3_FileTimesOutOfRange checks that the cache refuses times that the format does
// not have.
func TestREPLAY_3_FileTimesOutOfRange(t *testing.T) {
	needsLocks(t)
	c := open(t, fresh(t))
	for name, row := range map[string]struct {
		at   time.Time
		want status.Reason
	}{
		"2038": {time.Unix(1<<31, 0), status.ReasonNone},
		"2106": {time.Unix(1<<32-302, 0), status.ReasonNone},
		"then": {time.Unix(1<<32, 0), status.ReasonReplayCacheFailed},
		"1970": {time.Unix(-10, 0), status.ReasonReplayCacheFailed},
	} {
		if got := present(t, c, use(row.at, 0)); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}

// TestREPLAY_8_NewFile checks the rule about the start, for the Cache that creates the file,
// for one that opens it afterwards, and for one that opens an older file.
func TestREPLAY_8_NewFile(t *testing.T) {
	needsLocks(t)
	const usec = time.Microsecond
	begin := now()
	for _, row := range []struct {
		name  string
		rule  authenticator.StartRule
		stamp time.Duration // after the start
		now   time.Duration
		want  status.Reason
	}{
		{"older", authenticator.RefuseOlder, -usec, 0, status.ReasonBeforeReplayCache},
		{"older, later", authenticator.RefuseOlder, -usec, 4 * time.Minute, status.ReasonBeforeReplayCache},
		{"same microsecond", authenticator.RefuseOlder, 0, 0, status.ReasonNone},
		{"clock set back", authenticator.RefuseOlder, -time.Hour, -time.Hour, status.ReasonNone},
		{"within the skew", authenticator.RefuseWithinSkew, skew, skew, status.ReasonBeforeReplayCache},
		{"within the lifetime", authenticator.RefuseWithinSkew, skew + time.Second, skew, status.ReasonBeforeReplayCache},
		{"beyond it", authenticator.RefuseWithinSkew, skew + time.Second + usec, skew, status.ReasonNone},
		{"within the skew, clock set back", authenticator.RefuseWithinSkew, -time.Hour, -time.Hour, status.ReasonBeforeReplayCache},
		{"lifted", authenticator.AcceptOlder, -skew, 0, status.ReasonNone},
	} {
		path := fresh(t)
		for _, which := range []string{"creates", "opens"} {
			c, err := filereplay.Open(t.Context(), filereplay.Config{
				Path: path, Start: row.rule,
				Time: func() time.Time { return begin },
			})
			if err != nil {
				t.Fatal(err)
			}
			r := use(begin.Add(row.now), row.stamp-row.now)
			if got := present(t, c, r); got != row.want {
				t.Errorf("%s: a Cache that %s the file: %v, want %v", row.name, which, got, row.want)
			}
			if row.want == status.ReasonNone {
				expect(t, c, r, status.ReasonReplay)
			}
		}
	}
	// A file of MIT's library has no time of its creation.
	path := fresh(t)
	if err := os.WriteFile(path, make([]byte, 16), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := filereplay.Open(t.Context(), filereplay.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, c, use(now(), -skew), status.ReasonNone)
}

// TestREPLAY_8_LostFile checks that a file that is removed, replaced, emptied or cut while
// caches use it makes none of them accept an authenticator twice, under any rule.
func TestREPLAY_8_LostFile(t *testing.T) {
	needsLocks(t)
	for name, lose := range map[string]func(path string) error{
		"removed":  os.Remove,
		"renamed":  func(path string) error { return os.Rename(path, path+".old") },
		"emptied":  func(path string) error { return os.Truncate(path, 0) },
		"cut":      func(path string) error { return os.Truncate(path, 16) },
		"replaced": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte{1}, 16), 0o600) },
	} {
		for _, rule := range []authenticator.StartRule{authenticator.RefuseOlder, authenticator.RefuseWithinSkew, authenticator.AcceptOlder} {
			path := fresh(t)
			var caches [3]*filereplay.Cache
			for i := range caches {
				var err error
				if caches[i], err = filereplay.Open(t.Context(), filereplay.Config{
					Path: path, Start: rule,
					Time: func() time.Time { return now().Add(-time.Hour) },
				}); err != nil {
					t.Fatal(err)
				}
			}
			var used []authenticator.Record
			for range 20 {
				r := use(now(), -time.Second)
				expect(t, caches[0], r, status.ReasonNone)
				used = append(used, r)
			}
			expect(t, caches[1], used[0], status.ReasonReplay)
			expect(t, caches[2], used[0], status.ReasonReplay)
			if err := lose(path); err != nil {
				t.Fatal(err)
			}
			for i, c := range caches {
				for _, r := range used {
					if got := present(t, c, r); got != status.ReasonBeforeReplayCache {
						t.Fatalf("%s, rule %d: cache %d: %v, want %v", name, rule, i, got, status.ReasonBeforeReplayCache)
					}
				}
			}
			want := status.ReasonNone
			if rule == authenticator.RefuseWithinSkew {
				want = status.ReasonBeforeReplayCache
			}
			for i, c := range caches {
				if got := present(t, c, use(now(), 0)); got != want {
					t.Errorf("%s, rule %d: a new client at cache %d: %v, want %v", name, rule, i, got, want)
				}
			}
		}
	}
}

// TestREPLAY_7_FileContext checks that a call whose context has ended stores nothing.
func TestREPLAY_7_FileContext(t *testing.T) {
	needsLocks(t)
	path := fresh(t)
	c := open(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := use(now(), 0)
	for range 20 {
		if got, err := c.Store(ctx, r); got || status.ReasonOf(err) != status.ReasonCanceled || !errors.Is(err, context.Canceled) {
			t.Errorf("Store = %v, %v", got, err)
		}
	}
	if _, err := filereplay.Open(ctx, filereplay.Config{Path: path}); status.ReasonOf(err) != status.ReasonCanceled {
		t.Errorf("Open: %v", err)
	}
	expect(t, c, at(r, r.Until), status.ReasonArgument)
	expect(t, c, r, status.ReasonNone)
}

// TestRandomnessFails checks that Open does not make a file without a random seed.
func TestRandomnessFails(t *testing.T) {
	needsLocks(t)
	path := fresh(t)
	for _, source := range []string{"", "15 bytes are few"[:15]} {
		_, err := filereplay.Open(t.Context(), filereplay.Config{Path: path, Rand: strings.NewReader(source)})
		if status.ReasonOf(err) != status.ReasonReplayCacheFailed {
			t.Errorf("%d bytes of randomness: %v", len(source), err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() != 0 {
			t.Errorf("the file: %v, %v", info, err)
		}
	}
	seed := strings.Repeat("s", 16)
	if _, err := filereplay.Open(t.Context(), filereplay.Config{Path: path, Rand: strings.NewReader(seed)}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || !slices.Equal(b[:16], []byte(seed)) {
		t.Errorf("the file begins with %x, %v", b[:16], err)
	}
}

// TestREPLAY_11_FileClockSteps checks that a Cache whose clock was set forward, so that it
// dropped records, and back refuses the authenticators of these records and accepts later
// ones.
func TestREPLAY_11_FileClockSteps(t *testing.T) {
	needsLocks(t)
	path := fresh(t)
	c := open(t, path)
	start := now()
	var used []authenticator.Record
	for i := range 50 {
		r := use(start, time.Duration(i)*time.Second/10)
		expect(t, c, r, status.ReasonNone)
		used = append(used, r)
	}
	for range 5000 {
		expect(t, c, use(start.Add(time.Hour), 0), status.ReasonNone)
	}
	dropped := 0
	for _, r := range used {
		switch got := present(t, c, r); got {
		case status.ReasonBeforeReplayCache:
			dropped++
		case status.ReasonReplay:
		default:
			t.Fatalf("after the steps: %v", got)
		}
	}
	if dropped == 0 {
		t.Error("the cache dropped no record")
	}
	expect(t, c, use(start, 7*time.Second), status.ReasonNone)
}
