package main

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// pdus are requests in the encodings of OpenLDAP's ldapsearch and Windows' wldap32.
var pdus = []struct {
	name string
	wire string
	op   ber.Tag
}{
	{"anonymous bind", "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", opBindRequest},
	{"GSS-SPNEGO bind", "\x30\x1a\x02\x01\x01\x60\x15\x02\x01\x03\x04\x00\xa3\x0e\x04\x0aGSS-SPNEGO\x04\x00", opBindRequest},
	{"unbind", "\x30\x05\x02\x01\x02\x42\x00", opUnbindRequest},
	{"unbind, lengths of Windows", "\x30\x84\x00\x00\x00\x05\x02\x01\x02\x42\x00", opUnbindRequest},
	{"unbind, longest length", "\x30\x88\x00\x00\x00\x00\x00\x00\x00\x06\x02\x01\x02\x42\x81\x00", opUnbindRequest},
	{"abandon", "\x30\x06\x02\x01\x03\x50\x01\x02", opAbandonRequest},
	{"whoami", "\x30\x1e\x02\x01\x02\x77\x19\x80\x17" + oidWhoAmI, opExtendedRequest},
	{"search", "\x30\x25\x02\x01\x02\x63\x20\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x0bobjectclass\x30\x00", opSearchRequest},
	{
		"search, lengths of Windows",
		"\x30\x84\x00\x00\x00\x31\x02\x01\x02\x63\x84\x00\x00\x00\x28\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x78\x01\x01\x00\x87\x0bobjectclass\x30\x84\x00\x00\x00\x04\x04\x02cn", opSearchRequest,
	},
	{
		"whoami with a control", "\x30\x33\x02\x01\x02\x77\x19\x80\x17" + oidWhoAmI +
			"\xa0\x13\x30\x11\x04\x0a1.2.3.4.55\x01\x01\xff\x04\x00", opExtendedRequest,
	},
}

func TestReadPDU_Accepted(t *testing.T) {
	for _, c := range pdus {
		for name, r := range map[string]io.Reader{
			"at once":      strings.NewReader(c.wire + "more"),
			"byte by byte": iotest.OneByteReader(strings.NewReader(c.wire + "more")),
		} {
			pdu, err := readPDU(r, 1<<10)
			if err != nil || string(pdu) != c.wire {
				t.Errorf("%s, %s: %x, %v; want %x", c.name, name, pdu, err, c.wire)
				continue
			}
			m, err := parseMessage(pdu)
			if err != nil || m.op.Tag != c.op {
				t.Errorf("%s: %+v, %v", c.name, m, err)
			}
			if rest, _ := io.ReadAll(r); string(rest) != "more" {
				t.Errorf("%s: after the PDU the reader has %q, want all bytes after the PDU", c.name, rest)
			}
		}
	}
}

func TestReadPDU_Truncated(t *testing.T) {
	for _, c := range pdus {
		for n := range len(c.wire) {
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF
			}
			if pdu, err := readPDU(strings.NewReader(c.wire[:n]), 1<<10); !errors.Is(err, want) {
				t.Errorf("%s, %d bytes of it: %x, %v; want %v", c.name, n, pdu, err, want)
			}
		}
	}
}

func TestReadPDU_Refused(t *testing.T) {
	for name, wire := range map[string]string{
		"HTTP":                "GET / HTTP/1.1\r\n\r\n",
		"TLS":                 "\x16\x03\x01\x02\x00\x01",
		"SASL frame":          "\x00\x00\x00\x10\x05\x04",
		"a SET":               "\x31\x05\x02\x01\x02\x42\x00",
		"indefinite length":   "\x30\x80\x02\x01\x02\x42\x00\x00\x00",
		"length of 9 bytes":   "\x30\x89\x00\x00\x00\x00\x00\x00\x00\x00\x05\x02\x01\x02\x42\x00",
		"length of 127 bytes": "\x30\xff" + strings.Repeat("\x00", 127),
		"one too long":        "\x30\x82\x04\x01" + strings.Repeat("\x00", 1025),
		"longest":             "\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff\x00",
	} {
		if pdu, err := readPDU(strings.NewReader(wire), 1<<10); !errors.Is(err, errPDU) {
			t.Errorf("%s: %x, %v; want %v", name, pdu, err, errPDU)
		}
	}
}

// TestReadPDU_LengthCostsNothing checks that readPDU does not allocate the gigabyte that a
// header announces.
func TestReadPDU_LengthCostsNothing(t *testing.T) {
	const promised = 1 << 30
	got := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := readPDU(strings.NewReader("\x30\x84\x40\x00\x00\x00abc"), promised); !errors.Is(err, io.ErrUnexpectedEOF) {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if got > 64<<10 {
		t.Errorf("readPDU allocated %d bytes for 3 bytes of a PDU whose header announces %d", got, promised)
	}
}

// wrap returns an element with the content.
func wrap(tag byte, content string) string {
	n := len(content)
	return string([]byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}) + content
}

func TestParseMessage_Refused(t *testing.T) {
	const unbind = "\x42\x00"
	nested := func(n int) string {
		filter := "\x87\x02cn"
		for range n {
			filter = wrap(0xa2, filter)
		}
		return wrap(0x30, "\x02\x01\x02"+wrap(0x63, "\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00"+filter+"\x30\x00"))
	}
	if _, err := parseMessage([]byte(nested(maxDepth - 2))); err != nil {
		t.Errorf("a filter of the greatest permitted depth: %v", err)
	}
	control := func(c string) string { return wrap(0x30, "\x02\x01\x02"+unbind+wrap(0xa0, c)) }
	for name, pdu := range map[string]string{
		"empty":                       "\x30\x00",
		"message ID alone":            "\x30\x03\x02\x01\x02",
		"message ID 0":                wrap(0x30, "\x02\x01\x00"+unbind),
		"negative message ID":         wrap(0x30, "\x02\x01\xff"+unbind),
		"message ID of no bytes":      wrap(0x30, "\x02\x00"+unbind),
		"message ID above maxInt":     wrap(0x30, "\x02\x05\x00\x80\x00\x00\x00"+unbind),
		"message ID of nine bytes":    wrap(0x30, "\x02\x09\x01\x00\x00\x00\x00\x00\x00\x00\x01"+unbind),
		"message ID, constructed":     wrap(0x30, "\x22\x03\x02\x01\x02"+unbind),
		"message ID, other type":      wrap(0x30, "\x0a\x01\x02"+unbind),
		"a response":                  wrap(0x30, "\x02\x01\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
		"an unknown operation":        wrap(0x30, "\x02\x01\x02\x7e\x00"),
		"a context-specific tag":      wrap(0x30, "\x02\x01\x02\x82\x00"),
		"a bind that is primitive":    wrap(0x30, "\x02\x01\x02\x40\x00"),
		"an unbind with elements":     wrap(0x30, "\x02\x01\x02\x62\x00"),
		"four elements":               wrap(0x30, "\x02\x01\x02"+unbind+"\xa0\x00\xa0\x00"),
		"no controls but a string":    wrap(0x30, "\x02\x01\x02"+unbind+"\x04\x00"),
		"control, no sequence":        control("\x04\x00"),
		"control, empty":              control("\x30\x00"),
		"control, bad OID":            control("\x30\x03\x02\x01\x00"),
		"control, bad criticality":    control("\x30\x05\x04\x01\x31\x01\x00"),
		"control, no value":           control("\x30\x06\x04\x01\x31\x02\x01\x00"),
		"control, two values":         control("\x30\x07\x04\x01\x31\x04\x00\x04\x00"),
		"an element cut short":        "\x30\x05\x02\x01\x02\x42\x05",
		"an element without length":   "\x30\x04\x02\x01\x02\x42",
		"an element of half a length": "\x30\x06\x02\x01\x02\x42\x82\x00",
		"an indefinite element":       "\x30\x07\x02\x01\x02\x63\x80\x00\x00",
		"a tag of two bytes":          "\x30\x06\x02\x01\x02\x7f\x20\x00",
		"a bad REAL":                  wrap(0x30, "\x02\x01\x02"+wrap(0x63, "\x09\x02\xc0\x00")),
		"nested too deep":             nested(maxDepth),
		"nested deep for a stack":     nested(9000),
		"too many elements":           wrap(0x30, "\x02\x01\x02"+wrap(0x63, strings.Repeat("\x05\x00", maxElements))),
	} {
		if m, err := parseMessage([]byte(pdu)); !errors.Is(err, errPDU) {
			t.Errorf("%s: %+v, %v; want %v", name, m, err, errPDU)
		}
	}
}

// TestParseMessage_CostIsBounded limits the memory that parseMessage allocates for the most
// expensive messages of 64 kB.
func TestParseMessage_CostIsBounded(t *testing.T) {
	flat := wrap(0x30, "\x02\x01\x02"+wrap(0x63, strings.Repeat("\x05\x00", maxElements-4)))
	deep := "\x04\x83\x00\xf0\x00" + strings.Repeat("a", 0xf000)
	for range maxDepth - 2 {
		deep = wrap(0xa2, deep)
	}
	deep = wrap(0x30, "\x02\x01\x02"+wrap(0x63, deep))
	for name, pdu := range map[string]string{"flat": flat, "deep": deep} {
		got := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parseMessage([]byte(pdu)); err != nil {
					b.Fatal(name, err)
				}
			}
		}).AllocedBytesPerOp()
		if got > 32<<20 {
			t.Errorf("%s: %d bytes allocate %d", name, len(pdu), got)
		}
		t.Logf("%s: %d bytes allocate %d", name, len(pdu), got)
	}
}

// FuzzReadPDU checks that readPDU returns the bytes that it reads, and that a message which
// parseMessage accepts has the same content after it is encoded again in the shortest form.
func FuzzReadPDU(f *testing.F) {
	for _, c := range pdus {
		f.Add([]byte(c.wire))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		in = slices.Clip(bytes.Clone(in))
		r := bytes.NewReader(in)
		pdu, err := readPDU(r, 1<<12)
		if err != nil {
			return
		}
		if read := in[:len(in)-r.Len()]; !bytes.Equal(pdu, read) {
			t.Fatalf("read %x, returned %x", read, pdu)
		}
		m, err := parseMessage(pdu)
		if err != nil {
			if !errors.Is(err, errPDU) {
				t.Fatalf("%v is not %v", err, errPDU)
			}
			return
		}
		switch m.op.Tag { // no panic
		case opSearchRequest:
			if q, err := parseSearch(m.op); err == nil {
				_, _ = match(q.filter, entry{attributes: []attribute{{name: "cn", values: []string{"x"}}}})
			}
		case opBindRequest:
			_, _ = parseBind(m.op)
		}
		again, err := parseMessage(envelope(m.id, m.op))
		if err != nil || again.id != m.id || !bytes.Equal(again.op.Bytes(), m.op.Bytes()) {
			t.Errorf("%x, encoded again: %+v, %v", pdu, again, err)
		}
	})
}
