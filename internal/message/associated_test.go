package message_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/crypto/common"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/status"
)

// sealAround returns the wrap token of a message with associated data, as MIT's
// gss_wrap_iov makes it with SIGN_ONLY buffers. gokrb5 has the cipher, which encrypts
// confounder, message, filler and header, and the HMAC, which also covers the associated
// data. In types 19 and 20 the HMAC is over the ciphertext (RFC 8009, Section 5).
func (p *peer) sealAround(t *testing.T, h header, before, text, after string) []byte {
	t.Helper()
	et, err := crypto.GetEtype(p.key.KeyType)
	if err != nil {
		t.Fatal(err)
	}
	ke, err := et.DeriveKey(p.key.KeyValue, common.GetUsageKe(initiatorSeal))
	if err != nil {
		t.Fatal(err)
	}
	same := h
	same.rrc = 0
	confounder := bytes.Repeat([]byte{0xC0}, 16)
	tail := append(bytes.Repeat([]byte{0xff}, int(h.ec)), same.bytes()...)
	plain := slices.Concat(confounder, []byte(text), tail)
	_, sealed, err := et.EncryptData(ke, plain)
	if err != nil {
		t.Fatal(err)
	}
	summed := plain
	var iv []byte
	if p.key.KeyType == 19 || p.key.KeyType == 20 {
		summed, iv = sealed, make([]byte, 16)
	}
	n := len(confounder) + len(text)
	summed = slices.Concat(iv, summed[:16], []byte(before), summed[16:n], []byte(after), summed[n:])
	mac, err := common.GetIntegrityHash(summed, p.key.KeyValue, initiatorSeal, et)
	if err != nil {
		t.Fatal(err)
	}
	rotation := int(h.rrc)
	if p.params.DCE {
		rotation += int(h.ec)
	}
	return append(h.bytes(), rotate(append(sealed, mac...), rotation)...)
}

// signAround returns the token of a message that is signed only.
func (p *peer) signAround(h header, before, text, after string) []byte {
	bare := h
	bare.ec, bare.rrc = 0, 0
	mac := krbtest.Checksum(p.key, initiatorSeal, append([]byte(before+text+after), bare.bytes()...)).Checksum
	return append(h.bytes(), rotate(append([]byte(text), mac...), int(h.rrc))...)
}

func associated(before, after string) message.Associated {
	var a message.Associated
	for _, s := range []struct {
		text string
		list *[]etype.Segment
	}{{before, &a.Before}, {after, &a.After}} {
		if s.text != "" {
			half := len(s.text) / 2
			*s.list = []etype.Segment{{B: []byte(s.text[:half]), SignOnly: true}, {B: []byte(s.text[half:]), SignOnly: true}}
		}
	}
	return a
}

// TestMSG_14_Associated checks that a whole token opens with the associated data that its
// checksum covers, at its position, and with no other data.
func TestMSG_14_Associated(t *testing.T) {
	const before, after = "a header in clear", "and a trailer"
	each(t, func(t *testing.T, e etype.ID) {
		for _, style := range []func(*message.Params){func(*message.Params) {}, inDCE} {
			for _, ec := range []uint16{0, 16} {
				for _, rrc := range []uint16{0, 28, 1000} {
					p := newPeer(e, style)
					h := p.header(true)
					h.ec, h.rrc = ec, rrc
					p.holdAssociated(t, p.sealAround(t, h, before, text, after), before, after, true)
				}
			}
		}
		p := newPeer(e)
		h := p.header(false)
		h.ec, h.rrc = uint16(p.sum), 5
		p.holdAssociated(t, p.signAround(h, before, text, after), before, after, false)
	})
}

// holdAssociated opens token in both ways, and checks that each change of the data is
// refused.
func (p *peer) holdAssociated(t *testing.T, token []byte, before, after string, sealed bool) {
	t.Helper()
	hold(t, p.reset, func() *message.Protector { return p.Protector }, token, before, after, sealed)
}

func hold(t *testing.T, reset func(), protector func() *message.Protector, token []byte, before, after string, sealed bool) {
	t.Helper()
	open := func(inPlace bool, before, after string) (message.Unwrapped, error) {
		reset()
		b := slices.Clip(bytes.Clone(token))
		var dst []byte
		if inPlace {
			dst = b[:0]
		}
		u, err := protector().Unwrap(message.AsGranted, dst, b, associated(before, after))
		if err != nil && sealed && (u.Whole != nil || bytes.Contains(b, []byte(text[:16]))) {
			t.Fatalf("in place %v: the memory contains a refused message", inPlace)
		}
		return u, err
	}
	for _, inPlace := range []bool{false, true} {
		if u, err := open(inPlace, before, after); err != nil || string(u.Whole) != text || u.Sealed != sealed {
			t.Fatalf("in place %v: %q, sealed %v, %v", inPlace, u.Whole, u.Sealed, err)
		}
		for _, row := range [][2]string{
			{"", ""},
			{before, ""},
			{"", after},
			{after, before},
			{before + after, ""},
			{before + "x", after},
			{before, after + "x"},
			{before[1:], after},
			{before, after[1:]},
			{"b" + before[1:], after},
			{before, "A" + after[1:]},
		} {
			if u, err := open(inPlace, row[0], row[1]); status.ReasonOf(err) != status.ReasonMessageAltered {
				t.Fatalf("in place %v, data %q and %q: %q, %v", inPlace, row[0], row[1], u.Whole, err)
			}
		}
	}
}

// TestMSG_14_AssociatedRC4 checks the same for RC4, whose padding is after all data.
func TestMSG_14_AssociatedRC4(t *testing.T) {
	const before, after = "a header in clear", "and a trailer"
	for _, sealed := range []bool{true, false} {
		p := newRC4Peer()
		x := p.token(rc4Header(sealed), text)
		x.SignedBefore, x.AlsoSigned, x.Padding = []byte(before), []byte(after), []byte{1}
		front, body := x.Seal(p.params.Key)
		token := krbtest.FrameRC4(append(front, body...), 0)
		hold(t, p.reset, func() *message.Protector { return p.Protector }, token, before, after, sealed)
	}
}
