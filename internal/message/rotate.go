package message

import "slices"

// maxSaved is the longest front part of a token that is set aside when a token is
// opened in place. It is more than any implementation rotates by, with any
// checksum: a filler of 16 bytes, a header and a checksum.
const maxSaved = 64

// rotation is by how many bytes what follows the header, n bytes and at least one,
// was rotated to the right. In DCE style that of sealed tokens counts EC too
// (MS-KILE, Section 3.4.5.4.1).
func (p *Protector) rotation(h header, n int) int {
	r := h.rrc
	if p.dce && h.sealed {
		r += h.ec
	}
	return r % n
}

// runs is what follows a token's header, as it was before the rotation: two runs
// of bytes, one behind the other.
type runs struct{ a, b []byte }

// unrotate gives a token's text. If the message is to be written over the token
// itself, what lies before the place that it is read from is set aside.
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
		// Nobody sends this. Rotating to the left is reversing each part, and then
		// the whole.
		slices.Reverse(body[:r])
		slices.Reverse(body[r:])
		slices.Reverse(body)
		return runs{a: body}
	}
	return runs{a: body[r:], b: front}
}

// follows reports whether what is appended to dst is written over token.
func follows(dst, token []byte) bool {
	return cap(dst) > len(dst) && &dst[:len(dst)+1][len(dst)] == &token[0]
}

// read copies the bytes from offset on to dst.
func (t runs) read(dst []byte, offset int) {
	if offset < len(t.a) {
		n := copy(dst, t.a[offset:])
		dst, offset = dst[n:], len(t.a)
	}
	copy(dst, t.b[offset-len(t.a):])
}
