package filereplay

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// The format file2 of MIT's library: a seed, then hash tables one after the other. Each
// table has twice as many records as the table before; the first has one fewer, so that
// seed and first table have 16 KiB.
const (
	seedLen      = 16
	tagLen       = 12
	recordLen    = tagLen + 4 // a tag and a big-endian Unix time
	firstRecords = 1023
	maxFile      = math.MaxInt32 // the greatest end of a table
)

// errFull is the error for a tag whose places in all tables are taken. MIT's library
// returns EOVERFLOW.
var errFull = errors.New("the places for the authenticator in all tables of the file are taken, and the format allows no file of 2 GiB")

// entry is a record of the file. A record with the time 0 was never written.
type entry struct {
	tag  [tagLen]byte
	time uint32
}

// place is the outcome of a search.
type place struct {
	known  bool   // the tag is in the file
	offset int64  // of the record to write
	old    uint32 // the time of the record that is there, or 0
}

// find searches a tag and a place for it. Each table has two records for a tag, and its
// hash has a seed of its own. A search ends in the first table with an empty record,
// because no search for this tag has gone further. free reports whether a record with a
// time may be overwritten.
func find(f io.ReaderAt, seed [seedLen]byte, tag [tagLen]byte, free func(time uint32) bool) (place, error) {
	found := place{offset: -1}
	for table, records := int64(seedLen), int64(firstRecords); table+records*recordLen <= maxFile; {
		at := table + int64(hash(seed, tag)%uint64(records))*recordLen
		pair, err := readPair(f, at)
		if err != nil {
			return place{}, err
		}
		for i, e := range pair {
			if e.time != 0 && e.tag == tag {
				return place{known: true}, nil
			}
			if found.offset < 0 && (e.time == 0 || free(e.time)) {
				found.offset, found.old = at+int64(i)*recordLen, e.time
			}
		}
		if pair[0].time == 0 || pair[1].time == 0 {
			return found, nil
		}
		table += records * recordLen
		if records == firstRecords {
			records++
		}
		records *= 2
		seed[0]++
	}
	if found.offset < 0 {
		return place{}, errFull
	}
	return found, nil
}

// readPair reads two records. The second record of a table's last place is the first of
// the next table. A record that the file does not have, or not completely, is empty.
func readPair(f io.ReaderAt, at int64) (pair [2]entry, err error) {
	var b [2 * recordLen]byte
	n, err := f.ReadAt(b[:], at)
	if err != nil && err != io.EOF {
		return pair, err
	}
	for i := range pair {
		if part := b[i*recordLen : (i+1)*recordLen]; n >= (i+1)*recordLen {
			pair[i] = parseEntry(part)
		}
	}
	return pair, nil
}

func parseEntry(b []byte) entry {
	return entry{[tagLen]byte(b[:tagLen]), binary.BigEndian.Uint32(b[tagLen:recordLen])}
}

// append appends the record to b.
func (e entry) append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(append(b, e.tag[:]...), e.time)
}

// write writes a record.
func (e entry) write(f io.WriterAt, at int64) error {
	_, err := f.WriteAt(e.append(make([]byte, 0, recordLen)), at)
	return err
}
