package keytab

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/gosspi/kerberos/status"
)

// The file format is MIT's, described in the "Keytab file format" page of its
// documentation; what that leaves open is as MIT 1.20 and Heimdal 7.8 write it.
const (
	magic    = 5 // first byte; the second is the version
	version1 = 1 // in the byte order of the machine that wrote it, and without name-types
	version2 = 2 // big-endian

	// MIT counts the name-type in an entry's size in version 1 too, where it
	// does not write it, so the last entry of such a file is this much shorter
	// than it says.
	overcount1 = 4
)

// Parse reads a keytab file, of version 2 or 1, the latter in either byte order.
// It keeps nothing of file.
//
// A keytab has neither a length nor a checksum, so a file that was cut exactly
// between two entries is a valid one. Whatever else is not as it should be is
// an error with ReasonNoCredentials: no entry is lost in silence. Entries that
// are sound but of no use here, such as those of encryption types that are not
// implemented, are not an error; [Table.Unusable] has them.
func Parse(file []byte) (*Table, error) {
	if len(file) < 2 {
		return nil, badFile(0, "it is empty or cut short")
	}
	if file[0] != magic || file[1] != version1 && file[1] != version2 {
		return nil, badFile(0, "it does not begin as a keytab")
	}
	p := parser{version: file[1], order: binary.BigEndian, size: len(file), rest: file[2:]}
	if p.version == version1 {
		p.order = orderOf(p.rest)
	}
	for len(p.rest) > 0 {
		if why := p.record(); why != "" {
			return nil, badFile(p.offset, why)
		}
	}
	return index(p.entries, p.unusable), nil
}

func badFile(offset int, why string) error {
	return &status.Error{Reason: status.ReasonNoCredentials, Detail: fmt.Sprintf("not a sound keytab: at byte %d: %s", offset, why)}
}

// orderOf tells the byte order of a version 1 file by its first size: whichever
// way it is the smaller number.
func orderOf(rest []byte) binary.ByteOrder {
	if len(rest) < 4 {
		return binary.LittleEndian
	}
	if magnitude(binary.BigEndian.Uint32(rest)) < magnitude(binary.LittleEndian.Uint32(rest)) {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func magnitude(size uint32) int64 {
	n := int64(int32(size))
	if n < 0 {
		return -n
	}
	return n
}

// parser goes through a file once. Its methods return what is wrong, "" if
// nothing is; none of that text has bytes of the file in it.
type parser struct {
	version  byte
	order    binary.ByteOrder
	size     int
	offset   int // of the record at hand
	rest     []byte
	entries  []Entry
	unusable []Unusable
}

// record reads one entry, one hole, or the end.
func (p *parser) record() string {
	p.offset = p.size - len(p.rest)
	if len(p.rest) < 4 {
		return "the size of an entry is cut short"
	}
	size := int64(int32(p.order.Uint32(p.rest)))
	p.rest = p.rest[4:]
	switch {
	case size == 0:
		// MIT's end mark. A size is zero also while an entry is being added: its
		// bytes then follow already.
		if !zeros(p.rest) {
			return "an entry is not finished, or others follow the end"
		}
		p.rest = nil
		return ""
	case size < 0:
		// What was deleted is zeroed. Something else in its place means that the
		// size is wrong, and may hide entries.
		if -size > int64(len(p.rest)) {
			return "a hole goes beyond the end of the file"
		}
		hole := p.rest[:-size]
		p.rest = p.rest[-size:]
		if !zeros(hole) {
			return "a hole is not empty"
		}
		return ""
	case p.version == version1 && size == int64(len(p.rest))+overcount1:
		size -= overcount1
	case size > int64(len(p.rest)):
		return "an entry is cut short"
	}
	b := p.rest[:size]
	p.rest = p.rest[size:]
	return p.entry(&reader{b: b, order: p.order})
}

// entry reads one entry, all of r.
func (p *parser) entry(r *reader) string {
	count := r.uint16()
	if p.version == version1 {
		count-- // which has the realm in it
	}
	if r.short || count == 0 || count > 0x7fff {
		return "an entry has no name"
	}
	realm := r.counted()
	var components []string
	for ; count > 0 && !r.short; count-- {
		components = append(components, string(r.counted()))
	}
	if p.version != version1 {
		r.uint32() // name-type: not part of a Principal
	}
	written := r.uint32()
	kvno := uint32(r.uint8())
	etype := EType(int16(r.uint16()))
	key := r.counted()
	if r.short {
		return "an entry is shorter than its parts"
	}
	if n, ok := r.trailer(); !ok {
		return "an entry is longer than its parts"
	} else if n != 0 {
		kvno = n
	}
	p.take(string(realm), components, kvno, etype, key, timeOf(written))
	return ""
}

// take adds an entry that is well-formed to those in use, if it is of use.
func (p *parser) take(realm string, components []string, kvno uint32, e EType, key []byte, at time.Time) {
	principal, err := NewPrincipal(realm, components...)
	if err == nil {
		var k Key
		if k, err = newServiceKey(e, slices.Clone(key)); err == nil {
			p.entries = append(p.entries, Entry{Principal: principal, Kvno: kvno, Key: k, Time: at})
			return
		}
	}
	p.unusable = append(p.unusable, Unusable{Principal: principal, Kvno: kvno, EType: e, Time: at, Err: err})
}

// timeOf reads a time stamp, which is unsigned: it lasts until 2106. Some tools
// write 0 for none.
func timeOf(stamp uint32) time.Time {
	if stamp == 0 {
		return time.Time{}
	}
	return time.Unix(int64(stamp), 0).UTC()
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// reader reads the parts of an entry. Beyond its end it reads nothing and says
// so in short.
type reader struct {
	b     []byte
	order binary.ByteOrder
	short bool
}

var nothing [4]byte

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.short, r.b = true, nil
		if n > len(nothing) {
			return nil
		}
		return nothing[:n]
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) uint8() uint8   { return r.take(1)[0] }
func (r *reader) uint16() uint16 { return r.order.Uint16(r.take(2)) }
func (r *reader) uint32() uint32 { return r.order.Uint32(r.take(4)) }

// counted reads a length and as many bytes. MIT's lengths are signed, and no
// sound one needs the sign.
func (r *reader) counted() []byte {
	n := int(r.uint16())
	return r.take(n)
}

// trailer reads what may follow the key: a version of 32 bits, zero if there is
// none; 32 bits of flags, which Heimdal writes; and zeros, where an entry was
// written into the hole of a longer one.
func (r *reader) trailer() (kvno uint32, ok bool) {
	if len(r.b) >= 4 {
		kvno = r.uint32()
	}
	if len(r.b) >= 4 {
		r.uint32()
	}
	return kvno, zeros(r.b)
}
