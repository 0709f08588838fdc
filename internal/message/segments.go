package message

import (
	"io"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/status"
)

// SealSegments seals, or else signs, the message that segs are together, in place,
// and writes what belongs to it into token, which needs [Protector.TrailerLen]
// bytes (MS-KILE, Section 3.4.5.4.1):
//
//	sealed:  header, filler, sealed header, checksum, confounder
//	signed:  header, checksum
//
// n is the length written. The error is of this side's making, and then the
// segments are as they were. No two of the slices may overlap.
func (p *Protector) SealSegments(token []byte, segs []etype.Segment, conf bool) (n int, err error) {
	d := &p.send
	d.mu.Lock()
	defer d.release()
	u, err := p.usage(&d.seal, usageAcceptorSeal)
	if err != nil {
		return 0, err
	}
	if conf {
		return p.sealSegments(u, token, segs)
	}
	return p.signSegments(u, token, segs)
}

func (p *Protector) sealSegments(u *etype.Usage, token []byte, segs []etype.Segment) (int, error) {
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
	return len(token), u.Seal(p.send.around(confounder, segs, tail), mac)
}

func (p *Protector) signSegments(u *etype.Usage, token []byte, segs []etype.Segment) (int, error) {
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
	u.Sum(h, p.send.signed(segs, h)...) // into token, behind h
	putCounts(h, checksum, checksum)
	return len(token), nil
}

// OpenSegments is the inverse, for what the initiator made: conf says that the
// message was sealed. Sealed segments, and token, are changed in place. On an
// error the sealed segments are zeroed.
func (p *Protector) OpenSegments(token []byte, segs []etype.Segment) (conf bool, err error) {
	d := &p.recv
	d.mu.Lock()
	defer d.release()
	u, err := p.usage(&d.seal, usageInitiatorSeal)
	if err != nil {
		return false, err
	}
	h, err := p.parseHeader(token, kindWrap)
	if err != nil {
		return false, err
	}
	if !h.sealed {
		return false, p.verifySegments(u, h, token, segs)
	}
	if err := p.openSegments(u, h, token, segs); err != nil {
		wipe(segs)
		return false, err
	}
	return true, nil
}

func (p *Protector) openSegments(u *etype.Usage, h header, token []byte, segs []etype.Segment) error {
	layout := sealedLayout{filler: h.ec, checksum: u.Profile().ChecksumLen}
	if len(token) != layout.len() || p.rotation(h, len(token)-headerLen+length(segs)) != layout.rotation() {
		return errAltered()
	}
	plain, tail, mac, confounder := layout.split(token)
	if err := u.Open(p.recv.around(confounder, segs, tail), mac); err != nil {
		return errAltered()
	}
	if !sameHeader(plain, tail[layout.filler:]) {
		return errAltered()
	}
	return p.window.check(h.number)
}

func (p *Protector) verifySegments(u *etype.Usage, h header, token []byte, segs []etype.Segment) error {
	checksum := u.Profile().ChecksumLen
	if len(token) != headerLen+checksum || h.ec != checksum || p.rotation(h, checksum+length(segs)) != checksum%(checksum+length(segs)) {
		return errAltered()
	}
	plain := p.recv.plainHeader(token)
	if !u.Verify(token[headerLen:], p.recv.signed(segs, plain)...) {
		return errAltered()
	}
	return p.window.check(h.number)
}

// sealedLayout is the lengths of a sealed message's token.
type sealedLayout struct{ filler, checksum int }

// rotation is by how many bytes the end of the ciphertext was moved to its front,
// and so into the token.
func (l sealedLayout) rotation() int { return l.filler + headerLen + l.checksum }

func (l sealedLayout) len() int { return headerLen + l.rotation() + etype.ConfounderLen }

func (l sealedLayout) split(token []byte) (h, tail, mac, confounder []byte) {
	h, token = token[:headerLen], token[headerLen:]
	tail, token = token[:l.filler+headerLen], token[l.filler+headerLen:]
	return h, tail, token[:l.checksum], token[l.checksum:]
}

// around is the text to seal: the confounder, the message, filler and header.
func (d *direction) around(confounder []byte, segs []etype.Segment, tail []byte) []etype.Segment {
	all := append(d.segs[:0], etype.Segment{B: confounder})
	all = append(all, segs...)
	return append(all, etype.Segment{B: tail})
}

// signed is the text to sign: the message and the header, whose counts are 0.
func (d *direction) signed(segs []etype.Segment, h []byte) [][]byte {
	all := d.parts[:0]
	for i := range segs {
		all = append(all, segs[i].B)
	}
	return append(all, h)
}

func length(segs []etype.Segment) int {
	n := 0
	for i := range segs {
		n += len(segs[i].B)
	}
	return n
}

// wipe zeroes what was to be decrypted.
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
