package main

import (
	"errors"
	"fmt"
	"io"
)

// Limits of the messages of a client. They are arbitrary, and clients stay far below them.
const (
	maxPDUBefore = 64 << 10 // bytes, before the login
	maxPDU       = 1 << 20  // bytes, after the login
	maxDepth     = 64       // of nested elements; filters are the deepest
	maxElements  = 4096     // in one PDU: the decoder allocates an object for each
)

// errPDU means that a PDU is malformed. The server sends a Notice of Disconnection and ends
// the session (RFC 4511, Section 4.1.1).
var errPDU = errors.New("malformed LDAP message")

// malformed returns an error that wraps errPDU.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errPDU, fmt.Sprintf(format, args...))
}

const sequenceTag = 0x30 // universal, constructed, 16: the tag of every LDAP message

// readPDU reads one LDAP message of at most limit bytes after its header. It reads no byte
// after the message, because that byte may belong to TLS or a SASL layer. It returns
// io.EOF only if the stream ends before the first byte. The buffer grows as bytes arrive.
//
// A length may have more bytes than necessary, as Windows sends it, but it must not be
// indefinite (RFC 4511, Section 5.1).
func readPDU(r io.Reader, limit int) ([]byte, error) {
	var head [2 + maxLengthOctets]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return nil, err
	}
	if head[0] != sequenceTag {
		return nil, malformed("the message begins with %#02x and not with a SEQUENCE", head[0])
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
		return nil, malformed("the message has %d bytes; the limit is %d", n, limit)
	}
	pdu := &writer{b: head[:2+more]}
	if _, err := io.CopyN(pdu, r, int64(n)); err != nil {
		return nil, truncated(err)
	}
	return pdu.b, nil
}

// writer is an io.Writer that appends to b.
type writer struct{ b []byte }

func (w *writer) Write(b []byte) (int, error) {
	w.b = append(w.b, b...)
	return len(b), nil
}

// truncated turns io.EOF into io.ErrUnexpectedEOF.
func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// maxLengthOctets is the greatest number of bytes of a length after its first byte.
const maxLengthOctets = 8

// lengthOctets returns how many bytes of the length follow its first byte.
func lengthOctets(first byte) (int, error) {
	switch n := int(first & 0x7f); {
	case first < 0x80:
		return 0, nil
	case n == 0:
		return 0, malformed("an element has an indefinite length")
	case n > maxLengthOctets:
		return 0, malformed("a length has %d bytes", n)
	default:
		return n, nil
	}
}

// length returns the value of a length.
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

// walk checks all elements of a PDU, including nested elements, before the decoder sees
// them. The decoder allocates memory for each element and recurses into nested elements.
type walk struct{ elements int }

// check checks the elements in b, which are nested depth deep.
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

// element splits b, which is not empty, after its first element.
func element(b []byte) (content, rest []byte, err error) {
	if b[0]&0x1f == 0x1f { // LDAP has no tag above 30
		return nil, nil, malformed("an element has a tag of several bytes")
	}
	if len(b) < 2 {
		return nil, nil, malformed("an element has no length")
	}
	more, err := lengthOctets(b[1])
	if err != nil {
		return nil, nil, err
	}
	if len(b) < 2+more {
		return nil, nil, malformed("an element ends within its length")
	}
	n, body := length(b[1:2+more]), b[2+more:]
	if n > uint64(len(body)) {
		return nil, nil, malformed("an element has %d bytes, and %d bytes are left", n, len(body))
	}
	return body[:n], body[n:], nil
}
