package message_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/status"
)

// shape returns a message in segments. A segment of upper-case letters is signed only.
func shape(pieces ...string) []etype.Segment {
	var segs []etype.Segment
	for _, p := range pieces {
		segs = append(segs, etype.Segment{B: []byte(p), SignOnly: p != "" && p[0] <= 'Z'})
	}
	return segs
}

var shapes = [][]string{
	{},
	{""},
	{"a"},
	{"text"},
	{"", "text", ""},
	{"t", "e", "x", "t"},
	{"HEADER", "body of the message", "TRAILER"},
	{"HEADER ALONE"},
	{"fifteen bytes..", "S", "sixteen bytes..."},
	{"A", "b", "C", "d", "E", "f", "G", "h", "I", "j", "K", "l", "M", "n", "O", "p", "Q", "r", "S", "t"}, // more segments than the scratch memory holds
}

func sealedPart(segs []etype.Segment) (b []byte) {
	for _, s := range segs {
		if !s.SignOnly {
			b = append(b, s.B...)
		}
	}
	return b
}

func wholeOf(segs []etype.Segment) (b []byte) {
	for _, s := range segs {
		b = append(b, s.B...)
	}
	return b
}

// TestSegments_PeerOpens checks that the initiator opens a sealed message as a token of RFC
// 4121: the token, followed by the data.
func TestSegments_PeerOpens(t *testing.T) {
	styles(t, func(t *testing.T, p *peer, sealed bool) {
		for _, pieces := range shapes {
			segs := shape(pieces...)
			for i := range segs {
				segs[i].SignOnly = false
			}
			want := wholeOf(segs)
			token := make([]byte, p.TrailerLen(nil, sealed))
			n, err := p.SealSegments(token, segs, sealed)
			if err != nil || n != len(token) {
				t.Fatalf("%d bytes, %v; want %d", n, err, len(token))
			}
			if got, conf := p.receive(t, append(token, wholeOf(segs)...)); !bytes.Equal(got, want) || conf != sealed {
				t.Errorf("%q: the initiator reads %q, sealed %v", pieces, got, conf)
			}
		}
	})
}

// receive opens a token of the acceptor as the initiator, with gokrb5's cryptography.
func (p *peer) receive(t *testing.T, token []byte) (text []byte, sealed bool) {
	t.Helper()
	h := bytes.Clone(token[:16])
	ec, rrc := int(binary.BigEndian.Uint16(h[4:])), int(binary.BigEndian.Uint16(h[6:]))
	sealed = h[2]&2 != 0
	wantFlags := byte(1)
	if p.params.AcceptorSubkey {
		wantFlags |= 4
	}
	if h[0] != 5 || h[1] != 4 || h[3] != 0xff || h[2]&^2 != wantFlags {
		t.Fatalf("header %x", h)
	}
	rotation := rrc
	if p.params.DCE && sealed {
		rotation += ec
	}
	body := token[16:]
	body = rotate(body, len(body)-rotation%len(body))
	if !sealed {
		clear(h[4:8])
		n := len(body) - ec
		mac := krbtest.Checksum(p.key, acceptorSeal, append(bytes.Clone(body[:n]), h...)).Checksum
		if !bytes.Equal(mac, body[n:]) {
			t.Fatal("the checksum is wrong")
		}
		return body[:n], false
	}
	plain, err := krbtest.Decrypt(p.key, acceptorSeal, body)
	if err != nil {
		t.Fatal(err)
	}
	clear(h[6:8])
	if n := len(plain) - 16; !bytes.Equal(plain[n:], h) {
		t.Fatalf("sealed header %x, in clear %x", plain[n:], h)
	}
	return plain[:len(plain)-16-ec], true
}

// TestWrap_PeerOpens checks whole tokens, appended to other bytes.
func TestWrap_PeerOpens(t *testing.T) {
	styles(t, func(t *testing.T, p *peer, sealed bool) {
		for n := range 70 {
			want := bytes.Repeat([]byte("x"), n)
			b, err := p.Wrap([]byte("before"), want, sealed)
			if err != nil || string(b[:6]) != "before" {
				t.Fatal(err)
			}
			if got, conf := p.receive(t, b[6:]); !bytes.Equal(got, want) || conf != sealed {
				t.Errorf("%d bytes: %q, sealed %v", n, got, conf)
			}
			if limit := p.WrapSizeLimit(len(b)-6, sealed); limit != n {
				t.Errorf("WrapSizeLimit of %d bytes: a message of %d bytes fits, the result is %d", len(b)-6, n, limit)
			}
		}
		for _, max := range []int{-1, 0, 1, 27} {
			if limit := p.WrapSizeLimit(max, sealed); limit != 0 {
				t.Errorf("WrapSizeLimit(%d) = %d", max, limit)
			}
		}
		mic, err := p.GetMIC([]byte("before"), []byte("in "), nil, []byte("pieces"))
		h := mic[6:22]
		want := krbtest.Checksum(p.key, acceptorSign, append([]byte("in pieces"), h...)).Checksum
		if err != nil || !bytes.Equal(mic[22:], want) || !bytes.Equal(h[:8], []byte{4, 4, 5, 0xff, 0xff, 0xff, 0xff, 0xff}) || len(mic)-6 != p.MICLen() {
			t.Errorf("MIC %x, %v; want checksum %x", mic, err, want)
		}
	})
}

// detached seals or signs segs in place as the initiator, and returns the token.
func (p *peer) detached(segs []etype.Segment, sealed bool) []byte {
	h := p.header(sealed)
	if !sealed {
		h.ec, h.rrc = uint16(p.sum), uint16(p.sum)
		return p.sign(h, wholeOf(segs))[:16+p.sum]
	}
	if p.params.DCE {
		h.ec = 16
	}
	h.rrc = uint16(16 + p.sum)
	token := p.seal(h, sealedPart(segs), nil)
	n := p.TrailerLen(nil, true)
	data := token[n:]
	for i := range segs {
		if !segs[i].SignOnly {
			data = data[copy(segs[i].B, data):]
		}
	}
	return token[:n]
}

// TestSegments_Opens checks that a message of the initiator opens in place, in any
// segments.
func TestSegments_Opens(t *testing.T) {
	styles(t, func(t *testing.T, p *peer, sealed bool) {
		for _, pieces := range shapes {
			segs := shape(pieces...)
			if sealed && slices.ContainsFunc(segs, func(s etype.Segment) bool { return s.SignOnly }) {
				continue // gokrb5 cannot make these messages
			}
			want := wholeOf(segs)
			token := p.detached(segs, sealed)
			whole := slices.Concat(token, wholeOf(segs))
			conf, err := p.OpenSegments(token, segs)
			if err != nil || conf != sealed || !bytes.Equal(wholeOf(segs), want) {
				t.Errorf("%q: %q, sealed %v, %v", pieces, wholeOf(segs), conf, err)
			}
			p.opensAs(t, whole, string(want), sealed) // the same message as a whole token
			p.reset()
		}
	})
}

// TestMSG_12_ShortDetached checks tokens that are shorter than a header.
func TestMSG_12_ShortDetached(t *testing.T) {
	styles(t, func(t *testing.T, p *peer, sealed bool) {
		token := p.detached(shape(text), sealed)
		for n := range 16 {
			if _, err := p.OpenSegments(token[:n], shape(text)); status.ReasonOf(err) != status.ReasonMalformedToken {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
	})
}

// TestSegments_WrongLayout checks that a token that was split at another position, or whose
// rotation does not fit before the data, is refused, and that sealed data is zeroed.
func TestSegments_WrongLayout(t *testing.T) {
	styles(t, func(t *testing.T, p *peer, sealed bool) {
		for _, by := range []int{-17, -16, -1, 1, 16, 17} {
			segs := shape(text)
			token := p.detached(segs, sealed)
			whole := slices.Concat(token, segs[0].B)
			if n := len(token) + by; n >= 16 {
				data := whole[n:]
				_, err := p.OpenSegments(whole[:n], []etype.Segment{{B: data}})
				if status.ReasonOf(err) != status.ReasonMessageAltered {
					t.Errorf("cut %d bytes elsewhere: %v", by, err)
				}
				if sealed && bytes.ContainsFunc(data, func(r rune) bool { return r != 0 }) {
					t.Errorf("cut %d bytes elsewhere: the data is left", by)
				}
			}
		}
		for _, rrc := range []uint16{0, 1, 12, 28, 44} {
			segs := shape(text)
			token := p.detached(segs, sealed)
			right := binary.BigEndian.Uint16(token[6:])
			body := uint16(len(token) - 16 + len(text))
			if rrc%body == right%body {
				continue
			}
			binary.BigEndian.PutUint16(token[6:], rrc)
			if _, err := p.OpenSegments(token, segs); status.ReasonOf(err) != status.ReasonMessageAltered {
				t.Errorf("RRC %d: %v", rrc, err)
			}
		}
	})
}

// TestSegments_SignOnly checks that segments that are only signed stay unchanged, and that
// the checksum covers them. The control is the same message without this distinction.
func TestSegments_SignOnly(t *testing.T) {
	each(t, func(t *testing.T, e etype.ID) {
		for _, pieces := range shapes {
			p := newPeer(e, inDCE)
			segs := shape(pieces...)
			before := shape(pieces...)
			token := make([]byte, p.TrailerLen(nil, true))
			if _, err := p.SealSegments(token, segs, true); err != nil {
				t.Fatal(err)
			}
			for i, s := range segs {
				if s.SignOnly && !bytes.Equal(s.B, before[i].B) {
					t.Errorf("%q: %q was sealed", pieces, before[i].B)
				}
				if !s.SignOnly && len(s.B) > 8 && bytes.Equal(s.B, before[i].B) {
					t.Errorf("%q: %q was not sealed", pieces, before[i].B)
				}
			}
			plain := openByHand(t, p, token, segs)
			if !bytes.Equal(plain, sealedPart(before)) {
				t.Errorf("%q: sealed is %q, want %q", pieces, plain, sealedPart(before))
			}
		}
	})
}

// openByHand opens a message of SealSegments with package etype, in the order of RFC 4121.
// Tests of package etype compare it with the published vectors.
func openByHand(t *testing.T, p *peer, token []byte, segs []etype.Segment) []byte {
	t.Helper()
	key, err := etype.New(p.params.EType, p.params.Key)
	if err != nil {
		t.Fatal(err)
	}
	u, err := key.Usage(acceptorSeal)
	if err != nil {
		t.Fatal(err)
	}
	ec := int(binary.BigEndian.Uint16(token[4:]))
	tail, mac, confounder := token[16:32+ec], token[32+ec:][:p.sum], token[32+ec+p.sum:]
	all := append([]etype.Segment{{B: confounder}}, segs...)
	if err := u.Open(append(all, etype.Segment{B: tail}), mac); err != nil {
		t.Fatal(err)
	}
	return sealedPart(segs)
}

// TestSegments_NoRoom checks that a token buffer that is too small changes nothing.
func TestSegments_NoRoom(t *testing.T) {
	styles(t, func(t *testing.T, p *peer, sealed bool) {
		segs := shape(text)
		for n := range p.TrailerLen(nil, sealed) {
			if _, err := p.SealSegments(make([]byte, n), segs, sealed); status.ReasonOf(err) != status.ReasonBuffer || string(segs[0].B) != text {
				t.Fatalf("%d bytes: %v", n, err)
			}
		}
		token := make([]byte, p.TrailerLen(nil, sealed)+3)
		n, err := p.SealSegments(token, segs, sealed)
		if err != nil || numberOf(token) != 1000 || n > p.MaxTrailerLen() {
			t.Errorf("%d bytes, number %d, %v", n, numberOf(token), err)
		}
	})
}

// TestMSG_7_OnlyGenuineTokensMove checks that a forged number, however high, does not move
// the window.
func TestMSG_7_OnlyGenuineTokensMove(t *testing.T) {
	styles(t, func(t *testing.T, p *peer, sealed bool) {
		token, forged := p.wrap(text, sealed, 0), p.wrap(text, sealed, 0)
		binary.BigEndian.PutUint64(forged[8:], 1<<40)
		p.refuses(t, "forged number", forged, status.ReasonMessageAltered, "")
		mic := p.mic(p.header(false), []byte(text))
		binary.BigEndian.PutUint64(mic[8:], 1<<40)
		if err := p.VerifyMIC(mic, []byte(text)); status.ReasonOf(err) != status.ReasonMessageAltered {
			t.Error(err)
		}
		if _, _, err := p.Unwrap(nil, token); err != nil {
			t.Errorf("the next in order: %v", err)
		}
		p.refuses(t, "the same again", token, status.ReasonMessageDuplicate, text[:16])
	})
}

// TestMSG_9_FirstNumbers checks that each direction counts from its own first number.
func TestMSG_9_FirstNumbers(t *testing.T) {
	for _, row := range []struct{ send, recv uint64 }{{0, 0}, {1, 0x3fffffff}, {0x3fffffff, 1}, {0xffffffff, 0xffffffff}} {
		p := newPeer(18, func(params *message.Params) { params.SendSeq, params.RecvSeq = row.send, row.recv })
		for i := range uint64(3) {
			token, err := p.Wrap(nil, nil, true)
			if err != nil || numberOf(token) != row.send+i {
				t.Errorf("sent number %d, want %d", numberOf(token), row.send+i)
			}
			h := p.header(true)
			h.number += i
			if _, _, err := p.Unwrap(nil, p.seal(h, []byte(fmt.Sprint(i)), nil)); err != nil {
				t.Errorf("number %d: %v", h.number, err)
			}
		}
	}
}
