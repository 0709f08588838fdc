package spnego

import (
	"fmt"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// Fragments holds the beginning of a token until its rest arrives (MS-SPNG, Section
// 3.1.5.9). The zero Fragments is empty.
//
// It stores the received bytes in blocks of 512 bytes with 496 bytes of content each.
// Its memory is therefore at most 512/496 of the received bytes and one block more, and
// appending a fragment costs the fragment's length, however many arrived before.
type Fragments struct {
	first, last *block
	n           int
}

// block is one piece of memory of Fragments. It fills a size class of Go's allocator, 512
// bytes, also on 32-bit processors, where the allocator adds a header of 8 bytes to objects
// of this size that contain pointers.
type block struct {
	next *block
	b    [496]byte
}

// Join returns the token that begins with the held bytes and ends with fragment, if its
// outermost length shows that the token is whole. It returns fragment itself if f holds
// no bytes, and a copy otherwise. The held bytes stay held. Join refuses a token whose
// length, received or announced, exceeds max.
func (f *Fragments) Join(fragment []byte, max int) (token []byte, whole bool, err error) {
	if len(fragment) > max-f.n {
		return nil, false, tooLong()
	}
	var room [headLen]byte
	head := f.head(&room, fragment)
	length := f.n + len(fragment)
	n, ok := announced(head)
	switch {
	case n > max:
		return nil, false, tooLong()
	case !ok:
		whole = length >= longestHeader
	default:
		whole = length >= n
	}
	if !whole && IsNegotiation(head) {
		return nil, false, nil
	}
	if f.n == 0 {
		return fragment, true, nil
	}
	token = make([]byte, 0, length)
	for b := f.first; b != nil; b = b.next {
		token = append(token, b.b[:min(len(b.b), f.n-len(token))]...)
	}
	return append(token, fragment...), true, nil
}

// head returns the first bytes of the token that begins with the held bytes and goes on
// with fragment. It writes them to room.
func (f *Fragments) head(room *[headLen]byte, fragment []byte) []byte {
	n := 0
	if f.first != nil {
		n = copy(room[:], f.first.b[:min(len(f.first.b), f.n)])
	}
	return room[:n+copy(room[n:], fragment)]
}

// Hold appends a copy of fragment to the held bytes.
func (f *Fragments) Hold(fragment []byte) {
	for len(fragment) > 0 {
		used := f.n % len(block{}.b)
		if used == 0 {
			b := new(block)
			if f.last == nil {
				f.first = b
			} else {
				f.last.next = b
			}
			f.last = b
		}
		n := copy(f.last.b[used:], fragment)
		f.n, fragment = f.n+n, fragment[n:]
	}
}

// Len returns the number of held bytes.
func (f *Fragments) Len() int { return f.n }

// Drop releases the held bytes.
func (f *Fragments) Drop() { *f = Fragments{} }

// CutError returns the refusal of token, which Join found not to be whole.
func CutError(token []byte) error {
	detail := fmt.Sprintf("the SPNEGO token ends within its header, after %d bytes", len(token))
	if n, ok := announced(token); ok {
		detail = fmt.Sprintf("the SPNEGO token is cut: its header announces %d bytes and %d arrived", n, len(token))
	}
	return &status.Error{Reason: status.ReasonMalformedToken, Detail: detail}
}

const (
	// longestHeader is the length of a tag and of a length of up to four bytes.
	longestHeader = 6

	// headLen is the number of bytes that Join reads of a token: the header, and element.
	headLen = longestHeader + len(element)
)

// announced returns the length of a token according to its header. ok is false if the
// header is incomplete or is not a DER header.
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
		if length > 1<<22 { // also keeps an int of 32 bits from overflowing
			return 1 << 30, true
		}
		length = length<<8 | int(b)
	}
	return 2 + size + length, true
}

// IsNegotiation reports whether token begins as a token of this mechanism does; a token
// that ends earlier must agree in the bytes that it has. Other mechanisms do not
// fragment their tokens.
func IsNegotiation(token []byte) bool { return IsResponse(token) || isFramed(token, 1) }

// IsInit reports whether token has the frame of this mechanism.
func IsInit(token []byte) bool { return isFramed(token, len(element)) }

// IsResponse reports whether token has the tag of a NegTokenResp.
func IsResponse(token []byte) bool { return len(token) > 0 && token[0] == tagResponse }

// element is the object identifier of this mechanism, 1.3.6.1.5.5.2, in DER.
const element = "\x06\x06\x2b\x06\x01\x05\x05\x02"

// isFramed reports whether token has a GSS frame whose content begins with element. If
// token ends within element, at least the first least bytes of element must be present;
// a least of 1 also allows a token that ends before element.
func isFramed(token []byte, least int) bool {
	if len(token) == 0 || token[0] != krb5.FrameTag {
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

func tooLong() error {
	return &status.Error{Reason: status.ReasonTokenTooLong, Detail: "the token is longer than MaxToken, by its header or by the sum of its fragments"}
}
