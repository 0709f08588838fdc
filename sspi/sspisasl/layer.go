package sspisasl

import (
	"encoding/binary"
	"fmt"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/status"
)

// ordered is the flag that a client must request in addition to get a layer (RFC 4752, Section
// 3.1). Without it, an attacker could repeat, drop and reorder messages.
const ordered = flags.ASC_RET_SEQUENCE_DETECT

// possibleLayers returns the layers that Config.Layers permits and for which the client
// requested the flags (RFC 4752, Section 3.2).
func (s *Server) possibleLayers() (Layer, error) {
	possible := NoLayer
	if s.granted(flags.ASC_RET_INTEGRITY | ordered) {
		possible |= Integrity
	}
	if s.granted(flags.ASC_RET_CONFIDENTIALITY | ordered) {
		possible |= Confidentiality
	}
	if possible &= s.cfg.Layers; possible != 0 {
		return possible, nil
	}
	// Unreachable: complete puts the flags into Require.
	return 0, notMet("the client did not request the flags that the permitted security layers need")
}

// offerLayers returns the server's last message of RFC 4752, Section 3.2: the set of layers and
// the maximum length of a message to receive, or 0 if NoLayer is the only layer.
func (s *Server) offerLayers() ([]byte, error) {
	s.state = stateLayer
	var size int
	if s.offered != NoLayer {
		size = s.cfg.MaxBuffer
	}
	offer := binary.BigEndian.AppendUint32(nil, uint32(s.offered)<<24|uint32(size))
	return s.context.Load().Wrap(nil, offer, false)
}

// chooseLayer processes the client's answer, which contains one layer, the maximum length of a
// message that the client can receive, and the requested identity. RFC 4752 prescribes
// integrity protection without encryption; chooseLayer accepts an encrypted answer too, which
// has the same protection.
func (s *Server) chooseLayer(response []byte) error {
	answer, _, err := s.context.Load().Unwrap(nil, response)
	if err != nil {
		return err
	}
	if len(answer) < 4 {
		return malformed("the message with the choice of a security layer is shorter than four bytes")
	}
	head := binary.BigEndian.Uint32(answer)
	chosen, size := Layer(head>>24), int(head&mostMaxBuffer)
	switch chosen {
	case NoLayer, Integrity, Confidentiality:
	default:
		return malformed("the client did not choose one security layer")
	}
	if s.offered&chosen == 0 {
		return notMet("the client chose the security layer " + chosen.String() + ", which was not offered")
	}
	if err := s.setLayer(chosen, size); err != nil {
		return err
	}
	if s.result.authzid, err = checkAuthzid(answer[4:]); err != nil {
		return err
	}
	if err := s.authorize(); err != nil {
		return err
	}
	s.finish()
	return nil
}

// impliedLayer sets the layer of GSS-SPNEGO, which follows from the context flags of the
// client. Config.Layers may forbid the layer but cannot change it.
func (s *Server) impliedLayer() error {
	layer := NoLayer
	switch {
	case s.granted(flags.ASC_RET_CONFIDENTIALITY):
		layer = Confidentiality
	case s.granted(flags.ASC_RET_INTEGRITY):
		layer = Integrity
	}
	switch {
	case s.cfg.Layers&layer == 0:
		return notMet("the client requested the security layer " + layer.String() + ", which Config.Layers does not permit")
	case layer != NoLayer && !s.granted(ordered):
		return notMet("the client requested a security layer without SEQUENCE_DETECT, so repeated, missing and reordered messages would not be detected")
	}
	return s.setLayer(layer, s.cfg.MaxBuffer)
}

// setLayer sets the layer for a client that can receive wrapped messages of size bytes. It
// ignores size for NoLayer, which has no wrapped messages.
func (s *Server) setLayer(l Layer, size int) error {
	s.result.layer = l
	if l == NoLayer {
		return nil
	}
	if size < leastClientBuffer {
		return malformed(fmt.Sprintf("the client chose a security layer and receives messages of at most %d bytes; at least %d are required", size, leastClientBuffer))
	}
	s.result.limit = s.context.Load().WrapSizeLimit(min(size, s.cfg.MaxBuffer), l == Confidentiality)
	if s.result.limit == 0 {
		return &status.Error{Reason: status.ReasonInternal, Detail: "the client's buffer is too small for a message of the security layer"} // unreachable
	}
	return nil
}

func notMet(detail string) error {
	return &status.Error{Reason: status.ReasonRequirementNotMet, Detail: detail}
}
