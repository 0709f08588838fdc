package xpress

// huffman decodes a canonical prefix code: shorter codes precede longer ones, and codes of
// the same length are in the order of their symbols.
type huffman struct {
	count  [maxCodeLen + 1]uint16 // number of codes of each length
	sorted [symbols]uint16        // symbols in the order of their codes
}

// build sets the code from the table of code lengths, 4 bits for each symbol. The code must
// be complete: every sequence of 15 bits must begin with a code ([MS-XCA], Section
// 2.2.4).
func (h *huffman) build(table []byte) error {
	*h = huffman{}
	for _, b := range table {
		h.count[b&15]++
		h.count[b>>4]++
	}
	h.count[0] = 0
	var next [maxCodeLen + 1]uint16
	free := 1
	for n := 1; n <= maxCodeLen; n++ {
		free = free<<1 - int(h.count[n]) // stays negative once it is
		next[n] = next[n-1] + h.count[n-1]
	}
	if free != 0 {
		return errTable
	}
	for i, b := range table {
		for j, n := range [2]byte{b & 15, b >> 4} {
			if n != 0 {
				h.sorted[next[n]] = uint16(2*i + j)
				next[n]++
			}
		}
	}
	return nil
}

// decode returns the symbol whose code the topmost bits begin with, and the length of the
// code. A complete code has one for any bits.
func (h *huffman) decode(bits uint32) (symbol, length int) {
	code, first, index := 0, 0, 0
	for n := 1; n <= maxCodeLen; n++ {
		code = code<<1 | int(bits>>31)
		bits <<= 1
		count := int(h.count[n])
		if code-first < count {
			return int(h.sorted[index+code-first]), n
		}
		index += count
		first = (first + count) << 1
	}
	return 0, maxCodeLen // unreachable: build has checked that the code is complete
}
