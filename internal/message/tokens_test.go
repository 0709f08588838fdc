package message_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/status"
)

const text = "attack at dawn, or rather at noon"

// styles runs a test for each type of key, with DCE style and without, sealed and signed.
func styles(t *testing.T, test func(t *testing.T, p *peer, sealed bool)) {
	each(t, func(t *testing.T, e etype.ID) {
		for _, style := range []struct {
			name   string
			change func(*message.Params)
		}{{"GSS", func(*message.Params) {}}, {"DCE", inDCE}} {
			for _, sealed := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, sealed %v", style.name, sealed), func(t *testing.T) { test(t, newPeer(e, style.change), sealed) })
			}
		}
	})
}

// TestMSG_12_Lengths checks messages of every length around the cipher's block, and a long
// one.
func TestMSG_12_Lengths(t *testing.T) {
	styles(t, func(t *testing.T, p *peer, sealed bool) {
		long := bytes.Repeat([]byte("long "), 20_000)
		for _, n := range []int{0, 1, 2, 14, 15, 16, 17, 31, 32, 33, 47, 48, 49, 100, len(long)} {
			p.opensAs(t, p.wrap(string(long[:n]), sealed, 0), string(long[:n]), sealed)
		}
	})
}

// TestMSG_4_EveryRotation checks that every valid rotation count is accepted, including
// those of Windows and Heimdal. No checksum covers the count, so the test makes one token
// for each style and rotates it.
func TestMSG_4_EveryRotation(t *testing.T) {
	styles(t, func(t *testing.T, p *peer, sealed bool) {
		step := 251
		if p.params.EType == 18 {
			step = 1
		}
		unordered(&p.params) // the Protector receives one token many times
		p.reset()
		straight := p.wrap(text, sealed, 0)
		for rrc := 0; rrc <= 0xffff; rrc++ {
			if rrc < 300 || rrc%step == 0 || rrc == 0xffff {
				token := append(straight[:16:16], rotate(straight[16:], rrc)...)
				binary.BigEndian.PutUint16(token[6:], uint16(rrc))
				p.opensTwiceAs(t, token, text, sealed)
			}
		}
	})
}

// TestMSG_2_SealedHeader checks that the encrypted copy of the header must be equal to the
// header, including the extra count (CVE-2024-37370).
func TestMSG_2_SealedHeader(t *testing.T) {
	styles(t, func(t *testing.T, p *peer, sealed bool) {
		if !sealed {
			return
		}
		for _, ec := range []uint16{0, 1, 3, 16, 500} {
			h := p.header(true)
			h.ec = ec
			p.opensAs(t, p.seal(h, []byte(text), nil), text, true)
			p.reset()
			for i := range h.bytes() {
				inside := h.bytes()
				inside[i]++
				p.refuses(t, fmt.Sprintf("EC %d, sealed header byte %d", ec, i), p.seal(h, []byte(text), inside), status.ReasonMessageAltered, text[:16])
			}
			// The extra count of the header differs from that of the encrypted copy, and
			// fits the length.
			for _, clear := range []uint16{ec + 1, ec + 16, ec + uint16(len(text)), ec + uint16(len(text)) + 1, 0xffff} {
				token := p.seal(h, []byte(text), nil)
				token[4], token[5] = byte(clear>>8), byte(clear)
				p.refuses(t, "EC in clear", token, status.ReasonMessageAltered, text[:16])
			}
		}
	})
}

// TestMSG_3_SignedCount checks that the extra count of a signed token must be the length of
// its checksum, although no checksum covers it.
func TestMSG_3_SignedCount(t *testing.T) {
	each(t, func(t *testing.T, e etype.ID) {
		p := newPeer(e)
		for ec := range 60 {
			h := p.header(false)
			h.ec = uint16(ec)
			token := p.sign(h, []byte(text))
			if ec == p.sum {
				p.opensAs(t, token, text, false)
				p.reset()
				continue
			}
			p.refuses(t, fmt.Sprintf("EC %d", ec), token, status.ReasonMessageAltered, "")
		}
	})
}

// TestMSG_5_Headers checks wrong values of each field under a valid checksum: the sender,
// the key, the sealing and the fillers.
func TestMSG_5_Headers(t *testing.T) {
	each(t, func(t *testing.T, e etype.ID) {
		for _, acceptorSubkey := range []bool{true, false} {
			p := newPeer(e, func(params *message.Params) { params.AcceptorSubkey = acceptorSubkey })
			make3 := func(change func(h *header)) (sealed, signed, mic []byte) {
				s, i := p.header(true), p.header(false)
				i.ec = uint16(p.sum)
				m := p.header(false)
				change(&s)
				change(&i)
				change(&m)
				return p.seal(s, []byte(text), nil), p.sign(i, []byte(text)), p.mic(m, []byte(text))
			}
			for what, change := range map[string]func(h *header){
				"from the acceptor": func(h *header) { h.flags |= 1 },
				"the other key":     func(h *header) { h.flags ^= 4 },
				"filler 0":          func(h *header) { h.filler = 0 },
				"filler 0x7f":       func(h *header) { h.filler = 0x7f },
			} {
				sealed, signed, mic := make3(change)
				p.refuses(t, what, sealed, status.ReasonMessageAltered, text[:16])
				p.refuses(t, what, signed, status.ReasonMessageAltered, "")
				if err := p.VerifyMIC(mic, []byte(text)); status.ReasonOf(err) != status.ReasonMessageAltered {
					t.Errorf("%s: MIC: %v", what, err)
				}
			}
			// RFC 4121, Section 4.2.2: the receiver must ignore unknown flags.
			sealed, signed, mic := make3(func(h *header) { h.flags |= 0xf8 })
			p.opensAs(t, sealed, text, true)
			p.opensAs(t, signed, text, false)
			p.reset()
			if err := p.VerifyMIC(mic, []byte(text)); err != nil {
				t.Errorf("unknown flags: MIC: %v", err)
			}
			// A MIC is not sealed.
			h := p.header(true)
			if err := p.VerifyMIC(p.mic(h, []byte(text)), []byte(text)); status.ReasonOf(err) != status.ReasonMessageAltered {
				t.Errorf("a sealed signature: %v", err)
			}
		}
	})
}

// TestMSG_12_Short checks that a token of each length below the shortest has a defined
// result.
func TestMSG_12_Short(t *testing.T) {
	styles(t, func(t *testing.T, p *peer, sealed bool) {
		token := p.wrap("", sealed, 0)
		for n := range token {
			want := status.ReasonMessageAltered
			if n < 16 {
				want = status.ReasonMalformedToken
			}
			p.refuses(t, fmt.Sprintf("%d bytes", n), token[:n], want, "")
			if err := p.VerifyMIC(token[:n]); status.ReasonOf(err) != want {
				t.Errorf("MIC of %d bytes: %v, want %v", n, err, want)
			}
		}
		p.refuses(t, "a byte more", append(token, 0), status.ReasonMessageAltered, "")
		p.opensAs(t, token, "", sealed)
	})
}
