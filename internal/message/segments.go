package message

import (
	"io"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/status"
)

// SealSegments seals the message in segs in place, or signs it if conf is false, and
// writes the rest of the wrap token to token, which must have at least
// [Protector.TrailerLen] bytes (MS-KILE, Section 3.4.5.4.1):
//
//	sealed:  header, filler, sealed header, checksum, confounder
//	signed:  header, checksum
//	RC4:     frame, header, sequence number, checksum, confounder
//
// n is the number of bytes written to token. An error is a fault of this side; the
// segments are then unchanged. No two of the slices may overlap.
func (p *Protector) SealSegments(token []byte, segs []etype.Segment, conf bool) (n int, err error) {
	p.send.mu.Lock()
	defer p.send.mu.Unlock()
	u, err := p.usage(&p.send.seal, etype.UsageAcceptorSeal)
	if err != nil {
		return 0, err
	}
	s := newScratch()
	defer s.release()
	switch {
	case p.rc4:
		return p.sealSegmentsRC4(s, u, token, segs, conf)
	case conf:
		return p.sealSegments(s, u, token, segs)
	}
	return p.signSegments(s, u, token, segs)
}

func (p *Protector) sealSegments(s *scratch, u *etype.Usage, token []byte, segs []etype.Segment) (int, error) {
	layout := sealedLayout{filler: p.extraCount(), checksum: u.Profile().ChecksumLen}
	token, err := cut(token, layout.len())
	if err != nil {
		return 0, err
	}
	h, tail, mac, confounder := layout.split(token)
	if _, err := io.ReadFull(p.rand, confounder); err != nil {
		return 0, errRandom(err)
	}
	number, err := p.sent.take()
	if err != nil {
		return 0, err
	}
	p.putHeader(h, kindWrap, true, number)
	putCounts(h, layout.filler, 0)
	clear(tail[:layout.filler])
	copy(tail[layout.filler:], h)
	putCounts(h, layout.filler, headerLen+layout.checksum)
	return len(token), u.Seal(s.sealed(confounder, segs, tail), mac)
}

func (p *Protector) signSegments(s *scratch, u *etype.Usage, token []byte, segs []etype.Segment) (int, error) {
	checksum := u.Profile().ChecksumLen
	token, err := cut(token, headerLen+checksum)
	if err != nil {
		return 0, err
	}
	number, err := p.sent.take()
	if err != nil {
		return 0, err
	}
	h := token[:headerLen]
	p.putHeader(h, kindWrap, false, number)
	u.Sum(h, s.signedSegments(h, segs)...) // into token, behind h
	putCounts(h, checksum, checksum)
	return len(token), nil
}

// OpenSegments verifies the message that the initiator put into token and segs, and
// decrypts it in place if it is sealed, as conf then reports. missing is the number of
// messages missing before it; it exceeds 0 only in the order [AfterGap]. OpenSegments
// may overwrite token. On an error no decrypted plaintext remains in segs.
func (p *Protector) OpenSegments(o Order, token []byte, segs []etype.Segment) (conf bool, missing uint64, err error) {
	p.recv.mu.Lock()
	defer p.recv.mu.Unlock()
	u, err := p.usage(&p.recv.seal, etype.UsageInitiatorSeal)
	if err != nil {
		return false, 0, err
	}
	s := newScratch()
	defer s.release()
	if p.rc4 {
		return p.openSegmentsRC4(s, u, o, token, segs)
	}
	h, err := p.parseHeader(token, kindWrap)
	if err != nil {
		return false, 0, err
	}
	if !h.sealed {
		missing, err = p.verifySegments(s, u, o, h, token, segs)
		return false, missing, err
	}
	missing, err = p.openSegments(s, u, o, h, token, segs)
	if err != nil {
		wipe(segs)
		return false, 0, err
	}
	return true, missing, nil
}

func (p *Protector) openSegments(s *scratch, u *etype.Usage, o Order, h header, token []byte, segs []etype.Segment) (missing uint64, err error) {
	layout := sealedLayout{filler: h.ec, checksum: u.Profile().ChecksumLen}
	n := len(token) - headerLen + length(segs)
	// Windows includes the filler in the rotation, MIT only in DCE style. No checksum covers
	// RRC, and both variants give the same bytes in the same order.
	if len(token) != layout.len() || p.rotation(h, n) != layout.rotation() && (h.rrc+h.ec)%n != layout.rotation() {
		return 0, errAltered()
	}
	plain, tail, mac, confounder := layout.split(token)
	if u.Open(s.sealed(confounder, segs, tail), mac) != nil || !sameHeader(plain, tail[layout.filler:]) {
		return 0, errAltered()
	}
	return p.window.check(h.number, o)
}

func (p *Protector) verifySegments(s *scratch, u *etype.Usage, o Order, h header, token []byte, segs []etype.Segment) (missing uint64, err error) {
	checksum := u.Profile().ChecksumLen
	if len(token) != headerLen+checksum || h.ec != checksum || p.rotation(h, checksum+length(segs)) != checksum%(checksum+length(segs)) {
		return 0, errAltered()
	}
	if !u.Verify(token[headerLen:], s.signedSegments(s.plainHeader(token), segs)...) {
		return 0, errAltered()
	}
	return p.window.check(h.number, o)
}

// sealedLayout holds the lengths of the variable parts of a sealed message's token.
type sealedLayout struct{ filler, checksum int }

// rotation returns the number of bytes that the sender moved from the end of the
// ciphertext to its front, and so into the token.
func (l sealedLayout) rotation() int { return l.filler + headerLen + l.checksum }

func (l sealedLayout) len() int { return headerLen + l.rotation() + confounderLen }

func (l sealedLayout) split(token []byte) (h, tail, mac, confounder []byte) {
	h, token = token[:headerLen], token[headerLen:]
	tail, token = token[:l.filler+headerLen], token[l.filler+headerLen:]
	return h, tail, token[:l.checksum], token[l.checksum:]
}

func length(segs []etype.Segment) int {
	n := 0
	for i := range segs {
		n += len(segs[i].B)
	}
	return n
}

// wipe zeroes the segments that hold ciphertext or plaintext.
func wipe(segs []etype.Segment) {
	for i := range segs {
		if !segs[i].SignOnly {
			clear(segs[i].B)
		}
	}
}

func cut(token []byte, n int) ([]byte, error) {
	if len(token) < n {
		return nil, &status.Error{Reason: status.ReasonBuffer, Detail: "the token does not fit"}
	}
	return token[:n:n], nil
}
