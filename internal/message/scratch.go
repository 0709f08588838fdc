package message

import (
	"sync"

	"github.com/gosspi/kerberos/internal/etype"
)

// scratch is memory for the duration of one call. Its contents pass through interfaces,
// so that without scratch each call would allocate them.
type scratch struct {
	bytes [headerLen + confounderLen + headerLen + maxChecksum + maxSaved]byte
	segs  [maxSegments]etype.Segment
	parts [maxSegments][]byte

	// For RC4 only.
	frame [rc4MaxFrameLen]byte
	front rc4Front
}

const (
	maxChecksum = 24

	// maxSegments is the greatest number of buffers of an SSPI call and the up to four
	// segments that this package adds. More segments work, but allocate.
	maxSegments = 16 + 4
)

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func newScratch() *scratch { return scratches.Get().(*scratch) }

// release drops all references to the caller's memory.
func (s *scratch) release() {
	*s = scratch{}
	scratches.Put(s)
}

// Each of these methods returns its own part of bytes.

func (s *scratch) header() []byte { return s.bytes[:headerLen] }

func (s *scratch) confounder() []byte { return s.bytes[headerLen:][:confounderLen] }

func (s *scratch) tail() []byte { return s.bytes[headerLen+confounderLen:][:headerLen] }

func (s *scratch) mac(n int) []byte { return s.bytes[2*headerLen+confounderLen:][:n] }

func (s *scratch) saved(n int) []byte { return s.bytes[len(s.bytes)-maxSaved:][:n] }

// plainHeader returns a copy of token's header with EC and RRC set to 0, as the checksum
// covers it (RFC 4121, Section 4.2.4).
func (s *scratch) plainHeader(token []byte) []byte {
	h := s.header()
	copy(h, token)
	clear(h[4:8])
	return h
}

// sealed returns the plaintext of a sealed token: the confounder, the message, and tail,
// which is the filler and the copy of the header.
func (s *scratch) sealed(confounder []byte, segs []etype.Segment, tail []byte) []etype.Segment {
	all := append(s.segs[:0], etype.Segment{B: confounder})
	all = append(all, segs...)
	return append(all, etype.Segment{B: tail})
}

// signed returns the input of a checksum: the message and a header.
func (s *scratch) signed(h []byte, message ...[]byte) [][]byte {
	return append(append(s.parts[:0], message...), h)
}

// signedSegments returns the input of a checksum: the bytes of segs and a header.
func (s *scratch) signedSegments(h []byte, segs []etype.Segment) [][]byte {
	all := s.parts[:0]
	for i := range segs {
		all = append(all, segs[i].B)
	}
	return append(all, h)
}

// around returns the content of a wrap token with its associated data. The last filler
// bytes of message are its filler, and become the last segment, after a.After.
func (s *scratch) around(confounder []byte, a Associated, message []byte, filler int) []etype.Segment {
	n := len(message) - filler
	all := append(s.segs[:0], etype.Segment{B: confounder})
	for i := range a.Before {
		all = append(all, etype.Segment{B: a.Before[i].B, SignOnly: true})
	}
	all = append(all, etype.Segment{B: message[:n]})
	for i := range a.After {
		all = append(all, etype.Segment{B: a.After[i].B, SignOnly: true})
	}
	return append(all, etype.Segment{B: message[n:]})
}

// rc4Number returns memory for a decrypted sequence number.
func (s *scratch) rc4Number() []byte { return s.header()[:rc4NumberLen] }

// rc4Text returns the input of a sum: the token's header and the bytes of segs.
func (s *scratch) rc4Text(h []byte, segs []etype.Segment) [][]byte {
	all := append(s.parts[:0], h)
	for i := range segs {
		all = append(all, segs[i].B)
	}
	return all
}

// rc4Parts returns the parts of a message that a MIC covers, as segments.
func (s *scratch) rc4Parts(parts [][]byte) []etype.Segment {
	all := s.segs[:0]
	for _, b := range parts {
		all = append(all, etype.Segment{B: b, SignOnly: true})
	}
	return all
}

// rc4Segments returns a confounder followed by the segments of its message.
func (s *scratch) rc4Segments(confounder []byte, segs []etype.Segment) []etype.Segment {
	return append(append(s.segs[:0], etype.Segment{B: confounder}), segs...)
}
