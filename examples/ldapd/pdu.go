package main

import (
	"errors"
	"fmt"
	"io"
)

// Bounds of what a client may send. They are arbitrary, but no client comes near.
const (
	maxPDUBefore = 64 << 10 // bytes, before the client has logged in
	maxPDU       = 1 << 20  // bytes, afterwards
	maxDepth     = 64       // of elements within elements; a filter is the deepest
	maxElements  = 4096     // in one PDU: decoding makes an object of each
)

// errPDU is a PDU that cannot be understood. The client is told so, and the
// session ends (RFC 4511, Section 4.1.1).
var errPDU = errors.New("malformed LDAP message")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errPDU, fmt.Sprintf(format, args...))
}

const sequenceTag = 0x30 // universal, constructed, 16: what every LDAP message is

// readPDU reads one LDAP message of at most limit bytes after its header, and no
// byte more: what follows may belong to another layer. io.EOF comes only before
// the first byte. The body is allocated as it arrives.
//
// Lengths may be longer than they need to be, as Windows sends them, but not
// indefinite (RFC 4511, Section 5.1).
func readPDU(r io.Reader, limit int) ([]byte, error) {
	var head [2 + maxLengthOctets]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return nil, err
	}
	if head[0] != sequenceTag {
		return nil, malformed("it begins with %#02x, not with a SEQUENCE", head[0])
	}
	if _, err := io.ReadFull(r, head[1:2]); err != nil {
		return nil, truncated(err)
	}
	more, err := lengthOctets(head[1])
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r, head[2:2+more]); err != nil {
		return nil, truncated(err)
	}
	n := length(head[1 : 2+more])
	if n > uint64(limit) {
		return nil, malformed("%d bytes, at most %d are read", n, limit)
	}
	pdu := &writer{b: head[:2+more]}
	if _, err := io.CopyN(pdu, r, int64(n)); err != nil {
		return nil, truncated(err)
	}
	return pdu.b, nil
}

// writer is a buffer that can be copied to.
type writer struct{ b []byte }

func (w *writer) Write(b []byte) (int, error) {
	w.b = append(w.b, b...)
	return len(b), nil
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// maxLengthOctets is how many bytes a length may have after its first.
const maxLengthOctets = 8

// lengthOctets is how many bytes of length follow its first.
func lengthOctets(first byte) (int, error) {
	switch n := int(first & 0x7f); {
	case first < 0x80:
		return 0, nil
	case n == 0:
		return 0, malformed("an indefinite length")
	case n > maxLengthOctets:
		return 0, malformed("a length of %d bytes", n)
	default:
		return n, nil
	}
}

// length is the value of a whole length.
func length(octets []byte) uint64 {
	if len(octets) == 1 {
		return uint64(octets[0])
	}
	var n uint64
	for _, b := range octets[1:] {
		n = n<<8 | uint64(b)
	}
	return n
}

// walk goes through all elements of b, those within others too, and refuses what
// the decoder need not meet: it allocates for each element, and calls itself for
// each that has others in it.
type walk struct{ elements int }

func (w *walk) check(b []byte, depth int) error {
	if depth > maxDepth {
		return malformed("elements are nested more than %d deep", maxDepth)
	}
	for len(b) > 0 {
		if w.elements++; w.elements > maxElements {
			return malformed("more than %d elements", maxElements)
		}
		tag := b[0]
		content, rest, err := element(b)
		if err != nil {
			return err
		}
		if tag&0x20 != 0 { // constructed
			if err := w.check(content, depth+1); err != nil {
				return err
			}
		}
		b = rest
	}
	return nil
}

// element cuts the first element off b, which is not empty.
func element(b []byte) (content, rest []byte, err error) {
	if b[0]&0x1f == 0x1f { // LDAP has no tag above 30
		return nil, nil, malformed("a tag of several bytes")
	}
	if len(b) < 2 {
		return nil, nil, malformed("an element without a length")
	}
	more, err := lengthOctets(b[1])
	if err != nil {
		return nil, nil, err
	}
	if len(b) < 2+more {
		return nil, nil, malformed("an element that ends in its length")
	}
	n, body := length(b[1:2+more]), b[2+more:]
	if n > uint64(len(body)) {
		return nil, nil, malformed("an element of %d bytes where %d are left", n, len(body))
	}
	return body[:n], body[n:], nil
}
