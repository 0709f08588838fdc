package filereplay

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// known is the knowledge of a Cache about its file.
type known struct {
	seed   uint64 // the hash of the seed, so that no printed Cache has the seed
	size   int64  // 0 before the first look
	begin  time.Time
	lost   bool // records were lost since Open
	begins bool // authenticators from before begin are refused

	// dropped is the latest time of a record that this Cache has overwritten, and life the
	// shortest time for which a record was kept after its time stamp. If the clock is set
	// forward and back, an authenticator that is not later could be a replay of it.
	dropped uint32
	life    time.Duration
}

// markPrefix begins the tag of the record that has the time at which a file was created.
// The last four bytes of this tag are the microseconds of the time. MIT's library
// treats the record like any other.
const markPrefix = "gosspi\x00\x01"

// look reads the seed of a file, or writes it if the file is empty. It notices a file that
// is new, or has lost records since the last look.
func (c *Cache) look(f *os.File, now time.Time) ([seedLen]byte, error) {
	var seed [seedLen]byte
	info, err := f.Stat()
	if err != nil {
		return seed, c.failed("read", err)
	}
	size := info.Size()
	switch {
	case size == 0:
		return seed, c.create(f, &seed, now)
	case size < seedLen:
		return seed, c.failed("read", fmt.Errorf("it has %d bytes, which is no replay file; stop all programs that use it and remove it", size))
	}
	if _, err := f.ReadAt(seed[:], 0); err != nil {
		return seed, c.failed("read", err)
	}
	id := hash(seed, [tagLen]byte{})
	switch first := c.size == 0; {
	case first || id != c.seed:
		begin, marked, err := mark(f)
		switch {
		case err != nil:
			return seed, c.failed("read", err)
		case marked:
			c.beginAt(begin, !first)
		case !first: // a program with MIT's library has made the file
			c.beginAt(now, true)
		}
	case size < c.size:
		c.beginAt(now, true)
	}
	c.seed, c.size = id, size
	return seed, nil
}

// create writes the seed of an empty file and the record of the time.
func (c *Cache) create(f *os.File, seed *[seedLen]byte, now time.Time) error {
	if _, err := io.ReadFull(c.cfg.Rand, seed[:]); err != nil {
		return c.failed("make the seed of", err)
	}
	e := entry{time: uint32(now.Unix())}
	copy(e.tag[:], markPrefix)
	binary.BigEndian.PutUint32(e.tag[len(markPrefix):], uint32(now.Nanosecond()/1000))
	p, err := find(bytes.NewReader(nil), *seed, e.tag, nil)
	if err != nil {
		return c.failed("create", err) // unreachable: a search in an empty file does not fail
	}
	b := append(seed[:], make([]byte, p.offset-seedLen)...)
	b = e.append(b)
	if _, err := f.WriteAt(b, 0); err != nil {
		return c.failed("create", errors.Join(err, f.Truncate(0)))
	}
	c.beginAt(now, c.size != 0)
	c.seed, c.size = hash(*seed, [tagLen]byte{}), int64(len(b))
	return nil
}

// mark returns the time in the record that create has written.
func mark(f io.ReaderAt) (begin time.Time, found bool, err error) {
	var table [firstRecords * recordLen]byte
	n, err := f.ReadAt(table[:], seedLen)
	if err != nil && err != io.EOF {
		return begin, false, err
	}
	for b := table[:n]; len(b) >= recordLen; b = b[recordLen:] {
		e := parseEntry(b)
		micro := binary.BigEndian.Uint32(e.tag[len(markPrefix):])
		if e.time != 0 && micro < 1e6 && string(e.tag[:len(markPrefix)]) == markPrefix {
			begin, found = time.Unix(int64(e.time), int64(micro)*1000), true
		}
	}
	return begin, found, nil
}

// beginAt begins to refuse authenticators from before a time. lost is true if the file had
// records before.
func (c *Cache) beginAt(at time.Time, lost bool) {
	c.begin, c.begins, c.lost = at.Truncate(time.Microsecond), true, c.lost || lost
}

// admit refuses an authenticator that the file does not have, but may have had.
func (c *Cache) admit(r authenticator.Record) error {
	life := r.Until.Sub(r.Time)
	if c.begins && (c.lost || c.cfg.Start != authenticator.AcceptOlder) {
		if c.cfg.Start != authenticator.RefuseWithinSkew && r.Now.Before(c.begin) {
			c.begin = r.Now // the clock was set back
		}
		if r.Time.Before(c.begin) {
			return before(r, "before the replay file began at "+moment(c.begin)+"; a client that sends a new request is accepted")
		}
		if c.cfg.Start == authenticator.RefuseWithinSkew && r.Time.Sub(c.begin) <= life {
			return before(r, "earlier than a skew after the replay file began at "+moment(c.begin)+", which RefuseWithinSkew refuses; a client that sends a new request later is accepted")
		}
	}
	if c.dropped != 0 && !r.Time.After(time.Unix(int64(c.dropped), 0).Add(c.cfg.ClockSkew-c.life)) {
		return before(r, "not later than a record that this process has dropped from the replay file; was a clock set back?")
	}
	return nil
}

// wrote notes that the record at p was written.
func (c *Cache) wrote(p place) {
	c.dropped = max(c.dropped, p.old)
	c.size = max(c.size, p.offset+recordLen)
}

func before(r authenticator.Record, why string) error {
	return &status.Error{Reason: status.ReasonBeforeReplayCache, Detail: "the client's time stamp " + moment(r.Time) + " is " + why}
}

// moment writes a time to the microsecond: a refusal may turn on less than a second.
func moment(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000Z07:00") }
