package message

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"io"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
)

// Under a key of RC4 the tokens are those of RFC 4757, Section 7:
//
//	frame       of RFC 2743, Section 3.1
//	header      8 bytes: token id, algorithms, filler
//	number      8 bytes, encrypted: the sequence number, and who sent it
//	sum         8 bytes of a checksum
//	confounder  8 bytes, in a wrap token; behind it the message and its padding
//
// The pseudo-code in the RFC is wrong about wrap tokens in three places: who sends
// which direction, the salt, and that the sum is of the message and its padding
// too. MS-KILE, Section 4.5 has a token that shows how it is.
//
// The sum does not cover the number, and the number is encrypted with nothing that
// would show a change. So whoever is in between can flip bits of it, which makes a
// token fit into another place of the sequence, and our own tokens ones of the client:
// the keys are the same both ways. RFC 4757 knows no better, and its MIC of one message
// is the same from either side.
const (
	rc4HeaderLen     = 8
	rc4NumberLen     = 8
	rc4SumLen        = 8
	rc4MICLen        = rc4HeaderLen + rc4NumberLen + rc4SumLen
	rc4ConfounderLen = 8
	rc4WrapLen       = rc4MICLen + rc4ConfounderLen

	tagFrame = 0x60
	tagOID   = 0x06

	// rc4FrameLen is the shortest frame; a longer message takes up to
	// rc4MaxFrameLen.
	rc4FrameLen    = 13
	rc4MaxFrameLen = rc4FrameLen + 4

	// rc4Pad is the padding of a message that is a multiple of one byte: one byte
	// that says so.
	rc4Pad = 1
)

// The headers that there are (RFC 4757, Sections 7.2 and 7.3).
const (
	rc4MIC    = "\x01\x01\x11\x00\xff\xff\xff\xff"
	rc4Sealed = "\x02\x01\x11\x00\x10\x00\xff\xff"
	rc4Signed = "\x02\x01\x11\x00\xff\xff\xff\xff"
)

// Salts of the sums, as the key usages that package etype takes.
const (
	saltWrap = 13
	saltMIC  = 15
)

// saltOf is the salt that stands for a key usage.
func saltOf(usage uint32) uint32 {
	if usage == usageAcceptorSign || usage == usageInitiatorSign {
		return saltMIC
	}
	return saltWrap
}

// rc4Keys are the keys of one direction for tokens of one usage.
type rc4Keys struct {
	sum    *etype.Usage
	cipher *etype.MessageCipher
}

// rc4Keys adds to u what else RC4 needs. The caller holds d's lock.
func (p *Protector) rc4Keys(d *direction, u *etype.Usage) (rc4Keys, error) {
	if d.cipher == nil {
		k, err := etype.New(p.profile.ID, p.key[:p.profile.KeyLen])
		if err != nil {
			return rc4Keys{}, err // unreachable: Init looked at type and length
		}
		defer k.Wipe()
		if d.cipher, err = k.MessageCipher(); err != nil {
			return rc4Keys{}, err // unreachable: it is a key of RC4
		}
	}
	return rc4Keys{u, d.cipher}, nil
}

// rc4Frame is the frame of n bytes. In it, DCE style counts no message that lies
// elsewhere (MS-KILE, Section 3.4.5.4.1).
func (s *scratch) rc4Frame(n int) []byte {
	b := krb5.AppendHeader(s.frame[:0], tagFrame, krb5.ElementSize(len(krb5.OIDKerberos))+n)
	return append(krb5.AppendHeader(b, tagOID, len(krb5.OIDKerberos)), krb5.OIDKerberos...)
}

func rc4FrameSize(n int) int { return krb5.ElementSize(krb5.ElementSize(len(krb5.OIDKerberos))+n) - n }

// rc4Front is the front of a token, always of its whole length: header, encrypted
// number and sum.
type rc4Front [rc4MICLen]byte

func (f *rc4Front) kind() string { return string(f[:rc4HeaderLen]) }

func (f *rc4Front) split() (h, number, sum []byte) {
	return f[:rc4HeaderLen], f[rc4HeaderLen:][:rc4NumberLen], f[rc4HeaderLen+rc4NumberLen:]
}

// fixedRC4 takes a token apart whose message lies elsewhere, a signature or the TOKEN of
// segments: its front, and behind it a confounder of n bytes, 0 in a signature.
// elsewhere is the count of bytes that the frame covers and that lie outside token.
//
// The frame has one form only, so that nobody can change it, and it must be all that
// stands before the token's last bytes: no byte of token is passed over.
func (s *scratch) fixedRC4(token []byte, n, elsewhere int) (front *rc4Front, confounder []byte, err error) {
	fixed := rc4MICLen + n
	if len(token) < rc4FrameLen+fixed {
		return nil, nil, errShort()
	}
	at := len(token) - fixed
	if !bytes.Equal(token[:at], s.rc4Frame(fixed+elsewhere)) {
		return nil, nil, errAltered()
	}
	return (*rc4Front)(token[at:]), token[at+rc4MICLen:], nil
}

// cutRC4 takes a whole wrap token apart, into its front, its confounder, and its message
// and padding, which are all that is behind them.
func (s *scratch) cutRC4(token []byte) (front *rc4Front, confounder, text []byte, err error) {
	const least = rc4WrapLen + rc4Pad
	if len(token) < rc4FrameLen+least {
		return nil, nil, nil, errShort()
	}
	size := rc4FrameLen
	if first := int(token[1]); first > 0x80 {
		size += first - 0x80
	}
	if size > rc4MaxFrameLen || len(token) < size+least {
		return nil, nil, nil, errAltered()
	}
	inner := token[size:]
	if !bytes.HasPrefix(token, s.rc4Frame(len(inner))) {
		return nil, nil, nil, errAltered()
	}
	return (*rc4Front)(inner), inner[rc4MICLen:rc4WrapLen], inner[rc4WrapLen:], nil
}

// directions, as they stand behind a sequence number.
const (
	rc4FromInitiator = 0
	rc4FromAcceptor  = 0xffffffff
)

// finish fills in the front of a token: header, sum and number. text is what
// follows the header, confounder included; if the header says so, it is sealed.
func (k rc4Keys) finish(s *scratch, front *rc4Front, header string, number uint64, text []etype.Segment) {
	h, field, sum := front.split()
	copy(h, header)
	copy(sum, k.sum.Sum(s.mac(0), s.rc4Text(h, text)...))
	if header == rc4Sealed {
		k.cipher.Content(uint32(number), text)
	}
	binary.BigEndian.PutUint32(field, uint32(number))
	binary.BigEndian.PutUint32(field[4:], rc4FromAcceptor)
	k.cipher.Number(field, sum)
}

// open is the inverse, but for the header, which the caller has looked at. front is
// not changed.
func (k rc4Keys) open(s *scratch, front *rc4Front, text []etype.Segment) (number uint64, err error) {
	h, field, sum := front.split()
	plain := s.rc4Number()
	copy(plain, field)
	k.cipher.Number(plain, sum)
	n := binary.BigEndian.Uint32(plain)
	if string(h) == rc4Sealed {
		k.cipher.Content(n, text)
	}
	want := k.sum.Sum(s.mac(0), s.rc4Text(h, text)...)[:rc4SumLen]
	if !hmac.Equal(sum, want) || binary.BigEndian.Uint32(plain[4:]) != rc4FromInitiator {
		return 0, errAltered()
	}
	return uint64(n), nil
}

func (p *Protector) getMICRC4(s *scratch, u *etype.Usage, dst []byte, parts [][]byte) ([]byte, error) {
	k, err := p.rc4Keys(&p.send, u)
	if err != nil {
		return nil, err
	}
	number, err := p.sent.take()
	if err != nil {
		return nil, err
	}
	whole, token := extend(dst, rc4FrameLen+rc4MICLen)
	front := token[copy(token, s.rc4Frame(rc4MICLen)):]
	k.finish(s, (*rc4Front)(front), rc4MIC, number, s.rc4Parts(parts))
	return whole, nil
}

func (p *Protector) verifyMICRC4(s *scratch, u *etype.Usage, o Order, token []byte, parts [][]byte) (missing uint64, err error) {
	k, err := p.rc4Keys(&p.recv, u)
	if err != nil {
		return 0, err
	}
	front, _, err := s.fixedRC4(token, 0, 0)
	if err != nil {
		return 0, err
	}
	if front.kind() != rc4MIC {
		return 0, errAltered()
	}
	number, err := k.open(s, front, s.rc4Parts(parts))
	if err != nil {
		return 0, err
	}
	return p.window.check(number, o)
}

func rc4WrapHeader(conf bool) string {
	if conf {
		return rc4Sealed
	}
	return rc4Signed
}

// wrapRC4 always pads, in DCE style too, as other implementations do in whole
// tokens.
func (p *Protector) wrapRC4(s *scratch, u *etype.Usage, dst, message []byte, conf bool) ([]byte, error) {
	k, err := p.rc4Keys(&p.send, u)
	if err != nil {
		return nil, err
	}
	n := rc4WrapLen + len(message) + rc4Pad
	whole, token := extend(dst, rc4FrameSize(n)+n)
	front := token[copy(token, s.rc4Frame(n)):]
	text := front[rc4MICLen:]
	if _, err := io.ReadFull(p.rand, text[:rc4ConfounderLen]); err != nil {
		return nil, errRandom(err)
	}
	number, err := p.sent.take()
	if err != nil {
		return nil, err
	}
	copy(text[rc4ConfounderLen:], message)
	text[len(text)-rc4Pad] = rc4Pad
	k.finish(s, (*rc4Front)(front), rc4WrapHeader(conf), number, append(s.segs[:0], etype.Segment{B: text}))
	return whole, nil
}

func (p *Protector) unwrapRC4(s *scratch, u *etype.Usage, o Order, dst, token []byte, a Associated) (Unwrapped, error) {
	k, err := p.rc4Keys(&p.recv, u)
	if err != nil {
		return Unwrapped{}, err
	}
	front, confounder, text, err := s.cutRC4(token)
	if err != nil {
		return Unwrapped{}, err
	}
	h := front.kind()
	if h != rc4Sealed && h != rc4Signed {
		return Unwrapped{}, errAltered()
	}
	// Front and confounder are copied out: the message may be written over them.
	s.front = *front
	confounder = s.confounder()[:copy(s.confounder(), confounder)]
	whole, message := extend(dst, len(text))
	copy(message, text)
	number, err := k.open(s, &s.front, s.around(confounder, a, message, rc4Pad))
	if err == nil && message[len(message)-rc4Pad] != rc4Pad {
		err = errAltered()
	}
	var missing uint64
	if err == nil {
		missing, err = p.window.check(number, o)
	}
	if err != nil {
		clear(message)
		return Unwrapped{}, err
	}
	return Unwrapped{Whole: whole[:len(whole)-rc4Pad], Sealed: h == rc4Sealed, Missing: missing}, nil
}
