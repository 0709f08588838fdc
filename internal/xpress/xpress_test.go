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
