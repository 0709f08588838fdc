package ndr

import (
	"encoding/binary"
	"errors"
	"testing"
)

// serialized returns body with the headers of [MS-RPCE], Section 2.2.6, and a pointer that is
// not null.
func serialized(body ...byte) []byte {
	b := []byte{1, 0x10, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)+4))
	return append(append(b, 0, 0, 0, 0, 0, 0, 2, 0), body...)
}

// TestPAC_10_Headers refuses other serializations and lengths that do not fit.
func TestPAC_10_Headers(t *testing.T) {
	change := func(i int, v byte) []byte {
		b := serialized()
		b[i] = v
		return b
	}
	for name, row := range map[string]struct {
		b    []byte
		want error
	}{
		"empty":        {nil, errShort},
		"version":      {change(0, 2), errHeader},
		"big-endian":   {change(1, 0), errHeader},
		"header":       {change(2, 16), errHeader},
		"longer":       {change(8, 5), errShort},
		"null pointer": {change(18, 0), errNull},
		"trailing":     {append(serialized(), make([]byte, 8)...), errTrailing},
		"padding":      {append(serialized(), make([]byte, 7)...), nil},
	} {
		if _, err := NewDecoder(row.b); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
}

// TestPAC_10_Counts refuses counts that differ or exceed the data, and keeps the first error.
func TestPAC_10_Counts(t *testing.T) {
	for name, row := range map[string]struct {
		body  []byte
		count uint32
		want  error
	}{
		"right":     {[]byte{2, 0, 0, 0, 1, 2}, 2, nil},
		"another":   {[]byte{2, 0, 0, 0, 1, 2}, 3, errCount},
		"too large": {[]byte{255, 255, 255, 255}, 1<<32 - 1, errCount},
	} {
		d, err := NewDecoder(serialized(row.body...))
		if err != nil {
			t.Fatal(err)
		}
		n := d.Array(row.count, 1)
		if err := d.Err(); !errors.Is(err, row.want) || err != nil && (n != 0 || d.Uint32() != 0) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

// TestPAC_10_Uint8 reads single bytes up to the end.
func TestPAC_10_Uint8(t *testing.T) {
	d, err := NewDecoder(serialized(7, 8))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := d.Uint8(), d.Uint8(); a != 7 || b != 8 || d.Err() != nil {
		t.Errorf("%d, %d, %v", a, b, d.Err())
	}
	if n := d.Uint8(); n != 0 || d.Err() != errShort {
		t.Errorf("%d, %v", n, d.Err())
	}
}

// TestPAC_10_Text refuses UTF-16 that two implementations could read differently.
func TestPAC_10_Text(t *testing.T) {
	for units, want := range map[string]string{
		"a\x00": "a", "\x3d\xd8\x00\xde": "😀", "": "",
		"a": "!", "\x00\x00": "!", "\x3d\xd8": "!", "\x3d\xd8a\x00": "!", "\x00\xde": "!",
	} {
		got, ok := AppendUTF8(nil, []byte(units))
		if ok != (want != "!") || ok && string(got) != want {
			t.Errorf("%x: %q, %v", units, got, ok)
		}
	}
}
