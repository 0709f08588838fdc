package authenticator_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// model is a replay cache that never drops a record. It also keeps the values that decide
// whether a MemoryCache may refuse.
type model struct {
	max      int
	start    int64            // in microseconds, as all times here
	accepted map[uint64]int64 // the time stamp of each tag
	clients  map[uint64]byte  // the client of each tag
	life     int64            // the longest lifetime requested so far
	horizon  int64            // the latest time stamp that the cache may have dropped
}

// judge returns the error in the cache's answer to tag, or "".
func (m *model) judge(tag uint64, stamp, now, life int64, got status.Reason) string {
	m.life = max(m.life, life)
	m.start = min(m.start, now) // the clock was set back to before the start
	for _, other := range m.accepted {
		if other+m.life <= now {
			m.horizon = max(m.horizon, other)
		}
	}
	_, known := m.accepted[tag]
	switch got {
	case status.ReasonNone:
		if known {
			return "accepted twice"
		}
		if stamp < m.start {
			return "accepted from before the start"
		}
		kept := func(stamp int64) bool { return stamp > m.horizon }
		if m.countOf(m.clients[tag], kept) >= (m.max-m.count(kept)+3)/4 {
			return "accepted over its client's share"
		}
		m.accepted[tag] = stamp
		if m.count(kept) > m.max {
			return "holds more than it may"
		}
	case status.ReasonReplay:
		if !known {
			return "called a replay, and was not seen"
		}
	case status.ReasonBeforeReplayCache:
		if stamp >= m.start && stamp > m.horizon {
			return "refused for its age"
		}
	case status.ReasonReplayCacheFull:
		if known {
			return "full, for what it knows or has forgotten"
		}
		if m.count(func(stamp int64) bool { return stamp+m.life > now }) < m.max {
			return "called full, with room"
		}
	case status.ReasonReplayCacheShare:
		counts := func(stamp int64) bool { return stamp+m.life > now }
		if known {
			return "over its share, for what it knows or has forgotten"
		}
		if m.countOf(m.clients[tag], counts) < (m.max-m.count(counts)+3)/4 {
			return "called over its share, and is not"
		}
	default:
		return "an answer that nothing explains: " + got.String()
	}
	return ""
}

func (m *model) count(which func(stamp int64) bool) (n int) {
	for _, stamp := range m.accepted {
		if which(stamp) {
			n++
		}
	}
	return n
}

// countOf counts the accepted records of one client.
func (m *model) countOf(client byte, which func(stamp int64) bool) (n int) {
	for tag, stamp := range m.accepted {
		if m.clients[tag] == client && which(stamp) {
			n++
		}
	}
	return n
}

// FuzzMemoryCache presents new authenticators, replays and steps of the clock, for
// acceptors with different skews, to a small cache and to a model. The cache must accept no
// authenticator twice, give no client more than its share, and refuse only for the
// documented reasons.
//
// The input is the number of records, and then operations of three bytes: the operation and
// the client, and a number.
func FuzzMemoryCache(f *testing.F) {
	f.Add([]byte("\x04\x00\x00\x00\x01\x00\x00"))
	f.Add([]byte("\x0f\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x08\x00\x00")) // one client floods, two others
	f.Add([]byte("\x0f\x03\xfe\x00\x00\x00\x00\x01\x00\x00"))                                                 // the clock is set back before the first
	f.Fuzz(func(t *testing.T, in []byte) {
		in = bytes.Clone(in)[:len(in):len(in)]
		if len(in) < 1 || len(in) > 3000 {
			return
		}
		m := &model{max: int(in[0]%16) + 1, start: start.UnixMicro(), accepted: map[uint64]int64{}, clients: map[uint64]byte{}}
		c := authenticator.NewMemoryCacheAt(m.max, authenticator.RefuseOlder, start)
		clock := start
		skews := [...]time.Duration{5 * time.Minute, time.Minute}
		var stamps []time.Time // the time stamp of each tag
		for ops := in[1:]; len(ops) >= 3; ops = ops[3:] {
			what, number := ops[0], int16(binary.BigEndian.Uint16(ops[1:]))
			skew := skews[what>>7]
			switch what & 3 {
			case 0: // a new authenticator of a client whose clock is off by number/32768 of the skew
				stamps = append(stamps, clock.Add(skew*time.Duration(number)/32768).Truncate(time.Microsecond))
				number = int16(len(stamps) - 1)
				m.clients[uint64(number)] = what >> 2 & 7
			case 1: // an authenticator that was presented before
				if len(stamps) == 0 {
					continue
				}
				number = int16(int(uint16(number)) % len(stamps))
			case 2: // the clock advances
				clock = clock.Add(time.Duration(uint16(number)) * 20 * time.Millisecond)
				continue
			case 3: // the clock is set back or forward by up to 18 hours
				clock = clock.Add(time.Duration(number) * 2 * time.Second)
				continue
			}
			r := authenticator.Record{Time: stamps[number], Now: clock, Until: stamps[number].Add(skew + time.Second)}
			r.Client[0] = m.clients[uint64(number)]
			binary.LittleEndian.PutUint64(r.Tag[:], uint64(number))
			got := present(t, c, r)
			if r.TTL() <= 0 {
				if got != status.ReasonArgument {
					t.Fatalf("an expired record: %v", got)
				}
				continue
			}
			life := skew + time.Second
			wrong := m.judge(uint64(number), r.Time.UnixMicro(), clock.UnixMicro(), life.Microseconds(), got)
			if wrong != "" {
				t.Fatalf("%v: %s", r, wrong)
			}
		}
	})
}
