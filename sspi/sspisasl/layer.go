package sspisasl

import (
	"encoding/binary"
	"fmt"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/status"
)

// ordered is what a client must have asked for besides, to have a layer (RFC 4752,
// Section 3.1). Otherwise whoever is in between could repeat its messages, drop them,
// and let them come in another order.
const ordered = flags.ASC_RET_SEQUENCE_DETECT

// possibleLayers are the layers that policy allows and the context can give:
// what the client did not ask for it does not expect (RFC 4752, Section 3.2).
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
	// Unreachable: complete requires it of the client.
	return 0, notMet("the client did not ask for what the permitted security layers need")
}

// offerLayers is the server's last message of RFC 4752, Section 3.2: the layers,
// and the longest message that it can receive, or 0 if there are no layers.
func (s *Server) offerLayers() ([]byte, error) {
	s.state = stateLayer
	var size int
	if s.offered != NoLayer {
		size = s.cfg.MaxBuffer
	}
	offer := binary.BigEndian.AppendUint32(nil, uint32(s.offered)<<24|uint32(size))
	return s.context.Load().Wrap(nil, offer, false)
}

// chooseLayer reads the client's answer: one of the layers, the longest message
// that it can receive, and the identity that it wants. The RFC has it signed and
// not sealed; sealed it proves as much, so that is not looked at.
func (s *Server) chooseLayer(response []byte) error {
	answer, _, err := s.context.Load().Unwrap(nil, response)
	if err != nil {
		return err
	}
	if len(answer) < 4 {
		return malformed("the choice of a security layer is shorter than four bytes")
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

// impliedLayer is GSS-SPNEGO's: what the client asked of the context is what it
// does then. Policy can refuse it and not change it.
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
		return notMet("the client asked for the security layer " + layer.String() + ", which Config.Layers does not permit")
	case layer != NoLayer && !s.granted(ordered):
		return notMet("the client asked for a security layer and not for SEQUENCE_DETECT, without which it protects little")
	}
	return s.setLayer(layer, s.cfg.MaxBuffer)
}

// setLayer commits to a layer with a client that can receive wrapped messages of
// size bytes. Without a layer there are no wrapped messages, and size is ignored.
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
		return &status.Error{Reason: status.ReasonInternal, Detail: "the security layer has no room for a message"} // unreachable
	}
	return nil
}

func notMet(detail string) error {
	return &status.Error{Reason: status.ReasonRequirementNotMet, Detail: detail}
}
