package spnego

import (
	"bytes"

	"github.com/gosspi/kerberos/status"
)

// Fragments is the beginning of a token whose rest has not come yet (MS-SPNG,
// Section 3.1.5.9). The zero Fragments is none.
type Fragments struct{ held []byte }

// Join is token behind what is held, which stays held. whole: it is all there, as
// far as its outermost length tells. A token that will be longer than max is
// refused at once. The result is token itself where nothing was held, and otherwise
// good until the next Join.
func (f *Fragments) Join(token []byte, max int) (joined []byte, whole bool, err error) {
	joined = token
	if len(f.held) > 0 {
		if len(token) > max-len(f.held) {
			return nil, false, tooLong()
		}
		joined = append(f.held, token...) // into the room behind it, if there is some
	}
	n, ok := announced(joined)
	switch {
	case n > max || len(joined) > max:
		return nil, false, tooLong()
	case !ok:
		return joined, len(joined) >= longestHeader || !isNegotiation(joined), nil
	}
	return joined, len(joined) >= n || !isNegotiation(joined), nil
}

// Hold keeps joined, which the last Join returned, for the next. A token of the
// caller's is copied.
func (f *Fragments) Hold(joined []byte) {
	if len(f.held) == 0 {
		joined = bytes.Clone(joined)
	}
	f.held = joined
}

// Len is how many bytes are held.
func (f *Fragments) Len() int { return len(f.held) }

// Drop forgets what is held.
func (f *Fragments) Drop() { f.held = nil }

// longestHeader is the tag, and a length of up to four bytes.
const longestHeader = 6

// announced is how long a token says that it is. Not ok: its header is not all
// there, or is none.
func announced(token []byte) (n int, ok bool) {
	if len(token) < 2 {
		return 0, false
	}
	length := int(token[1])
	if length < 0x80 {
		return 2 + length, true
	}
	size := length & 0x7f
	if size == 0 || size > 4 || len(token) < 2+size {
		return 0, false
	}
	length = 0
	for _, b := range token[2 : 2+size] {
		if length > 1<<22 { // where an int has 32 bits, too
			return 1 << 30, true
		}
		length = length<<8 | int(b)
	}
	return 2 + size + length, true
}

// isNegotiation reports whether token begins as one of this mechanism does, as far
// as it goes. Others do not come in fragments.
func isNegotiation(token []byte) bool {
	return len(token) > 0 && token[0] == tagResponse || isFramed(token, 1)
}

// IsInit reports whether token has the frame of this mechanism.
func IsInit(token []byte) bool { return isFramed(token, len(element)) }

// element is the object identifier of this mechanism, 1.3.6.1.5.5.2, in DER.
const element = "\x06\x06\x2b\x06\x01\x05\x05\x02"

// isFramed reports whether token is in a GSS frame in which the first bytes of
// element stand, at least so many, or all that there are if it ends before them.
func isFramed(token []byte, least int) bool {
	if len(token) == 0 || token[0] != tagFrame {
		return false
	}
	start := 2
	if len(token) > 1 && token[1] >= 0x80 {
		start += int(token[1] & 0x7f)
	}
	if len(token) <= start {
		return least <= 1
	}
	rest := token[start:]
	n := min(len(element), len(rest))
	return n >= least && string(rest[:n]) == element[:n]
}

func tooLong() error { return &status.Error{Reason: status.ReasonTokenTooLong} }
