package redisreplay

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

const (
	// noteLife is the lifetime of a note in the server. Every new connection renews it.
	noteLife = 30 * 24 * time.Hour

	// noteStep is the difference between two notes of one incarnation from which the later
	// one is the note of a process that has detected a loss.
	noteStep = 2_000_000
)

// losses knows the last time at which the server may have lost records. Each incarnation
// of a server (see [incarnation]) begins with such a time. The first process that sees an
// incarnation writes the time into the server, as a note, so that all processes refuse the
// same authenticators, and a process that starts later refuses no more.
type losses struct {
	last    atomic.Int64         // the latest time of a loss in Unix microseconds
	current atomic.Pointer[note] // the note that was read last
	behind  atomic.Int64         // how far the clock of a server was behind the clock of this host at most, in microseconds

	unsettled atomic.Int64 // the length of seen
	mu        sync.Mutex
	seen      map[string]sighting // incarnations of new connections whose note was not read since
	notes     map[string]int64    // the last known note of each incarnation
	count     uint64
}

// note is the note of an incarnation as this process knows it. If the server has another,
// or none, keys were deleted.
type note struct {
	name, key, value string
	ahead            time.Duration // of the clock of this host
}

// sighting is a new connection to an incarnation of a server.
type sighting struct {
	number uint64
	began  time.Time     // the latest time at which the incarnation can have begun
	ahead  time.Duration // of the clock of this host
}

func (l *losses) begin() {
	l.last.Store(math.MinInt64)
	l.seen, l.notes = make(map[string]sighting), make(map[string]int64)
}

// connected notes a new connection to a server that answered INFO with i at the time now of
// its clock, which is ahead of the clock of this host.
func (l *losses) connected(i info, now time.Time, ahead time.Duration) error {
	name, began, err := incarnation(i, now)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	l.seen[name] = sighting{l.count, began, ahead}
	l.unsettled.Store(int64(len(l.seen)))
	return nil
}

// slow notes how far the clock of a server is behind the clock of this host. The times of losses
// are by the clocks of the servers, and the time stamps of clients are compared with them.
func (l *losses) slow(behind time.Duration) {
	for known := l.behind.Load(); behind.Microseconds() > known && !l.behind.CompareAndSwap(known, behind.Microseconds()); {
		known = l.behind.Load()
	}
}

// incarnation returns a name for the life of a server from an event at which it may have
// lost records to the next: the start of the process (run_id), the promotion of a replica
// (master_replid), and the eviction of keys (evicted_keys). It also returns the latest time
// at which the life can have begun. INFO tells only the time of the start, as whole seconds
// ago; any other event may have been a moment ago.
func incarnation(i info, now time.Time) (name string, began time.Time, err error) {
	run, replication, evicted := i["run_id"], i["master_replid"], i["evicted_keys"]
	if run == "" || replication == "" || evicted == "" {
		return "", now, failed("the Redis server does not show run_id, master_replid and evicted_keys in INFO, so that the cache cannot detect that the server lost records in a restart or a failover; permit INFO, or set Config.AfterLoss to AcceptOlder", nil)
	}
	uptime, err := strconv.ParseInt(i["uptime_in_seconds"], 10, 32)
	promoted := strings.Trim(i["master_replid2"], "0") != ""
	if began = now; err == nil && uptime > 1 && evicted == "0" && !promoted {
		began = now.Add(-time.Duration(uptime-1) * time.Second)
	}
	return run + "-" + replication + "-" + evicted, began, nil
}

// doubt notes that the server does not have a note any more. It does nothing if the note
// was read in the meantime, or if there are new connections, so that the note will be read.
func (l *losses) doubt(n *note) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current.Load() == n && len(l.seen) == 0 {
		l.count++
		l.seen[n.name] = sighting{number: l.count, ahead: n.ahead}
		l.unsettled.Store(1)
	}
}

// settleLosses reads the notes of the incarnations to which there are new connections. If
// the time of the last loss has changed, it returns that time, and the zero time otherwise.
func (c *Cache) settleLosses(ctx context.Context) (loss time.Time, err error) {
	l := &c.losses
	if l.unsettled.Load() == 0 {
		return time.Time{}, nil
	}
	l.mu.Lock()
	seen := make(map[string]sighting, len(l.seen))
	for name, s := range l.seen {
		seen[name] = s
	}
	l.mu.Unlock()
	before := l.last.Load()
	for name, s := range seen {
		if err := c.settle(ctx, name, s); err != nil {
			return time.Time{}, err
		}
	}
	if last := l.last.Load(); last > before && before != math.MinInt64 {
		return time.UnixMicro(last), nil
	}
	return time.Time{}, nil
}

// settle reads the note of an incarnation, or writes it.
func (c *Cache) settle(ctx context.Context, name string, s sighting) error {
	l := &c.losses
	l.mu.Lock()
	known, before := l.notes[name]
	l.mu.Unlock()
	now, began := c.cfg.Time().Add(s.ahead).UnixMicro(), s.began.UnixMicro()
	if before {
		began = now // if the note is no longer there, keys were deleted
	}
	key := c.cfg.Prefix + "since:" + name
	if _, err := c.client.SetNX(ctx, key, began, noteLife).Result(); err != nil {
		return err
	}
	since, err := c.client.Get(ctx, key).Int64()
	if errors.Is(err, strconv.ErrSyntax) || errors.Is(err, strconv.ErrRange) || errors.Is(err, redis.Nil) {
		return failed("the key "+quoted(key)+" in the Redis server has no time; does another program use Config.Prefix?", err)
	} else if err != nil {
		return err
	}
	if before && since != known && since < known+noteStep {
		// Another process found the key missing and did not know that it had existed.
		since = now
		err = c.client.Set(ctx, key, since, noteLife).Err()
	} else {
		err = c.client.PExpire(ctx, key, noteLife).Err()
	}
	if err != nil {
		return err
	}
	l.settled(&note{name, key, strconv.FormatInt(since, 10), s.ahead}, s.number, since)
	return nil
}

// settled keeps a note that was read because of the sighting with a number.
func (l *losses) settled(n *note, number uint64, since int64) {
	name := n.name
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last.Store(max(l.last.Load(), since))
	l.notes[name] = since
	l.current.Store(n)
	if l.seen[name].number == number {
		delete(l.seen, name)
	}
	l.unsettled.Store(int64(len(l.seen)))
}

// check returns an error if r may be the replay of an authenticator whose record is lost.
func (l *losses) check(r authenticator.Record, rule authenticator.StartRule) error {
	last, stamp := l.last.Load(), r.Time.UnixMicro()
	if last != math.MinInt64 {
		last += l.behind.Load()
	}
	switch rule {
	case authenticator.AcceptOlder:
		return nil
	case authenticator.RefuseWithinSkew:
		if last == math.MinInt64 || stamp-last > r.Until.UnixMicro()-stamp {
			return nil
		}
	default:
		if stamp >= last {
			return nil
		}
	}
	return &status.Error{Reason: status.ReasonBeforeReplayCache, Detail: "the client's time stamp " + moment(stamp) +
		" is too close to " + moment(last) + " or before it; at that time the Redis server was started or promoted or its keys were deleted, and it may have lost records; a client that sends a new request later is accepted"}
}

func moment(micro int64) string {
	return time.UnixMicro(micro).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
}
