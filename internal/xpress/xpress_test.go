package xpress

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// examples are those of [MS-XCA], Section 3.2: the alphabet, and "abc" a hundred times.
var examples = map[string]struct{ plain, compressed string }{
	"alphabet":             {"abcdefghijklmnopqrstuvwxyz", strings.Repeat("00", 48) + "5055555555555555555555454404" + strings.Repeat("00", 66) + "04" + strings.Repeat("00", 127) + "d8523ed794115be9195ff9d67cdf8d0400000000"},
	"abc, a hundred times": {strings.Repeat("abc", 100), strings.Repeat("00", 48) + "3023" + strings.Repeat("00", 78) + "02" + strings.Repeat("00", 14) + "20" + strings.Repeat("00", 112) + "a8dc0000ff2601"},
}

// mustHex decodes a constant.
func mustHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPAC_12_Examples runs the examples of [MS-XCA], Section 3.2.
func TestPAC_12_Examples(t *testing.T) {
	for name, x := range examples {
		src := mustHex(t, x.compressed)
		got, err := Decompress(src, len(x.plain), 1<<20)
		if err != nil || string(got) != x.plain {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestPAC_12_Damaged refuses every truncation, a trailing byte and wrong sizes, and
// never decompresses a flipped bit to more than the size.
func TestPAC_12_Damaged(t *testing.T) {
	for name, x := range examples {
		src := mustHex(t, x.compressed)
		for n := range src {
			if _, err := Decompress(slices.Clip(bytes.Clone(src[:n])), len(x.plain), 1<<20); err == nil {
				t.Errorf("%s: accepted %d of %d bytes", name, n, len(src))
			}
		}
		if _, err := Decompress(append(bytes.Clone(src), 0), len(x.plain), 1<<20); err == nil {
			t.Errorf("%s: accepted a trailing byte", name)
		}
		for _, n := range []int{-1, 0, len(x.plain) - 1, len(x.plain) + 1} {
			if _, err := Decompress(src, n, 1<<20); err == nil {
				t.Errorf("%s: accepted the size %d", name, n)
			}
		}
		if _, err := Decompress(src, len(x.plain), len(x.plain)-1); err == nil {
			t.Errorf("%s: accepted a size above the limit", name)
		}
		for i := range src {
			for bit := range 8 {
				src[i] ^= 1 << bit
				if got, err := Decompress(src, len(x.plain), 1<<20); err == nil && len(got) != len(x.plain) {
					t.Errorf("%s: %d bytes", name, len(got))
				}
				src[i] ^= 1 << bit
			}
		}
	}
}

// encoder writes compressed data as Decompress reads it: the bits of symbols and distances
// in words of 16 bits, most significant bit first, and the bytes of long lengths between
// these words.
type encoder struct {
	table [symbols]byte // the length of each symbol's code
	out   []byte
	words []int // the positions of the words in out
	bits  int   // written so far
}

// newEncoder writes a table in which each symbol has a code of 9 bits, its number.
func newEncoder() *encoder {
	var lengths [symbols]byte
	for i := range lengths {
		lengths[i] = 9
	}
	return encoderOf(lengths)
}

// encoderOf writes a table of code lengths.
func encoderOf(lengths [symbols]byte) *encoder {
	e := &encoder{table: lengths}
	for i := 0; i < symbols; i += 2 {
		e.out = append(e.out, lengths[i]|lengths[i+1]<<4)
	}
	e.room(2)
	return e
}

// room makes n more words.
func (e *encoder) room(n int) {
	for range n {
		e.words = append(e.words, len(e.out))
		e.out = append(e.out, 0, 0)
	}
}

// put writes the n low bits of v.
func (e *encoder) put(v, n int) *encoder {
	for i := n - 1; i >= 0; i-- {
		if v>>i&1 != 0 {
			e.out[e.words[e.bits/16]+1-e.bits%16/8] |= 0x80 >> (e.bits % 8)
		}
		e.bits++
	}
	if need := 2 + (e.bits-1)/16; need > len(e.words) {
		e.room(need - len(e.words))
	}
	return e
}

// symbols writes the codes of symbols of 9 bits each.
func (e *encoder) symbols(list ...int) *encoder {
	for _, s := range list {
		e.put(s, 9)
	}
	return e
}

// length writes bytes of a long length.
func (e *encoder) length(b ...byte) *encoder {
	e.out = append(e.out, b...)
	return e
}

// match returns the symbol of a match.
func match(distanceBits, low int) int { return literals | distanceBits<<4 | low }

// TestPAC_12_Refused checks the reason for each refusal, and that data beside it is accepted.
func TestPAC_12_Refused(t *testing.T) {
	cut := func(e *encoder, n int) *encoder { return &encoder{out: e.out[:len(e.out)-n]} }
	lengths := func(n byte) (l [symbols]byte) {
		for i := range l {
			l[i] = n
		}
		return l
	}
	// Here a zero bit is a match, so that a decoder that reads beyond the input finds matches
	// until one does not fit.
	var zeros [symbols]byte
	zeros['a'], zeros['b'], zeros[match(0, 0)] = 2, 2, 1
	many := func(e *encoder, n int) *encoder {
		for range n {
			e.put(2, 2)
		}
		return e
	}
	for name, row := range map[string]struct {
		e    *encoder
		size int
		want error
		text string
	}{
		"literals":                         {newEncoder().symbols('a', 'b', 256), 2, nil, "ab"},
		"a match":                          {newEncoder().symbols('a', 'b', match(1, 0)).put(0, 1).symbols(256), 5, nil, "ababa"},
		"a length in a byte":               {newEncoder().symbols('a', match(0, 15)).length(2).symbols(256), 21, nil, strings.Repeat("a", 21)},
		"a length in 16 bits":              {newEncoder().symbols('a', match(0, 15)).length(255, 15, 0).symbols(256), 19, nil, strings.Repeat("a", 19)},
		"a length in 32 bits":              {newEncoder().symbols('a', match(0, 15)).length(255, 0, 0, 15, 0, 0, 0).symbols(256), 19, nil, strings.Repeat("a", 19)},
		"too many codes":                   {encoderOf(lengths(8)).symbols('a', 256), 1, errTable, ""},
		"too few codes":                    {encoderOf(lengths(10)).symbols('a', 256), 1, errTable, ""},
		"no codes":                         {encoderOf([symbols]byte{}).symbols('a', 256), 1, errTable, ""},
		"no bits after the table":          {cut(newEncoder(), 1), 1, errShort, ""},
		"no bits for a symbol":             {many(encoderOf(zeros), 16), 101, errShort, ""},
		"a match before the data":          {newEncoder().symbols('a', match(1, 0)).put(0, 1).symbols('b', 'c', 'd', 256), 4, errMatch, ""},
		"a match beyond the size":          {newEncoder().symbols('a', match(0, 0), 256), 3, errMatch, ""},
		"a length of 16 bits that is low":  {newEncoder().symbols('a', match(0, 15)).length(255, 14, 0).symbols('b', 'c', 256), 3, errLen, ""},
		"a length of 32 bits that is low":  {newEncoder().symbols('a', match(0, 15)).length(255, 0, 0, 3, 0, 0, 0).symbols('b', 'c', 256), 3, errLen, ""},
		"a length of 32 bits that is high": {newEncoder().symbols('a', match(0, 15)).length(255, 0, 0, 0xf0, 0xff, 0xff, 0xff).symbols('b', 'c', 256), 3, errMatch, ""},
		"no byte of a length":              {newEncoder().symbols('a', match(0, 15)), 20, errShort, ""},
		"one of 16 bits of a length":       {newEncoder().symbols('a', match(0, 15)).length(255, 1), 20, errShort, ""},
		"three of four bytes of a length":  {newEncoder().symbols('a', match(0, 15)).length(255, 0, 0, 1, 0, 0), 20, errShort, ""},
		"no bits for a distance":           {&encoder{out: newEncoder().symbols('a', 'b', match(15, 0)).out}, 10, errShort, ""},
		"no end":                           {newEncoder().symbols('a', 'b'), 1, errEnd, ""},
		"a byte after the end":             {newEncoder().symbols('a', 256).length(0), 1, errEnd, ""},
	} {
		got, err := Decompress(slices.Clip(bytes.Clone(row.e.out)), row.size, 1<<20)
		if err != row.want || string(got) != row.text {
			t.Errorf("%s: %q, %v; want %v", name, got, err, row.want)
		}
	}
}

// FuzzDecompress gives the decompressor any bytes.
func FuzzDecompress(f *testing.F) {
	for _, x := range examples {
		f.Add(mustHex(f, x.compressed), len(x.plain))
	}
	f.Fuzz(func(t *testing.T, src []byte, size int) {
		const limit = 1 << 18
		got, err := Decompress(slices.Clip(bytes.Clone(src)), size, limit)
		if err == nil && (len(got) != size || size > limit) || err != nil && got != nil {
			t.Fatalf("%d bytes of %d, %v", len(got), size, err)
		}
	})
}
