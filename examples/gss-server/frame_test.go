package main

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// frames are in the encodings of MIT's gss-client and gss-server.
var frames = []struct {
	name string
	wire string
	want frame
}{
	{"a context follows", "\x11\x00\x00\x00\x00", frame{flags: frameNoop | frameContextNext}},
	{"nothing to say", "\x01\x00\x00\x00\x00", frame{flags: frameNoop}},
	{"context token", "\x02\x00\x00\x00\x03abc", frame{flags: frameContext, body: []byte("abc")}},
	{"message", "\xe4\x00\x00\x00\x02hi", frame{flags: frameData | frameWrapped | frameEncrypted | frameSendMIC, body: []byte("hi")}},
	{"signature", "\x08\x00\x00\x00\x01m", frame{flags: frameMIC, body: []byte("m")}},
	{"version 1", "\x00\x00\x00\x03abc", frame{body: []byte("abc"), v1: true}},
	{"version 1, empty", "\x00\x00\x00\x00", frame{v1: true}},
}

func equal(a, b frame) bool {
	return a.flags == b.flags && a.v1 == b.v1 && bytes.Equal(a.body, b.body)
}

func TestFrame_BothWays(t *testing.T) {
	for _, c := range frames {
		for name, r := range map[string]io.Reader{
			"at once":      strings.NewReader(c.wire),
			"byte by byte": iotest.OneByteReader(strings.NewReader(c.wire)),
		} {
			f, err := readFrame(r, 16)
			if err != nil || !equal(f, c.want) {
				t.Errorf("%s, %s: %+v, %v; want %+v", c.name, name, f, err, c.want)
			}
		}
		var w bytes.Buffer
		if err := writeFrame(&w, c.want); err != nil || w.String() != c.wire {
			t.Errorf("%s: wrote %q, %v; want %q", c.name, w.String(), err, c.wire)
		}
	}
}

func TestFrame_LeavesWhatFollows(t *testing.T) {
	r := strings.NewReader("\x02\x00\x00\x00\x03abcdef")
	if _, err := readFrame(r, 3); err != nil || r.Len() != 3 {
		t.Fatalf("%v, %d bytes left", err, r.Len())
	}
}

func TestFrame_Refused(t *testing.T) {
	for _, c := range frames {
		for n := range len(c.wire) {
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF
			}
			if f, err := readFrame(strings.NewReader(c.wire[:n]), 16); !errors.Is(err, want) {
				t.Errorf("%s, %d bytes of it: %+v, %v; want %v", c.name, n, f, err, want)
			}
		}
	}
	for _, wire := range []string{
		"\x02\x00\x00\x00\x11" + strings.Repeat("a", 17),
		"\x02\xff\xff\xff\xff",
		"\x00\xff\xff\xff",
	} {
		if _, err := readFrame(strings.NewReader(wire), 16); !errors.Is(err, errTooLong) {
			t.Errorf("%q: %v, want %v", wire[:4], err, errTooLong)
		}
	}
}

// TestFrame_LengthCostsNothing checks that readFrame does not allocate the gigabyte that a
// header announces.
func TestFrame_LengthCostsNothing(t *testing.T) {
	const promised = 1 << 30
	got := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := readFrame(strings.NewReader("\x02\x40\x00\x00\x00abc"), promised); !errors.Is(err, io.ErrUnexpectedEOF) {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if got > 4096 {
		t.Errorf("readFrame allocated %[2]d bytes for 3 bytes of a frame whose header announces %[1]d", promised, got)
	}
}

// FuzzReadFrame checks that a frame that readFrame accepts is written back as the same
// bytes.
func FuzzReadFrame(f *testing.F) {
	for _, c := range frames {
		f.Add([]byte(c.wire))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		in = slices.Clip(bytes.Clone(in))
		r := bytes.NewReader(in)
		fr, err := readFrame(r, 1<<10)
		if err != nil {
			return
		}
		var w bytes.Buffer
		if err := writeFrame(&w, fr); err != nil {
			t.Fatal(err)
		}
		if read := in[:len(in)-r.Len()]; !bytes.Equal(w.Bytes(), read) {
			t.Errorf("read %x, wrote %x", read, w.Bytes())
		}
	})
}
