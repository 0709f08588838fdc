package keytab

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/gosspi/kerberos/status"
)

// The file format is defined by the page "Keytab file format" of MIT's documentation.
// Details that the page leaves open follow the files that MIT 1.20 and Heimdal 7.8 write.
const (
	magic    = 5 // first byte; the second is the version
	version1 = 1 // in the byte order of the machine that wrote it, and without name-types
	version2 = 2 // big-endian

	// MIT counts the name-type in an entry's size also in version 1, which does not
	// contain it. The last entry of such a file is therefore shorter than its size by
	// this number of bytes.
	overcount1 = 4
)

// Parse reads a keytab file of version 2, or of version 1 in either byte order. It does
// not keep file.
//
// A keytab has neither a length nor a checksum, so a file that was truncated exactly
// between two entries is valid. Parse ignores a line end (LF or CR LF) or zero bytes
// behind the last entry, and the content of holes. For any other defect it returns an
// error with ReasonNoCredentials, which names the format of a file that is not a keytab
// if Parse recognizes it: Parse never loses an entry without an error. Entries that are
// well-formed but cannot be used, such as those of encryption types that this module does
// not implement, do not cause an error; [Table.Unusable] returns them.
func Parse(file []byte) (*Table, error) {
	t, _, offset, why := parse(file)
	if why != "" {
		return nil, &status.Error{Reason: status.ReasonNoCredentials, Detail: notSound(offset, why)}
	}
	return t, nil
}

func notSound(offset int, why string) string {
	return fmt.Sprintf("not a sound keytab: at byte %d: %s", offset, why)
}

// odd describes the bytes of a keytab that belong to no entry and that Parse has ignored.
type odd struct {
	lineEnd bool // behind the last entry
	zeros   int  // how many are behind the last entry
	hole    int  // where a hole with other bytes than zero begins; 0: there is none
}

// parse implements Parse. why and offset describe the error and its position.
func parse(file []byte) (t *Table, o odd, offset int, why string) {
	if !isKeytab(file) {
		return nil, odd{}, 0, whatItIs(file)
	}
	t, o, offset, why = parseEntries(file)
	if why != "" {
		return nil, odd{}, offset, why + damage(file)
	}
	return t, o, 0, ""
}

func parseEntries(file []byte) (t *Table, o odd, offset int, why string) {
	p := parser{version: file[1], order: binary.BigEndian, size: len(file), rest: file[2:]}
	if p.version == version1 {
		p.order = orderOf(p.rest)
	}
	for len(p.rest) > 0 {
		if why := p.record(); why != "" {
			return nil, odd{}, p.offset, why
		}
	}
	return index(p.entries, p.unusable), p.odd, 0, ""
}

// orderOf determines the byte order of a version 1 file from its first size: the order
// that gives the smaller number.
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

// parser reads a file once. Its methods return a description of the error, or "" if there
// is no error. The description contains no bytes of the file.
type parser struct {
	version  byte
	order    binary.ByteOrder
	size     int
	offset   int // of the record at hand
	rest     []byte
	entries  []Entry
	unusable []Unusable
	odd      odd
}

// record reads one entry, one hole, or the end of the file.
func (p *parser) record() string {
	p.offset = p.size - len(p.rest)
	switch {
	case zeros(p.rest): // a size of zero is MIT's end mark
		p.odd.zeros, p.rest = len(p.rest), nil
		return ""
	case string(p.rest) == "\n", string(p.rest) == "\r\n":
		p.odd.lineEnd, p.rest = true, nil
		return ""
	case len(p.rest) < 4:
		return "the size of an entry is cut short"
	}
	size := int64(int32(p.order.Uint32(p.rest)))
	p.rest = p.rest[4:]
	switch {
	case size == 0:
		// A size is zero also while an entry is being added: its bytes then follow
		// already.
		return "an entry is not finished, or others follow the end"
	case size < 0:
		if -size > int64(len(p.rest)) {
			return "a hole goes beyond the end of the file"
		}
		hole := p.rest[:-size]
		p.rest = p.rest[-size:]
		if !zeros(hole) { // not every program clears what it deletes
			p.odd.hole = p.offset
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

// take adds a well-formed entry to the usable or to the unusable entries.
func (p *parser) take(realm string, components []string, kvno uint32, e EType, key []byte, at time.Time) {
	principal, err := NewPrincipal(realm, components...)
	if err == nil {
		var k Key
		if k, err = newServiceKey(e, slices.Clone(key)); err == nil && zeros(key) {
			// For instance in a truncated file: every attacker knows this key.
			err = &status.Error{Reason: status.ReasonETypeRefused, Detail: "the key consists of zero bytes"}
		}
		if err == nil {
			p.entries = append(p.entries, Entry{Principal: principal, Kvno: kvno, Key: k, Time: at})
			return
		}
	}
	p.unusable = append(p.unusable, Unusable{Principal: principal, Kvno: kvno, EType: e, Time: at, Err: err})
}

// timeOf converts a time stamp, which is unsigned and lasts until 2106. Some tools write
// 0 for an unknown time.
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

// reader reads the parts of an entry. Beyond the end of the entry it reads zero bytes and
// sets short.
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

// counted reads a length and that number of bytes. MIT declares lengths as signed, but no
// valid length is negative.
func (r *reader) counted() []byte {
	n := int(r.uint16())
	return r.take(n)
}

// trailer reads the optional bytes behind the key: a version of 32 bits, which is zero if
// unknown; 32 bits of flags, which Heimdal writes; and zero bytes, which remain if an
// entry is written into the hole of a longer entry.
func (r *reader) trailer() (kvno uint32, ok bool) {
	if len(r.b) >= 4 {
		kvno = r.uint32()
	}
	if len(r.b) >= 4 {
		r.uint32()
	}
	return kvno, zeros(r.b)
}
