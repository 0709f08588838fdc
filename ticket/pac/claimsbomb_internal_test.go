package pac

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// ndrOf puts the headers in front of a structure.
func ndrOf(body []byte) []byte {
	header := []byte{1, 0x10, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc}
	header = binary.LittleEndian.AppendUint32(header, uint32(len(body)+4))
	header = append(header, 0, 0, 0, 0, 1, 0, 2, 0)
	return append(header, body...)
}

// claimsSet writes a CLAIMS_SET with arrays, whose claims follow.
func claimsSet(w *writer, arrays int) {
	for _, n := range []int{arrays, 1, 0, 0, 0, arrays} {
		w.u32(uint32(n))
	}
}

// claim writes the entry of a claim with n strings.
func claim(w *writer, n int) {
	w.u32(1)
	w.u16(uint16(CLAIM_TYPE_STRING))
	w.u16(uint16(CLAIM_TYPE_STRING))
	w.u32(uint32(n))
	w.u32(uint32(min(n, 1)))
}

// wide writes a string of n code units and a NUL.
func wide(w *writer, n int) {
	w.u32(uint32(n + 1))
	w.u32(0)
	w.u32(uint32(n + 1))
	for range n {
		w.u16(0x4e00) // three bytes of UTF-8
	}
	w.u16(0)
	for len(w.b)%4 != 0 {
		w.b = append(w.b, 0)
	}
}

// TestPAC_12_ClaimsBombs decodes claims sets of 1 MiB, to which a few kilobytes decompress.
func TestPAC_12_ClaimsBombs(t *testing.T) {
	const longest = maxWideString - 1
	for name, x := range map[string]struct {
		write func(w *writer)
		want  error
	}{
		"4096 arrays": {func(w *writer) {
			claimsSet(w, maxClaims)
			w.b = append(w.b, make([]byte, 12*maxClaims)...)
		}, nil},
		"as many arrays as fit": {func(w *writer) {
			const n = (maxClaimsLen - 64) / 12
			claimsSet(w, n)
			w.b = append(w.b, make([]byte, 12*n)...)
		}, errClaims},
		"4096 claims": {func(w *writer) {
			claimsSet(w, 1)
			for _, n := range []uint32{1, maxClaims, 1, maxClaims} {
				w.u32(n)
			}
			for range maxClaims {
				claim(w, 0)
			}
			for range maxClaims {
				wide(w, 100)
			}
		}, nil},
		"no arrays": {func(w *writer) { // a null pointer
			for range 5 {
				w.u32(0)
			}
		}, nil},
		"4097 claims": {func(w *writer) {
			claimsSet(w, 1)
			for _, n := range []uint32{1, maxClaims + 1, 1, maxClaims + 1} {
				w.u32(n)
			}
			w.b = append(w.b, make([]byte, 16*(maxClaims+1))...)
		}, errClaims},
		"4097 values": {func(w *writer) {
			claimsSet(w, 1)
			for _, n := range []uint32{1, 1, 1, 1} {
				w.u32(n)
			}
			w.u32(1)
			w.u16(uint16(CLAIM_TYPE_INT64))
			w.u16(uint16(CLAIM_TYPE_INT64))
			w.u32(maxClaims + 1)
			w.u32(1)
			wide(w, 1)
			w.u32(maxClaims + 1)
			for len(w.b)%8 != 4 { // after the pointer to the structure
				w.b = append(w.b, 0)
			}
			w.b = append(w.b, make([]byte, 8*(maxClaims+1))...)
		}, errClaims},
		"as much text as fits": {func(w *writer) {
			const n = 15
			claimsSet(w, 1)
			for _, n := range []uint32{1, 1, 1, 1} {
				w.u32(n)
			}
			claim(w, n)
			wide(w, 1)
			w.u32(n)
			for range n {
				w.u32(1)
			}
			for range n {
				wide(w, longest)
			}
		}, nil},
		"a string that is too long": {func(w *writer) {
			claimsSet(w, 1)
			for _, n := range []uint32{1, 1, 1, 1} {
				w.u32(n)
			}
			claim(w, 0)
			wide(w, longest+1)
		}, errors.New("the counts of a string contradict each other")},
	} {
		var w writer
		x.write(&w)
		b := ndrOf(w.b)
		if len(b) > maxClaimsLen {
			t.Fatalf("%s: %d bytes", name, len(b))
		}
		var err error
		n := allocated(func() { _, err = decodeClaimsSet(b) })
		if (err == nil) != (x.want == nil) || err != nil && !strings.Contains(err.Error(), x.want.Error()) {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
		if n > 3<<20 { // and 1 MiB to decompress
			t.Errorf("%s: %d bytes allocated", name, n)
		}
	}
}

// maxWideString is the limit of package ndr, in UTF-16 code units with the NUL.
const maxWideString = 32 << 10
