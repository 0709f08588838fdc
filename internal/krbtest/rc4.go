package krbtest

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/crypto/rfc4757"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
)

// Headers of the tokens of RFC 4757, Section 7.
const (
	RC4MIC    = "\x01\x01\x11\x00\xff\xff\xff\xff"
	RC4Sealed = "\x02\x01\x11\x00\x10\x00\xff\xff"
	RC4Signed = "\x02\x01\x11\x00\xff\xff\xff\xff"
)

// The sender's direction, as encoded after the sequence number. The RFC's pseudo-code
// exchanges the two values.
var (
	RC4FromInitiator = [4]byte{}
	RC4FromAcceptor  = [4]byte{0xff, 0xff, 0xff, 0xff}
)

// RC4Token is a decrypted token of RFC 4757, Section 7.
type RC4Token struct {
	Header     string
	Number     uint32
	From       [4]byte
	Confounder []byte // 8 bytes; nil in a MIC token
	Text       []byte // the message; in a wrap token, the message with its padding
	// SignedBefore precedes Text and AlsoSigned follows it in the input of the sum. Neither
	// is sealed or sent.
	SignedBefore, AlsoSigned []byte
	// Padding is the padding if Text does not include it. It is sealed after Text, and
	// follows AlsoSigned in the input of the sum.
	Padding []byte
}

// Seal returns the token up to the text, without a frame, and the text as it is sent.
func (t RC4Token) Seal(key []byte) (front, text []byte) {
	sum := t.sum(key)
	text = slices.Concat(t.Confounder, t.Text, t.Padding)
	if t.Header == RC4Sealed {
		text = rc4Stream(rc4ContentKey(key, t.Number), text)
	}
	number := binary.BigEndian.AppendUint32(nil, t.Number)
	number = rc4Stream(rc4NumberKey(key, sum), append(number, t.From[:]...))
	n := len(t.Confounder)
	front = append([]byte(t.Header), number...)
	return append(append(front, sum...), text[:n]...), text[n:]
}

// OpenRC4 reverses Seal and checks the sum. front is the part of a token between its
// frame and the text, and must have 24 or 32 bytes.
func OpenRC4(key, front, text, alsoSigned []byte) (RC4Token, error) {
	if len(front) != 24 && len(front) != 32 {
		return RC4Token{}, errors.New("krbtest: this is no token of the right kind")
	}
	sum := front[16:24]
	number := rc4Stream(rc4NumberKey(key, sum), front[8:16])
	t := RC4Token{Header: string(front[:8]), Number: binary.BigEndian.Uint32(number), From: [4]byte(number[4:]), AlsoSigned: alsoSigned}
	all := append(bytes.Clone(front[24:]), text...)
	if t.Header == RC4Sealed {
		all = rc4Stream(rc4ContentKey(key, t.Number), all)
	}
	t.Confounder, t.Text = all[:len(front)-24], all[len(front)-24:]
	if !hmac.Equal(sum, t.sum(key)) {
		return RC4Token{}, errors.New("krbtest: the token was altered")
	}
	return t, nil
}

// sum returns the checksum of t. Its salt is 15 for a MIC token and 13 for a wrap token;
// the RFC's pseudo-code uses 15 for both.
func (t RC4Token) sum(key []byte) []byte {
	salt := uint32(13)
	if t.Header == RC4MIC {
		salt = 15
	}
	text := slices.Concat([]byte(t.Header), t.Confounder, t.SignedBefore, t.Text, t.AlsoSigned, t.Padding)
	sum, err := rfc4757.Checksum(key, salt, text)
	must(err)
	return sum[:8]
}

func rc4NumberKey(key, sum []byte) []byte {
	return rfc4757.HMAC(rfc4757.HMAC(key, make([]byte, 4)), sum)
}

func rc4ContentKey(key []byte, number uint32) []byte {
	local := bytes.Clone(key)
	for i := range local {
		local[i] ^= 0xf0
	}
	return rfc4757.HMAC(rfc4757.HMAC(local, make([]byte, 4)), binary.BigEndian.AppendUint32(nil, number))
}

func rc4Stream(key, text []byte) []byte {
	et, err := crypto.GetEtype(etypeID.RC4_HMAC)
	must(err)
	out, err := rfc4757.EncryptData(key, text, et)
	must(err)
	return out
}

// FrameRC4 returns inner in its frame. The frame's length also counts elsewhere bytes
// that are sent in other buffers.
func FrameRC4(inner []byte, elsewhere int) []byte {
	whole := Frame(OIDKerberos, binary.BigEndian.Uint16(inner), append(bytes.Clone(inner[2:]), make([]byte, elsewhere)...))
	return whole[:len(whole)-elsewhere]
}

func (m *protection) rc4() bool { return m.key.KeyType == etypeID.RC4_HMAC }

// sealRC4 returns a whole token. A wrap token is padded.
func (m *protection) sealRC4(header string, message []byte, skip uint64) []byte {
	t := RC4Token{Header: header, From: RC4FromInitiator, Text: message}
	if header != RC4MIC {
		t.Confounder = read(m.random, 8)
		t.Text = append(bytes.Clone(message), 1)
	}
	m.sending.Lock()
	m.sent += skip
	t.Number = uint32(m.sent)
	m.sent++
	m.sending.Unlock()
	front, text := t.Seal(m.key.KeyValue)
	if header == RC4MIC {
		return FrameRC4(front, 0)
	}
	return FrameRC4(append(front, text...), 0)
}

// openRC4 opens a whole token of the acceptor. message is the message of a MIC token.
func (m *protection) openRC4(token []byte, mic bool, message []byte) (RC4Token, error) {
	id, inner, err := Unframe(token, OIDKerberos)
	if err != nil {
		return RC4Token{}, err
	}
	inner = append(binary.BigEndian.AppendUint16(nil, id), inner...)
	front := 32
	if mic {
		front = 24
	}
	if len(inner) < front || mic && len(inner) != front {
		return RC4Token{}, errors.New("krbtest: this is no token of the right kind")
	}
	if !mic {
		message = inner[front:]
	}
	t, err := OpenRC4(m.key.KeyValue, inner[:front], message, nil)
	switch {
	case err != nil:
		return RC4Token{}, err
	case (t.Header == RC4MIC) != mic || !mic && t.Header != RC4Sealed && t.Header != RC4Signed:
		return RC4Token{}, errors.New("krbtest: this is no token of the right kind")
	case t.From != RC4FromAcceptor:
		return RC4Token{}, errors.New("krbtest: the token is not from the acceptor")
	case !mic && (len(t.Text) == 0 || t.Text[len(t.Text)-1] != 1):
		return RC4Token{}, errors.New("krbtest: the padding is wrong")
	}
	return t, m.numberInOrder(uint64(t.Number))
}
