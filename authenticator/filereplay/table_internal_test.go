package filereplay

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// TestHash_Published compares hash with the vector of the authors' reference implementation
// (vectors.h) for a message of 12 bytes.
func TestHash_Published(t *testing.T) {
	var seed [seedLen]byte
	var tag [tagLen]byte
	for i := range seed {
		seed[i] = byte(i)
	}
	for i := range tag {
		tag[i] = byte(i)
	}
	want := binary.LittleEndian.Uint64([]byte{0xfb, 0xe5, 0x0e, 0x86, 0xbc, 0x8f, 0x1e, 0x75})
	if got := hash(seed, tag); got != want {
		t.Errorf("%x, want %x", got, want)
	}
}

// mitFile returns a file that Debian's libkrb5 1.20.1 has written for logins with session
// keys of the encryption types 17 to 20.
func mitFile(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("testdata/mit-1.20.1.rcache2.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFind_MIT checks that find finds each record of a file of MIT's library, in two tables,
// and no other tag.
func TestFind_MIT(t *testing.T) {
	b := mitFile(t)
	seed := [seedLen]byte(b)
	var tables [2]int
	for at := seedLen; at+recordLen <= len(b); at += recordLen {
		e := parseEntry(b[at:])
		if e.time == 0 {
			continue
		}
		if at < 16<<10 {
			tables[0]++
		} else {
			tables[1]++
		}
		if p, err := find(bytes.NewReader(b), seed, e.tag, never); !p.known || err != nil {
			t.Fatalf("the record at %d: %+v, %v", at, p, err)
		}
		e.tag[0] ^= 1
		if p, err := find(bytes.NewReader(b), seed, e.tag, never); p.known || err != nil {
			t.Fatalf("another tag: %+v, %v", p, err)
		}
	}
	if tables[0] < 400 || tables[1] < 40 {
		t.Errorf("records in tables: %v", tables)
	}
}

func never(uint32) bool  { return false }
func always(uint32) bool { return true }

// sparse is a file in memory with holes.
type sparse map[int64][recordLen]byte

func (s sparse) ReadAt(b []byte, at int64) (int, error) {
	for i := 0; i < len(b); i += recordLen {
		r := s[at+int64(i)]
		copy(b[i:], r[:])
	}
	return len(b), nil
}

func (s sparse) WriteAt(b []byte, at int64) (int, error) {
	s[at] = [recordLen]byte(b)
	return len(b), nil
}

// places returns the offsets of the two records of each table for a tag, computed apart
// from find: the tables after the first have 32, 64, 128 KiB and so on.
func places(seed [seedLen]byte, tag [tagLen]byte) (out []int64) {
	begin, size := int64(16), int64(16<<10-16)
	for begin+size < 1<<31 {
		at := begin + int64(hash(seed, tag)%uint64(size/16))*16
		out = append(out, at, at+16)
		begin += size
		if size = 2 * size; begin == 16<<10 {
			size = 32 << 10
		}
		seed[0]++
	}
	return out
}

// TestFind_EveryTable fills the places of a tag table by table. The record goes to the first
// place that is free, and the last table of the format refuses.
func TestFind_EveryTable(t *testing.T) {
	var seed [seedLen]byte
	var tag [tagLen]byte
	rand.Read(seed[:])
	rand.Read(tag[:])
	f := make(sparse)
	all := places(seed, tag)
	for i, want := range all {
		p, err := find(f, seed, tag, never)
		if err != nil || p != (place{offset: want}) {
			t.Fatalf("place %d: %+v, %v, want %d", i, p, err, want)
		}
		e := entry{time: uint32(i + 1)}
		rand.Read(e.tag[:])
		if err := e.write(f, want); err != nil {
			t.Fatal(err)
		}
	}
	if last := all[len(all)-1]; last < 1<<29 || last > maxFile {
		t.Errorf("the last place is %d", last)
	}
	if p, err := find(f, seed, tag, never); !errors.Is(err, errFull) {
		t.Errorf("all places taken: %+v, %v", p, err)
	}
	// A record that has expired is overwritten, the first one first.
	for i, want := range all {
		p, err := find(f, seed, tag, func(time uint32) bool { return time > uint32(i) })
		if err != nil || p != (place{offset: want, old: uint32(i + 1)}) {
			t.Fatalf("record %d has expired: %+v, %v", i, p, err)
		}
	}
	// The tag is known in each place, also behind places that are free.
	for i, at := range all {
		saved := f[at]
		if err := (entry{tag, 1}).write(f, at); err != nil {
			t.Fatal(err)
		}
		if p, err := find(f, seed, tag, always); !p.known || err != nil {
			t.Errorf("place %d: %+v, %v", i, p, err)
		}
		f[at] = saved
	}
}

// TestStore_Full checks the refusal of a Cache whose file is full for an authenticator, and
// that the file stays as it is.
func TestStore_Full(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has locks of open file descriptions")
	}
	path := t.TempDir() + "/replay"
	c, err := Open(t.Context(), Config{Path: path, Start: authenticator.AcceptOlder})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var seed [seedLen]byte
	if _, err := f.ReadAt(seed[:], 0); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	r := authenticator.Record{Time: now, Now: now, Until: now.Add(301 * time.Second)}
	rand.Read(r.Tag[:])
	for _, at := range places(seed, [tagLen]byte(r.Tag[:])) {
		e := entry{time: uint32(now.Unix())}
		rand.Read(e.tag[:])
		if err := e.write(f, at); err != nil {
			t.Skipf("the file system has no sparse files of 2 GiB: %v", err)
		}
	}
	if fresh, err := c.Store(t.Context(), r); fresh || status.ReasonOf(err) != status.ReasonReplayCacheFull {
		t.Errorf("Store = %v, %v", fresh, err)
	}
	other := r
	rand.Read(other.Tag[:])
	if fresh, err := c.Store(t.Context(), other); !fresh || err != nil {
		t.Errorf("another authenticator: Store = %v, %v", fresh, err)
	}
}
