package message

import (
	"sync"

	"github.com/gosspi/kerberos/internal/etype"
)

// scratch is memory for the length of a call. What is here passes through
// interfaces, and would otherwise be allocated each time.
type scratch struct {
	bytes [headerLen + confounderLen + headerLen + maxChecksum + maxSaved]byte
	segs  [maxSegments]etype.Segment
	parts [maxSegments][]byte

	// RC4's.
	frame [rc4MaxFrameLen]byte
	front rc4Front
}

const (
	maxChecksum = 24

	// maxSegments holds what SSPI can bring, and what goes around it. More are
	// taken, but allocate.
	maxSegments = 16 + 4
)

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func newScratch() *scratch { return scratches.Get().(*scratch) }

// release drops all references to the caller's memory.
func (s *scratch) release() {
	*s = scratch{}
	scratches.Put(s)
}

// The parts of bytes that have one use.

func (s *scratch) header() []byte { return s.bytes[:headerLen] }

func (s *scratch) confounder() []byte { return s.bytes[headerLen:][:confounderLen] }

func (s *scratch) tail() []byte { return s.bytes[headerLen+confounderLen:][:headerLen] }

func (s *scratch) mac(n int) []byte { return s.bytes[2*headerLen+confounderLen:][:n] }

func (s *scratch) saved(n int) []byte { return s.bytes[len(s.bytes)-maxSaved:][:n] }

// plainHeader is a copy of a header as a signature covers it: with both counts 0
// (RFC 4121, Section 4.2.4).
func (s *scratch) plainHeader(token []byte) []byte {
	h := s.header()
	copy(h, token)
	clear(h[4:8])
	return h
}

// sealed is the text to seal: the confounder, the message, filler and header.
func (s *scratch) sealed(confounder []byte, segs []etype.Segment, tail []byte) []etype.Segment {
	all := append(s.segs[:0], etype.Segment{B: confounder})
	all = append(all, segs...)
	return append(all, etype.Segment{B: tail})
}

// signed is the text to sign: the message and a header.
func (s *scratch) signed(h []byte, message ...[]byte) [][]byte {
	return append(append(s.parts[:0], message...), h)
}

// signedSegments is the text to sign: the message and a header.
func (s *scratch) signedSegments(h []byte, segs []etype.Segment) [][]byte {
	all := s.parts[:0]
	for i := range segs {
		all = append(all, segs[i].B)
	}
	return append(all, h)
}

// around is the text of a wrap token with its associated data: the filler, which the
// last bytes of message are, stands behind all of it.
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

// rc4Number is for a sequence number in clear.
func (s *scratch) rc4Number() []byte { return s.header()[:rc4NumberLen] }

// rc4Text is the text of a sum: the token's header and what is in segments.
func (s *scratch) rc4Text(h []byte, segs []etype.Segment) [][]byte {
	all := append(s.parts[:0], h)
	for i := range segs {
		all = append(all, segs[i].B)
	}
	return all
}

// rc4Parts is a message that is signed by itself, as segments.
func (s *scratch) rc4Parts(parts [][]byte) []etype.Segment {
	all := s.segs[:0]
	for _, b := range parts {
		all = append(all, etype.Segment{B: b, SignOnly: true})
	}
	return all
}

// rc4Segments is a message behind its confounder.
func (s *scratch) rc4Segments(confounder []byte, segs []etype.Segment) []etype.Segment {
	return append(append(s.segs[:0], etype.Segment{B: confounder}), segs...)
}
