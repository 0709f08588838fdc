package krbtest

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
)

// Bits of the flags byte of RFC 4121, Section 4.2.2.
const (
	FlagSentByAcceptor byte = 1
	FlagSealed         byte = 2
	FlagAcceptorSubkey byte = 4
)

// protection protects messages after the exchange (RFC 4121, Section 4.2; under an RC4
// key, RFC 4757, Section 7).
type protection struct {
	random         io.Reader
	key            types.EncryptionKey
	acceptorSubkey bool
	ordered        bool // the acceptor's tokens must arrive in sequence
	dce            bool // sealed tokens are rotated by RRC and EC

	sending, receiving sync.Mutex
	sent, received     uint64 // sequence numbers of each direction's next token
}

func (m *protection) start(q *APReq, key types.EncryptionKey, acceptorSubkey bool, theirs uint64) {
	m.random, m.key, m.acceptorSubkey = q.kdc, key, acceptorSubkey
	m.ordered = q.Flags&flags.GSS_C_SEQUENCE_FLAG != 0
	m.dce = q.Flags&flags.GSS_C_DCE_STYLE != 0
	m.sent, m.received = q.sequence(), theirs
}

// Key returns the context's key: the acceptor's subkey, or the initiator's subkey, or the
// session key, whichever exists first in this order (RFC 4121, Section 2).
func (m *protection) Key() types.EncryptionKey { return m.key }

// Shape is the layout of a token. MIT's gss_wrap and gss_get_mic use the zero Shape.
type Shape struct {
	EC  int // bytes of filler, in a sealed token
	RRC int // right rotation; sealed tokens in DCE style rotate by RRC plus EC

	// Flip has the bits of the flags byte to invert. The checksum covers them inverted.
	Flip byte
	// Skip is added to the sequence number before the token takes it.
	Skip uint64
}

// Wrap seals message if conf is set, and signs it otherwise.
func (m *protection) Wrap(message []byte, conf bool) ([]byte, error) {
	return m.WrapShaped(message, conf, Shape{})
}

// WrapShaped wraps message as [Initiator.Wrap] does, in the given Shape. RC4 uses only
// Shape.Skip.
func (m *protection) WrapShaped(message []byte, conf bool, s Shape) ([]byte, error) {
	if m.key.KeyValue == nil {
		return nil, ErrState
	}
	if m.rc4() {
		header := RC4Signed
		if conf {
			header = RC4Sealed
		}
		return m.sealRC4(header, message, s.Skip), nil
	}
	header := m.header([]byte{0x05, 0x04, 0, 0xff, 0, 0, 0, 0}, conf, s)
	var body []byte
	rotation := s.RRC
	if conf {
		binary.BigEndian.PutUint16(header[4:], uint16(s.EC))
		plaintext := append(bytes.Clone(message), bytes.Repeat([]byte{0xff}, s.EC)...)
		body = Encrypt(m.random, m.key, keyusage.GSSAPI_INITIATOR_SEAL, append(plaintext, header...))
		if m.dce {
			rotation += s.EC
		}
	} else {
		mac := Checksum(m.key, keyusage.GSSAPI_INITIATOR_SEAL, append(bytes.Clone(message), header...)).Checksum
		binary.BigEndian.PutUint16(header[4:], uint16(len(mac)))
		body = append(bytes.Clone(message), mac...)
	}
	binary.BigEndian.PutUint16(header[6:], uint16(s.RRC))
	return append(header, rotateRight(body, rotation)...), nil
}

// GetMIC returns a MIC token for message.
func (m *protection) GetMIC(message []byte) ([]byte, error) {
	return m.GetMICShaped(message, Shape{})
}

// GetMICShaped returns a MIC token as [Initiator.GetMIC] does, in the given Shape. It
// ignores EC and RRC.
func (m *protection) GetMICShaped(message []byte, s Shape) ([]byte, error) {
	if m.key.KeyValue == nil {
		return nil, ErrState
	}
	if m.rc4() {
		return m.sealRC4(RC4MIC, message, s.Skip), nil
	}
	header := m.header([]byte{0x04, 0x04, 0, 0xff, 0xff, 0xff, 0xff, 0xff}, false, s)
	mac := Checksum(m.key, keyusage.GSSAPI_INITIATOR_SIGN, append(bytes.Clone(message), header...)).Checksum
	return append(header, mac...), nil
}

// header adds the flags and the next sequence number to the first 8 bytes of a header.
func (m *protection) header(b []byte, conf bool, s Shape) []byte {
	if conf {
		b[2] |= FlagSealed
	}
	if m.acceptorSubkey {
		b[2] |= FlagAcceptorSubkey
	}
	b[2] ^= s.Flip
	m.sending.Lock()
	defer m.sending.Unlock()
	m.sent += s.Skip
	b = binary.BigEndian.AppendUint64(b, m.sent)
	m.sent++
	return b
}

// Unwrap opens the acceptor's token. If the client requested GSS_C_SEQUENCE_FLAG, tokens
// must arrive in order and without duplicates.
func (m *protection) Unwrap(token []byte) (message []byte, conf bool, err error) {
	if m.rc4() {
		t, err := m.openRC4(token, false, nil)
		if err != nil {
			return nil, false, err
		}
		return t.Text[:len(t.Text)-1], t.Header == RC4Sealed, nil
	}
	conf, err = m.checkHeader(token, []byte{0x05, 0x04}, []byte{0xff})
	if err != nil {
		return nil, false, err
	}
	if conf {
		message, err = m.unseal(token)
	} else {
		message, err = m.unsign(token)
	}
	if err != nil {
		return nil, false, err
	}
	return message, conf, m.inOrder(token)
}

// unseal opens a sealed token, whose plaintext ends with the filler and a copy of the
// header with RRC 0 (RFC 4121, Section 4.2.4).
func (m *protection) unseal(token []byte) ([]byte, error) {
	header := bytes.Clone(token[:16])
	ec, rrc := int(binary.BigEndian.Uint16(header[4:])), int(binary.BigEndian.Uint16(header[6:]))
	clear(header[6:8])
	if m.dce {
		rrc += ec
	}
	plaintext, err := Decrypt(m.key, keyusage.GSSAPI_ACCEPTOR_SEAL, rotateRight(token[16:], -rrc))
	if err != nil {
		return nil, err
	}
	n := len(plaintext) - len(header) - ec
	if n < 0 || !bytes.Equal(plaintext[n+ec:], header) {
		return nil, errors.New("krbtest: the sealed header differs from the token's header")
	}
	return plaintext[:n], nil
}

func (m *protection) unsign(token []byte) ([]byte, error) {
	header := bytes.Clone(token[:16])
	ec, rrc := int(binary.BigEndian.Uint16(header[4:])), int(binary.BigEndian.Uint16(header[6:]))
	clear(header[4:8])
	body := rotateRight(token[16:], -rrc)
	if ec != checksumLen(m.key) || len(body) < ec {
		return nil, fmt.Errorf("krbtest: the signed token has EC %d and %d bytes", ec, len(token))
	}
	message, mac := body[:len(body)-ec], body[len(body)-ec:]
	want := Checksum(m.key, keyusage.GSSAPI_ACCEPTOR_SEAL, append(bytes.Clone(message), header...))
	if !hmac.Equal(mac, want.Checksum) {
		return nil, errors.New("krbtest: the token was altered")
	}
	return message, nil
}

// VerifyMIC checks the acceptor's MIC token of message, and the order of tokens as Unwrap
// does.
func (m *protection) VerifyMIC(message, token []byte) error {
	if m.rc4() {
		_, err := m.openRC4(token, true, message)
		return err
	}
	conf, err := m.checkHeader(token, []byte{0x04, 0x04}, bytes.Repeat([]byte{0xff}, 5))
	if err != nil {
		return err
	}
	want := Checksum(m.key, keyusage.GSSAPI_ACCEPTOR_SIGN, append(bytes.Clone(message), token[:16]...))
	if conf || !hmac.Equal(token[16:], want.Checksum) {
		return errors.New("krbtest: the token or the message was altered")
	}
	return m.inOrder(token)
}

// checkHeader checks the unencrypted header of a token.
func (m *protection) checkHeader(token, tokID, filler []byte) (conf bool, err error) {
	if m.key.KeyValue == nil {
		return false, ErrState
	}
	if len(token) < 16 || !bytes.HasPrefix(token, tokID) || !bytes.HasPrefix(token[3:], filler) {
		return false, errors.New("krbtest: this is no token of the right kind")
	}
	want := FlagSentByAcceptor
	if m.acceptorSubkey {
		want |= FlagAcceptorSubkey
	}
	if got := token[2] &^ FlagSealed; got != want {
		return false, fmt.Errorf("krbtest: the token has flags %#02x, want %#02x", got, want)
	}
	return token[2]&FlagSealed != 0, nil
}

// inOrder checks the sequence number of a token that has proved to be from the acceptor.
func (m *protection) inOrder(token []byte) error {
	return m.numberInOrder(binary.BigEndian.Uint64(token[8:]))
}

func (m *protection) numberInOrder(n uint64) error {
	m.receiving.Lock()
	defer m.receiving.Unlock()
	if m.ordered && n != m.received {
		return fmt.Errorf("krbtest: the token has sequence number %d, want %d", n, m.received)
	}
	m.received = n + 1
	return nil
}

// rotateRight rotates b right by n bytes. n may be negative or exceed the length of b.
func rotateRight(b []byte, n int) []byte {
	if len(b) == 0 {
		return nil
	}
	n = (n%len(b) + len(b)) % len(b)
	return append(bytes.Clone(b[len(b)-n:]), b[:len(b)-n]...)
}
