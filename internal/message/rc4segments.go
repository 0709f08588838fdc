package message

import (
	"io"

	"github.com/gosspi/kerberos/internal/etype"
)

// SSPI's form of a wrap token: one buffer holds the frame, the front and the confounder,
// and other buffers hold the message. Only the caller adds padding, as a part of the
// message.

func (p *Protector) sealSegmentsRC4(s *scratch, u *etype.Usage, token []byte, segs []etype.Segment, conf bool) (int, error) {
	k, err := p.rc4Keys(&p.send, u)
	if err != nil {
		return 0, err
	}
	frame := s.rc4Frame(rc4WrapLen + p.countedRC4(segs))
	token, err = cut(token, len(frame)+rc4WrapLen)
	if err != nil {
		return 0, err
	}
	front := token[copy(token, frame):]
	if _, err := io.ReadFull(p.rand, front[rc4MICLen:]); err != nil {
		return 0, errRandom(err)
	}
	number, err := p.sent.take()
	if err != nil {
		return 0, err
	}
	k.finish(s, (*rc4Front)(front), rc4WrapHeader(conf), number, s.rc4Segments(front[rc4MICLen:], segs))
	return len(token), nil
}

// countedRC4 returns the number of bytes in segs that the length in the frame counts.
func (p *Protector) countedRC4(segs []etype.Segment) int {
	n := 0
	for i := range segs {
		if !p.dce && !segs[i].SignOnly {
			n += len(segs[i].B)
		}
	}
	return n
}

func (p *Protector) openSegmentsRC4(s *scratch, u *etype.Usage, o Order, token []byte, segs []etype.Segment) (conf bool, missing uint64, err error) {
	k, err := p.rc4Keys(&p.recv, u)
	if err != nil {
		return false, 0, err
	}
	front, confounder, err := s.fixedRC4(token, rc4ConfounderLen, p.countedRC4(segs))
	if err != nil {
		return false, 0, err
	}
	h := front.kind()
	if h != rc4Sealed && h != rc4Signed {
		return false, 0, errAltered()
	}
	number, err := k.open(s, front, s.rc4Segments(confounder, segs))
	if err == nil {
		missing, err = p.window.check(number, o)
	}
	if err != nil && h == rc4Sealed {
		wipe(segs)
	}
	return h == rc4Sealed && err == nil, missing, err
}
