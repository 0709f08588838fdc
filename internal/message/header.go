package message

import (
	"bytes"
	"encoding/binary"

	"github.com/gosspi/kerberos/status"
)

const (
	headerLen     = 16
	confounderLen = 16 // one block of AES, in every AES type
)

// Flags of a token (RFC 4121, Section 4.2.2).
const (
	flagSentByAcceptor = 0x01
	flagSealed         = 0x02
	flagAcceptorSubkey = 0x04
)

// kind is the constant part of the headers of MIC tokens or of wrap tokens. Its flags
// octet is 0.
type kind []byte

var (
	kindMIC  = kind{0x04, 0x04, 0, 0xff, 0xff, 0xff, 0xff, 0xff} // RFC 4121, Section 4.2.6.1
	kindWrap = kind{0x05, 0x04, 0, 0xff}                         // Section 4.2.6.2; EC and RRC follow
)

// putHeader writes the header of a token that the acceptor sends. EC and RRC are 0.
func (p *Protector) putHeader(h []byte, k kind, sealed bool, number uint64) {
	clear(h[copy(h, k):8])
	h[2] = flagSentByAcceptor
	if sealed {
		h[2] |= flagSealed
	}
	if p.acceptorSubkey {
		h[2] |= flagAcceptorSubkey
	}
	binary.BigEndian.PutUint64(h[8:headerLen], number)
}

func putCounts(h []byte, ec, rrc int) {
	binary.BigEndian.PutUint16(h[4:], uint16(ec))
	binary.BigEndian.PutUint16(h[6:], uint16(rrc))
}

// header holds the fields of the header of a token that the initiator sent. Only the
// header of a wrap token has EC and RRC.
type header struct {
	sealed  bool
	ec, rrc int
	number  uint64
}

// parseHeader parses a header. It refuses a header that is not of kind k, that names the
// acceptor as the sender, or that names a key other than p's. It ignores unknown flags,
// as RFC 4121, Section 4.2.2 demands; the checksum covers them.
func (p *Protector) parseHeader(token []byte, k kind) (header, error) {
	if len(token) < headerLen {
		return header{}, errShort()
	}
	h := token[:headerLen]
	fixed := h[0] == k[0] && h[1] == k[1] && bytes.Equal(h[3:len(k)], k[3:])
	fromUs := h[2]&flagSentByAcceptor != 0
	ourKey := h[2]&flagAcceptorSubkey != 0
	if !fixed || fromUs || ourKey != p.acceptorSubkey {
		return header{}, errAltered()
	}
	return header{
		sealed: h[2]&flagSealed != 0,
		ec:     int(binary.BigEndian.Uint16(h[4:])),
		rrc:    int(binary.BigEndian.Uint16(h[6:])),
		number: binary.BigEndian.Uint64(h[8:]),
	}, nil
}

// errShort returns the error for a token that is too short for its header.
func errShort() error {
	return &status.Error{Reason: status.ReasonMalformedToken, Detail: "a message token is shorter than its header"}
}

// errAltered returns the error for every token that is not genuine.
func errAltered() error {
	return &status.Error{Reason: status.ReasonMessageAltered, Detail: "the token does not belong to the message, to this context or to this direction"}
}
