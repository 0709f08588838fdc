package message_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/status"
)

// These are the key usages of RFC 4121, Section 2.
const (
	acceptorSeal, acceptorSign   = 22, 23
	initiatorSeal, initiatorSign = 24, 25
)

// peer is an initiator that makes valid and invalid tokens with gokrb5's cryptography, and
// the acceptor's Protector that receives them.
type peer struct {
	*message.Protector
	key    types.EncryptionKey
	sum    int
	params message.Params
	random io.Reader
}

func newPeer(e etype.ID, changes ...func(*message.Params)) *peer {
	random := rand.NewChaCha8([32]byte{byte(e)})
	key := make([]byte, krbtest.KeyLen(17))
	if e == 18 || e == 20 {
		key = make([]byte, krbtest.KeyLen(18))
	}
	_, _ = random.Read(key)
	p := &peer{
		key:    types.EncryptionKey{KeyType: int32(e), KeyValue: key},
		sum:    map[etype.ID]int{17: 12, 18: 12, 19: 16, 20: 24}[e],
		random: random,
		params: message.Params{
			EType: e, Key: key, AcceptorSubkey: true,
			SendSeq: 1000, RecvSeq: 2000, DetectReplay: true, DetectSequence: true, Rand: random,
		},
	}
	for _, change := range changes {
		change(&p.params)
	}
	p.reset()
	return p
}

// reset gives the acceptor a new Protector.
func (p *peer) reset() {
	p.Protector = new(message.Protector)
	p.Init(p.params)
}

func inDCE(params *message.Params)     { params.DCE = true }
func unordered(params *message.Params) { params.DetectReplay, params.DetectSequence = false, false }

// each runs a test for each type of key.
func each(t *testing.T, test func(t *testing.T, e etype.ID)) {
	for e := etype.ID(17); e <= 20; e++ {
		t.Run(e.String(), func(t *testing.T) { test(t, e) })
	}
}

// header is the header of a token of the initiator. The functions that make a valid token
// set its fields.
type header struct {
	id      [2]byte
	flags   byte
	filler  byte
	ec, rrc uint16
	number  uint64
}

func (h header) bytes() []byte {
	b := append(h.id[:], h.flags, h.filler)
	b = binary.BigEndian.AppendUint16(b, h.ec)
	b = binary.BigEndian.AppendUint16(b, h.rrc)
	return binary.BigEndian.AppendUint64(b, h.number)
}

func (p *peer) header(sealed bool) header {
	h := header{id: [2]byte{5, 4}, filler: 0xff, number: p.params.RecvSeq}
	if sealed {
		h.flags |= 2
	}
	if p.params.AcceptorSubkey {
		h.flags |= 4
	}
	return h
}

// seal returns a wrap token with the header h and a message. The encrypted copy of the
// header is inside, or that of h if inside is nil.
func (p *peer) seal(h header, text []byte, inside []byte) []byte {
	if inside == nil {
		same := h
		same.rrc = 0
		inside = same.bytes()
	}
	plain := slices.Concat(text, bytes.Repeat([]byte{0xff}, int(h.ec)), inside)
	body := krbtest.Encrypt(p.random, p.key, initiatorSeal, plain)
	rotation := int(h.rrc)
	if p.params.DCE {
		rotation += int(h.ec)
	}
	return append(h.bytes(), rotate(body, rotation)...)
}

// sign returns a wrap token that is signed only. The checksum covers a header without
// counts.
func (p *peer) sign(h header, text []byte) []byte {
	bare := h
	bare.ec, bare.rrc = 0, 0
	mac := krbtest.Checksum(p.key, initiatorSeal, append(bytes.Clone(text), bare.bytes()...)).Checksum
	return append(h.bytes(), rotate(append(bytes.Clone(text), mac...), int(h.rrc))...)
}

// mic returns a MIC, whose header has filler in place of counts.
func (p *peer) mic(h header, text []byte) []byte {
	h.id, h.ec, h.rrc = [2]byte{4, 4}, 0xffff, 0xffff
	return append(h.bytes(), krbtest.Checksum(p.key, initiatorSign, append(bytes.Clone(text), h.bytes()...)).Checksum...)
}

// rotate rotates b to the right.
func rotate(b []byte, n int) []byte {
	n %= len(b)
	return append(bytes.Clone(b[len(b)-n:]), b[:len(b)-n]...)
}

// wrap returns the token that MIT's library would make, sealed or signed.
func (p *peer) wrap(text string, sealed bool, rrc uint16) []byte {
	h := p.header(sealed)
	h.rrc = rrc
	if sealed {
		return p.seal(h, []byte(text), nil)
	}
	h.ec = uint16(p.sum)
	return p.sign(h, []byte(text))
}

// opensAs checks that a token is accepted in both ways: into other memory, which leaves the
// token unchanged, and in place.
func (p *peer) opensAs(t *testing.T, token []byte, text string, sealed bool) {
	t.Helper()
	for _, inPlace := range []bool{false, true} {
		p.reset()
		p.opens(t, token, text, sealed, inPlace)
	}
}

// opensTwiceAs does the same with one Protector, for a peer without sequence detection.
func (p *peer) opensTwiceAs(t *testing.T, token []byte, text string, sealed bool) {
	p.opens(t, token, text, sealed, false)
	p.opens(t, token, text, sealed, true)
}

func (p *peer) opens(t *testing.T, token []byte, text string, sealed, inPlace bool) {
	b, dst := slices.Clip(bytes.Clone(token)), []byte("before")
	want := "before" + text
	if inPlace {
		dst, want = b[:0], text
	}
	got, conf, err := p.Unwrap(dst, b)
	if err != nil || string(got) != want || conf != sealed {
		t.Helper()
		t.Fatalf("in place %v, header %x: %q, sealed %v, %v; want %q, %v", inPlace, token[:16], cut(got), conf, err, cut([]byte(text)), sealed)
	}
	if !inPlace && !bytes.Equal(b, token) {
		t.Helper()
		t.Fatal("the token was changed")
	}
}

// refuses checks that a token is refused with the Reason in both ways, and that nothing of
// secret is left in memory, if secret is not empty.
func (p *peer) refuses(t *testing.T, what string, token []byte, reason status.Reason, secret string) {
	t.Helper()
	for _, inPlace := range []bool{false, true} {
		b := slices.Clip(bytes.Clone(token))
		dst := make([]byte, 0, len(b)+8)
		if inPlace {
			dst = b[:0]
		}
		got, _, err := p.Unwrap(dst, b)
		if status.ReasonOf(err) != reason || got != nil {
			t.Fatalf("%s, in place %v: %q, %v; want %v", what, inPlace, cut(got), err, reason)
		}
		if secret != "" && bytes.Contains(dst[:cap(dst)], []byte(secret)) {
			t.Fatalf("%s, in place %v: the memory contains the message", what, inPlace)
		}
	}
}

func cut(b []byte) string {
	if len(b) > 40 {
		return fmt.Sprintf("%s... of %d bytes", b[:40], len(b))
	}
	return string(b)
}
