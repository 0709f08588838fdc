package message

import "slices"

// maxSaved is the size of the buffer that holds the rotated part of a token while
// unrotate opens the token in place. Implementations rotate by at most a filler of 16
// bytes, a header and a checksum, which is less.
const maxSaved = 64

// rotation returns the number of bytes by which the sender rotated the token's body of n
// bytes to the right; n is at least 1. In DCE style, sealed tokens are rotated by EC too
// (MS-KILE, Section 3.4.5.4.1).
func (p *Protector) rotation(h header, n int) int {
	r := h.rrc
	if p.dce && h.sealed {
		r += h.ec
	}
	return r % n
}

// runs holds a token's body as it was before the rotation: the bytes of a followed by
// the bytes of b.
type runs struct{ a, b []byte }

// unrotate returns a token's body with its rotation undone. If the message will
// overwrite the token, unrotate first copies the front part, which the first write would
// destroy, to s.
func (p *Protector) unrotate(s *scratch, h header, dst, token []byte) runs {
	body := token[headerLen:]
	r := p.rotation(h, len(body))
	front := body[:r]
	switch {
	case !follows(dst, token):
	case r <= maxSaved:
		saved := s.saved(r)
		copy(saved, front)
		front = saved
	default:
		// No known implementation rotates this far. Reversing both parts and then the
		// whole rotates to the left.
		slices.Reverse(body[:r])
		slices.Reverse(body[r:])
		slices.Reverse(body)
		return runs{a: body}
	}
	return runs{a: body[r:], b: front}
}

// follows reports whether bytes appended to dst overwrite token.
func follows(dst, token []byte) bool {
	return cap(dst) > len(dst) && &dst[:len(dst)+1][len(dst)] == &token[0]
}

// read fills dst with the bytes of t from offset on.
func (t runs) read(dst []byte, offset int) {
	if offset < len(t.a) {
		n := copy(dst, t.a[offset:])
		dst, offset = dst[n:], len(t.a)
	}
	copy(dst, t.b[offset-len(t.a):])
}
