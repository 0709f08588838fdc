package message

import (
	"encoding/binary"
	"io"
	"slices"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/status"
)

// Wrap appends to dst a token that holds message, sealed if conf is set and signed
// otherwise (RFC 4121, Section 4.2.6.2; RFC 4757, Section 7.3). dst must not overlap
// message. An error is a fault of this side.
func (p *Protector) Wrap(dst, message []byte, conf bool) ([]byte, error) {
	p.send.mu.Lock()
	defer p.send.mu.Unlock()
	u, err := p.usage(&p.send.seal, etype.UsageAcceptorSeal)
	if err != nil {
		return nil, err
	}
	s := newScratch()
	defer s.release()
	switch {
	case p.rc4:
		return p.wrapRC4(s, u, dst, message, conf)
	case conf:
		return p.seal(s, u, dst, message)
	}
	return p.sign(s, u, dst, message)
}

// seal appends a sealed token: header, confounder, message, copy of the header, checksum.
// It encrypts all fields except the first header and the checksum.
func (p *Protector) seal(s *scratch, u *etype.Usage, dst, message []byte) ([]byte, error) {
	whole, token := extend(dst, headerLen+confounderLen+len(message)+headerLen+u.Profile().ChecksumLen)
	h, text := token[:headerLen], token[headerLen:]
	text, mac := text[:len(text)-u.Profile().ChecksumLen], text[len(text)-u.Profile().ChecksumLen:]
	if _, err := io.ReadFull(p.rand, text[:confounderLen]); err != nil {
		return nil, errRandom(err)
	}
	number, err := p.sent.take()
	if err != nil {
		return nil, err
	}
	p.putHeader(h, kindWrap, true, number)
	n := confounderLen + copy(text[confounderLen:], message)
	copy(text[n:], h)
	return whole, u.Seal(append(s.segs[:0], etype.Segment{B: text}), mac)
}

// sign appends a signed token: header, message, checksum.
func (p *Protector) sign(s *scratch, u *etype.Usage, dst, message []byte) ([]byte, error) {
	checksum := u.Profile().ChecksumLen
	number, err := p.sent.take()
	if err != nil {
		return nil, err
	}
	whole, token := extend(dst, headerLen+len(message)+checksum)
	h, text := token[:headerLen], token[headerLen:headerLen+len(message)]
	copy(text, message)
	p.putHeader(h, kindWrap, false, number)
	u.Sum(token[:headerLen+len(message)], s.signed(h, text)...) // into token, behind text
	putCounts(h, checksum, 0)
	return whole, nil
}

// Associated is data that a wrap token's checksum covers in addition to the message, and
// that the token does not contain (MS-KILE, Section 3.4.5.4.1; SIGN_ONLY buffers in MIT's
// gss_unwrap_iov). Before precedes the message and After follows it. Associated data is
// never decrypted.
type Associated struct{ Before, After []etype.Segment }

// Unwrapped is the result of [Protector.Unwrap].
type Unwrapped struct {
	Whole   []byte // dst and the message
	Sealed  bool   // the message was sealed, not only signed
	Missing uint64 // count of messages missing before the message; exceeds 0 only in the order AfterGap
}

// Unwrap verifies the initiator's token and the associated data a, decrypts the message
// if it is sealed, and appends it to dst. If dst ends in memory where token begins, as
// token[:0] does, the message overwrites the token. Otherwise dst and token must not
// overlap, and Unwrap does not change token. a must overlap neither. On an error Unwrap
// returns no plaintext and zeroes the memory that it wrote to.
func (p *Protector) Unwrap(o Order, dst, token []byte, a Associated) (Unwrapped, error) {
	p.recv.mu.Lock()
	defer p.recv.mu.Unlock()
	u, err := p.usage(&p.recv.seal, etype.UsageInitiatorSeal)
	if err != nil {
		return Unwrapped{}, err
	}
	s := newScratch()
	defer s.release()
	if p.rc4 {
		return p.unwrapRC4(s, u, o, dst, token, a)
	}
	h, err := p.parseHeader(token, kindWrap)
	if err != nil {
		return Unwrapped{}, err
	}
	whole, filler, err := p.open(s, u, h, dst, token, a)
	if err != nil {
		return Unwrapped{}, err
	}
	missing, err := p.window.check(h.number, o)
	if err != nil {
		clear(whole[len(dst):])
		return Unwrapped{}, err
	}
	return Unwrapped{Whole: whole[:len(whole)-filler], Sealed: h.sealed, Missing: missing}, nil
}

// open verifies a token and appends its message and filler to dst.
func (p *Protector) open(s *scratch, u *etype.Usage, h header, dst, token []byte, a Associated) (whole []byte, filler int, err error) {
	if h.sealed {
		whole, err = p.unseal(s, u, h, dst, token, a)
		return whole, h.ec, err
	}
	whole, err = p.unsign(s, u, h, dst, token, a)
	return whole, 0, err
}

func (p *Protector) unseal(s *scratch, u *etype.Usage, h header, dst, token []byte, a Associated) ([]byte, error) {
	checksum := u.Profile().ChecksumLen
	n := len(token) - headerLen - confounderLen - headerLen - checksum // message and filler
	if n < h.ec {
		return nil, errAltered()
	}
	// All other fields are copied first, because the message may overwrite them.
	plain, confounder, tail, mac := s.header(), s.confounder(), s.tail(), s.mac(checksum)
	copy(plain, token)
	text := p.unrotate(s, h, dst, token)
	text.read(confounder, 0)
	text.read(tail, confounderLen+n)
	text.read(mac, confounderLen+n+headerLen)
	whole, message := extend(dst, n)
	text.read(message, confounderLen)

	segs := append(s.around(confounder, a, message, h.ec), etype.Segment{B: tail})
	if u.Open(segs, mac) != nil || !sameHeader(plain, tail) {
		clear(message)
		return nil, errAltered()
	}
	return whole, nil
}

func (p *Protector) unsign(s *scratch, u *etype.Usage, h header, dst, token []byte, a Associated) ([]byte, error) {
	checksum := u.Profile().ChecksumLen
	n := len(token) - headerLen - checksum
	if n < 0 || h.ec != checksum {
		return nil, errAltered()
	}
	plain, mac := s.plainHeader(token), s.mac(checksum)
	text := p.unrotate(s, h, dst, token)
	text.read(mac, n)
	whole, message := extend(dst, n)
	text.read(message, 0)
	if !u.Verify(mac, s.signedSegments(plain, s.around(nil, a, message, 0))...) {
		clear(message)
		return nil, errAltered()
	}
	return whole, nil
}

// sameHeader reports whether a token's header equals its sealed copy. It ignores RRC,
// which the sender sets after sealing (RFC 4121, Section 4.2.4).
func sameHeader(plain, sealed []byte) bool {
	const withoutRRC = 0xffffffff_ffff0000
	return binary.BigEndian.Uint64(plain)&withoutRRC == binary.BigEndian.Uint64(sealed) &&
		binary.BigEndian.Uint64(plain[8:]) == binary.BigEndian.Uint64(sealed[8:])
}

// extend appends n bytes to dst, and returns the whole slice and the added bytes.
func extend(dst []byte, n int) (whole, added []byte) {
	whole = slices.Grow(dst, n)[:len(dst)+n]
	return whole, whole[len(dst):len(whole):len(whole)]
}

func errRandom(err error) error {
	return &status.Error{Reason: status.ReasonInternal, Detail: "no randomness for a confounder", Err: err}
}
