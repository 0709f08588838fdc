package message

import (
	"sync"

	"github.com/gosspi/kerberos/internal/etype"
)

// scratch is memory for the length of a call. What is here passes through
// interfaces, and would otherwise be allocated each time.
type scratch struct {
	bytes [headerLen + etype.ConfounderLen + headerLen + maxChecksum + maxSaved]byte
	segs  [maxSegments]etype.Segment
	parts [maxSegments][]byte
}

const (
	maxChecksum = 24

	// maxSegments holds what SSPI can bring, and what goes around it. More are
	// taken, but allocate.
	maxSegments = 16 + 2
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

func (s *scratch) confounder() []byte { return s.bytes[headerLen:][:etype.ConfounderLen] }

func (s *scratch) tail() []byte { return s.bytes[headerLen+etype.ConfounderLen:][:headerLen] }

func (s *scratch) mac(n int) []byte { return s.bytes[2*headerLen+etype.ConfounderLen:][:n] }

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
