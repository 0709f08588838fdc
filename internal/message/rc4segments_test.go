package message_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/status"
)

// detached returns a message as TOKEN and DATA. The last 6 bytes of the text are only
// signed.
func (p *rc4Peer) detached(t krbtest.RC4Token) (token, data, signed []byte) {
	n := len(t.Text) - 6
	t.Text, t.AlsoSigned = t.Text[:n], t.Text[n:]
	front, text := t.Seal(p.params.Key)
	elsewhere := n
	if p.params.DCE {
		elsewhere = 0
	}
	return krbtest.FrameRC4(front, elsewhere), text, bytes.Clone(t.AlsoSigned)
}

func rc4Styles(t *testing.T, test func(t *testing.T, p *rc4Peer, sealed bool)) {
	for _, dce := range []bool{false, true} {
		for _, sealed := range []bool{true, false} {
			t.Run(fmt.Sprintf("DCE %v, sealed %v", dce, sealed), func(t *testing.T) {
				test(t, newRC4Peer(func(params *message.Params) { params.DCE = dce }), sealed)
			})
		}
	}
}

// TestMSG_12_SegmentsRC4 checks that a message in segments, some of them only signed, opens
// in place.
func TestMSG_12_SegmentsRC4(t *testing.T) {
	rc4Styles(t, func(t *testing.T, p *rc4Peer, sealed bool) {
		for _, n := range []int{0, 1, 27, 100, 200, 300, 70_000} {
			whole := bytes.Repeat([]byte("x"), n)
			token, data, signed := p.detached(p.token(rc4Header(sealed), string(whole)+"signed"))
			p.reset()
			cut := n / 3
			segs := []etype.Segment{{B: data[:cut]}, {}, {B: data[cut:]}, {B: signed, SignOnly: true}}
			conf, err := p.OpenSegments(token, segs)
			if err != nil || conf != sealed || !bytes.Equal(data, whole) || string(signed) != "signed" {
				t.Errorf("%d bytes: sealed %v, %v", n, conf, err)
			}
		}
	})
}

// TestMSG_1_SegmentBitsRC4 checks that a change of any bit of a message in segments is
// detected.
func TestMSG_1_SegmentBitsRC4(t *testing.T) {
	rc4Styles(t, func(t *testing.T, p *rc4Peer, sealed bool) {
		token, data, signed := p.detached(p.token(rc4Header(sealed), text+"signed"))
		whole := slices.Concat(token, data, signed)
		for bit := range 8 * len(whole) {
			p.reset()
			b := bytes.Clone(whole)
			b[bit/8] ^= 1 << (bit % 8)
			front, rest := b[:len(token)], b[len(token):]
			conf, err := p.OpenSegments(front, []etype.Segment{{B: rest[:len(data)]}, {B: rest[len(data):], SignOnly: true}})
			number := !sealed && bit/8 >= 21 && bit/8 < 25 // the number, which no checksum covers
			if reason := status.ReasonOf(err); conf || reason != altered && !(number && isOutOfSequence(err)) {
				t.Errorf("byte %d, bit %d: %v", bit/8, bit%8, err)
			}
			if sealed && bytes.Contains(b, []byte("dawn")) {
				t.Errorf("byte %d, bit %d: the plaintext is there", bit/8, bit%8)
			}
		}
	})
}

// TestMSG_12_SegmentLengthsRC4 checks that the frame counts the message outside DCE style
// and does not count it in DCE style, and that a token with bytes after it is refused.
func TestMSG_12_SegmentLengthsRC4(t *testing.T) {
	rc4Styles(t, func(t *testing.T, p *rc4Peer, sealed bool) {
		front, data := p.token(rc4Header(sealed), text).Seal(p.params.Key)
		for elsewhere := range len(text) + 10 {
			good := p.elsewhere(len(text))
			p.reset()
			d := bytes.Clone(data)
			_, err := p.OpenSegments(krbtest.FrameRC4(front, elsewhere), []etype.Segment{{B: d}})
			if (err == nil) != (elsewhere == good) {
				t.Errorf("a frame with %d more: %v", elsewhere, err)
			}
		}
		p.reset()
		for n := 1; n <= 300; n++ { // bytes that the frame counts and no checksum covers
			longer := krbtest.FrameRC4(append(bytes.Clone(front), bytes.Repeat([]byte{1}, n)...), p.elsewhere(len(text)))
			if _, err := p.OpenSegments(longer, []etype.Segment{{B: bytes.Clone(data)}}); status.ReasonOf(err) != altered {
				t.Fatalf("a token with %d bytes too many: %v", n, err)
			}
		}
		if _, err := p.OpenSegments(krbtest.FrameRC4(append(bytes.Clone(front), data...), 0), nil); status.ReasonOf(err) != altered {
			t.Errorf("a whole token: %v", err)
		}
		mic := p.token(krbtest.RC4MIC, text)
		mic.Confounder = []byte("confound")
		front, data = mic.Seal(p.params.Key)
		if _, err := p.OpenSegments(krbtest.FrameRC4(front, len(data)), []etype.Segment{{B: data}}); status.ReasonOf(err) != altered {
			t.Errorf("a MIC: %v", err)
		}
	})
}

// FuzzUnwrapRC4 is FuzzUnwrap for tokens of RFC 4757.
func FuzzUnwrapRC4(f *testing.F) {
	f.Fuzz(func(t *testing.T, dce bool, at uint16, token []byte) {
		if len(token) > 1<<16 {
			return
		}
		p := newRC4Peer(func(params *message.Params) { params.DCE = dce })
		token = slices.Clip(bytes.Clone(token))
		whole, conf, err := p.Unwrap(nil, token)
		check(t, err, p.genuine(token))
		p.reset()
		place := slices.Clip(bytes.Clone(token))
		inPlace, conf2, err2 := p.Unwrap(place[:0], place)
		if (err == nil) != (err2 == nil) || !bytes.Equal(whole, inPlace) || conf != conf2 {
			t.Fatalf("apart: %q, %v, %v; in place: %q, %v, %v", whole, conf, err, inPlace, conf2, err2)
		}
		p.reset()
		cut := min(int(at), len(token))
		front, data := slices.Clip(bytes.Clone(token[:cut])), slices.Clip(bytes.Clone(token[cut:]))
		_, err = p.OpenSegments(front, []etype.Segment{{B: data}})
		check(t, err, p.genuine(token))
		p.reset()
		check(t, p.VerifyMIC(token, []byte(text)), p.genuineMIC(token))
	})
}

// genuine reports whether gokrb5 accepts the checksum of a token whose frame has the
// shortest form, whatever the rest of the frame is.
func (p *rc4Peer) genuine(token []byte) bool {
	for size := 13; size <= 17 && size+32 <= len(token); size++ {
		if _, err := krbtest.OpenRC4(p.params.Key, token[size:][:32], token[size+32:], nil); err == nil {
			return true
		}
	}
	return false
}

func (p *rc4Peer) genuineMIC(token []byte) bool {
	if len(token) != 37 {
		return false
	}
	_, err := krbtest.OpenRC4(p.params.Key, token[13:], []byte(text), nil)
	return err == nil
}

// elsewhere returns the number in the frame of a TOKEN for n sealed bytes outside it.
func (p *rc4Peer) elsewhere(n int) int {
	if p.params.DCE {
		return 0
	}
	return n
}
