package message

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"io"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
)

// Under an RC4 key, tokens have the format of RFC 4757, Section 7:
//
//	frame       of RFC 2743, Section 3.1
//	header      8 bytes: token id, algorithms, filler
//	number      8 bytes, encrypted: the sequence number and the sender's direction
//	sum         8 bytes of a checksum
//	confounder  8 bytes, in a wrap token; the message and its padding follow
//
// The RFC's pseudo-code for wrap tokens is wrong in three points: the direction of each
// sender, the salt, and the input of the sum, which includes the message and its
// padding. The example token in MS-KILE, Section 4.5 shows the correct values.
//
// The sum does not cover the number, and the number's encryption has no integrity
// protection. An attacker can therefore change the sequence number of a token, or its
// direction, and so reflect the acceptor's tokens back to it: both directions use the
// same key, and both sides compute the same MIC of a message. This is a weakness of
// RFC 4757 and cannot be fixed here.
const (
	rc4HeaderLen     = 8
	rc4NumberLen     = 8
	rc4SumLen        = 8
	rc4MICLen        = rc4HeaderLen + rc4NumberLen + rc4SumLen
	rc4ConfounderLen = 8
	rc4WrapLen       = rc4MICLen + rc4ConfounderLen

	tagOID = 0x06

	// rc4FrameLen is the length of the shortest frame. The frame of a longer message has
	// up to rc4MaxFrameLen bytes.
	rc4FrameLen    = 13
	rc4MaxFrameLen = rc4FrameLen + 4

	// rc4Pad is the length of the padding, and also the value of its only byte: RC4
	// pads to a multiple of one byte.
	rc4Pad = 1
)

// The three possible headers (RFC 4757, Sections 7.2 and 7.3).
const (
	rc4MIC    = "\x01\x01\x11\x00\xff\xff\xff\xff"
	rc4Sealed = "\x02\x01\x11\x00\x10\x00\xff\xff"
	rc4Signed = "\x02\x01\x11\x00\xff\xff\xff\xff"
)

// Salts of the sums. Package etype takes them as key usages.
const (
	saltWrap = 13
	saltMIC  = 15
)

// saltOf returns the salt for a key usage of RFC 4121.
func saltOf(usage uint32) uint32 {
	if usage == etype.UsageAcceptorSign || usage == etype.UsageInitiatorSign {
		return saltMIC
	}
	return saltWrap
}

// rc4Keys holds the keys of one direction for tokens of one usage.
type rc4Keys struct {
	sum    *etype.Usage
	cipher *etype.MessageCipher
}

// rc4Keys returns u together with the cipher of d's messages. The caller holds d's lock.
func (p *Protector) rc4Keys(d *direction, u *etype.Usage) (rc4Keys, error) {
	if d.cipher == nil {
		k, err := etype.New(p.profile.ID, p.key[:p.profile.KeyLen])
		if err != nil {
			return rc4Keys{}, err // unreachable: Init checked the type and the length
		}
		defer k.Wipe()
		if d.cipher, err = k.MessageCipher(); err != nil {
			return rc4Keys{}, err // unreachable: the key is an RC4 key
		}
	}
	return rc4Keys{u, d.cipher}, nil
}

// rc4Frame returns the frame for a content of n bytes. In DCE style, n does not include
// a message in buffers of its own (MS-KILE, Section 3.4.5.4.1).
func (s *scratch) rc4Frame(n int) []byte {
	b := krb5.AppendHeader(s.frame[:0], krb5.FrameTag, krb5.ElementSize(len(krb5.OIDKerberos))+n)
	return append(krb5.AppendHeader(b, tagOID, len(krb5.OIDKerberos)), krb5.OIDKerberos...)
}

func rc4FrameSize(n int) int { return krb5.ElementSize(krb5.ElementSize(len(krb5.OIDKerberos))+n) - n }

// rc4Front holds the fields of fixed length after the frame: header, encrypted number
// and sum.
type rc4Front [rc4MICLen]byte

func (f *rc4Front) kind() string { return string(f[:rc4HeaderLen]) }

func (f *rc4Front) split() (h, number, sum []byte) {
	return f[:rc4HeaderLen], f[rc4HeaderLen:][:rc4NumberLen], f[rc4HeaderLen+rc4NumberLen:]
}

// fixedRC4 parses a token that does not contain its message: a MIC, or the token buffer
// of segments. It returns the front and the confounder of n bytes after it; n is 0 for a
// MIC. elsewhere is the number of bytes that the frame counts and that are not in token.
//
// Nothing but the one valid encoding of the frame may precede the front, so that every
// byte of token is checked.
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

// cutRC4 parses a whole wrap token into its front, its confounder, and text, which is the
// message with its padding and extends to the end of token.
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

// Directions of a token, as encoded after its sequence number.
const (
	rc4FromInitiator = 0
	rc4FromAcceptor  = 0xffffffff
)

// finish fills in the front of a token: header, sum and number. text is the confounder
// of a wrap token and the message. finish encrypts text in place if header is
// rc4Sealed.
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

// open decrypts text in place if the header is rc4Sealed, verifies the sum, and returns
// the sequence number. The caller has checked the header. open does not change front.
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

// wrapRC4 makes a whole wrap token. It adds padding in DCE style too, as other
// implementations do in whole tokens.
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
	// The front and the confounder are copied, because the message may overwrite them.
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
