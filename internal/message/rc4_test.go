package message_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/status"
)

// rc4Peer is an initiator that makes valid and invalid tokens of RFC 4757 with gokrb5's
// cryptography, and the acceptor's Protector that receives them.
type rc4Peer struct {
	*message.Protector
	params message.Params
}

func newRC4Peer(changes ...func(*message.Params)) *rc4Peer {
	p := &rc4Peer{params: message.Params{
		EType: etype.RC4, Key: []byte("sixteen bytes of"), SendSeq: 1000, RecvSeq: 2000,
		DetectReplay: true, DetectSequence: true, Rand: rand.Reader,
	}}
	for _, change := range changes {
		change(&p.params)
	}
	p.reset()
	return p
}

func (p *rc4Peer) reset() {
	p.Protector = new(message.Protector)
	p.Init(p.params)
}

// token returns a token that the acceptor accepts.
func (p *rc4Peer) token(header, text string) krbtest.RC4Token {
	t := krbtest.RC4Token{Header: header, Number: uint32(p.params.RecvSeq), Text: []byte(text)}
	if header != krbtest.RC4MIC {
		t.Confounder = []byte("confound")
	}
	return t
}

// whole returns a whole token.
func (p *rc4Peer) whole(t krbtest.RC4Token) []byte {
	front, text := t.Seal(p.params.Key)
	if t.Header == krbtest.RC4MIC {
		text = nil
	}
	return slices.Clip(krbtest.FrameRC4(append(front, text...), 0))
}

func rc4Header(sealed bool) string {
	if sealed {
		return krbtest.RC4Sealed
	}
	return krbtest.RC4Signed
}

// opensAs checks that a whole token opens to the message in both ways.
func (p *rc4Peer) opensAs(t *testing.T, what string, token []byte, want string, sealed bool) {
	t.Helper()
	before := bytes.Clone(token)
	p.reset()
	got, conf, err := p.Unwrap([]byte("dst"), token)
	if err != nil || string(got) != "dst"+want || conf != sealed {
		t.Errorf("%s: %.100q, sealed %v, %v", what, got, conf, err)
	}
	if !bytes.Equal(token, before) {
		t.Errorf("%s: the token was changed", what)
	}
	p.reset()
	got, conf, err = p.Unwrap(token[:0], token)
	if err != nil || string(got) != want || conf != sealed {
		t.Errorf("%s, in place: %.100q, sealed %v, %v", what, got, conf, err)
	}
}

// refuses checks that a token is refused in both ways, without plaintext.
func (p *rc4Peer) refuses(t *testing.T, what string, token []byte, reasons ...status.Reason) {
	t.Helper()
	for _, inPlace := range []bool{false, true} {
		p.reset()
		b := slices.Clip(bytes.Clone(token))
		dst := make([]byte, 0, len(b))
		if inPlace {
			dst = b[:0]
		}
		got, conf, err := p.Unwrap(dst, b)
		if !slices.Contains(reasons, status.ReasonOf(err)) || got != nil || conf {
			t.Errorf("%s, in place %v: %q, %v, want %v", what, inPlace, got, err, reasons)
		}
		if room := dst[:cap(dst)]; bytes.Contains(room, []byte(text)) && !bytes.Contains(token, []byte(text)) {
			t.Errorf("%s, in place %v: the plaintext is there: %q", what, inPlace, room)
		}
	}
}

const (
	altered   = status.ReasonMessageAltered
	malformed = status.ReasonMalformedToken
)

// TestMSG_1_PublishedRC4 checks that MIT's tokens verify, that no token with a changed byte
// does, and that the token which MIT's test refuses is refused.
func TestMSG_1_PublishedRC4(t *testing.T) {
	all := vectors.Load(t).GSSMessages
	i := slices.IndexFunc(all.RFC1964, func(set vectors.RFC1964) bool { return set.EType == 23 })
	set, message1 := all.RFC1964[i], vectors.Hex(t, all.Message)
	p := newRC4Peer(func(params *message.Params) { params.Key, params.RecvSeq = vectors.Hex(t, set.Key), 0 })

	mic := vectors.Hex(t, set.MIC)
	if err := p.VerifyMIC(mic, message1[:2], message1[2:]); err != nil {
		t.Errorf("MIC: %v", err)
	}
	for i := range mic {
		p.reset()
		b := bytes.Clone(mic)
		b[i]++
		// No checksum covers the number, but a changed number is out of sequence.
		if err := p.VerifyMIC(b, message1); status.ReasonOf(err) != altered && !(i >= 21 && i < 25 && isOutOfSequence(err)) {
			t.Errorf("MIC, byte %d: %v", i, err)
		}
	}
	for i := range message1 {
		b := bytes.Clone(message1)
		b[i]++
		if err := p.VerifyMIC(mic, b); status.ReasonOf(err) != altered {
			t.Errorf("message, byte %d: %v", i, err)
		}
	}
	for _, row := range []struct {
		token  string
		sealed bool
		number uint64
	}{{set.WrapIntegrity, false, 0}, {set.WrapConfidential, true, 1}} {
		p.params.RecvSeq = row.number
		token := vectors.Hex(t, row.token)
		p.opensAs(t, row.token, bytes.Clone(token), string(message1), row.sealed)
		for i := range token {
			b := bytes.Clone(token)
			b[i]++
			reasons := []status.Reason{altered}
			if !row.sealed && i >= 21 && i < 25 {
				reasons = append(reasons, outOfSequence...)
			}
			p.refuses(t, fmt.Sprintf("sealed %v, byte %d", row.sealed, i), b, reasons...)
		}
	}
	for n := range uint64(3) {
		p.params.RecvSeq = n
		p.refuses(t, "bad padding", vectors.Hex(t, set.BadPad), altered)
	}
}

// TestMSG_12_LengthsRC4 checks messages around each length at which the frame grows.
func TestMSG_12_LengthsRC4(t *testing.T) {
	for _, dce := range []bool{false, true} {
		p := newRC4Peer(func(params *message.Params) { params.DCE = dce })
		for _, n := range []int{0, 1, 2, 15, 83, 84, 85, 126, 127, 128, 211, 212, 213, 65491, 65492, 65493, 100_000} {
			for _, sealed := range []bool{true, false} {
				long := string(bytes.Repeat([]byte("l"), n))
				p.opensAs(t, fmt.Sprint(n), p.whole(p.token(rc4Header(sealed), long+"\x01")), long, sealed)
			}
		}
	}
}

// TestMSG_3_ShortRC4 checks that a token truncated at either end is refused.
func TestMSG_3_ShortRC4(t *testing.T) {
	p := newRC4Peer()
	for _, sealed := range []bool{true, false} {
		whole := p.whole(p.token(rc4Header(sealed), text+"\x01"))
		for n := range whole {
			p.refuses(t, fmt.Sprintf("%d bytes", n), whole[:n], altered, malformed)
			p.refuses(t, fmt.Sprintf("from %d", n), whole[n+1:], altered, malformed)
		}
		p.refuses(t, "a byte more", append(bytes.Clone(whole), 0), altered)
	}
	mic := p.whole(p.token(krbtest.RC4MIC, text))
	for n := range mic {
		if err := p.VerifyMIC(mic[:n], []byte(text)); err == nil {
			t.Errorf("%d bytes of a MIC", n)
		}
	}
	// Additional bytes at either end, counted by the frame or not.
	front, _ := p.token(krbtest.RC4MIC, text).Seal(p.params.Key)
	for n := 1; n <= 300; n++ {
		more := bytes.Repeat([]byte{1}, n)
		for name, longer := range map[string][]byte{
			"behind":           append(bytes.Clone(mic), more...),
			"behind, counted":  krbtest.FrameRC4(append(bytes.Clone(front), more...), 0),
			"counted":          krbtest.FrameRC4(front, n),
			"between":          slices.Concat(mic[:13], more, mic[13:]),
			"between, counted": krbtest.FrameRC4(slices.Concat(front[:2], more, front[2:]), 0),
			"before":           append(more, mic...),
		} {
			if err := p.VerifyMIC(longer, []byte(text)); status.ReasonOf(err) != altered {
				t.Fatalf("a MIC with %d bytes too many %s: %v", n, name, err)
			}
		}
	}
	if err := p.VerifyMIC(mic, []byte(text)); err != nil {
		t.Error(err)
	}
}

// TestMSG_5_FieldsRC4 checks wrong fields under a valid checksum.
func TestMSG_5_FieldsRC4(t *testing.T) {
	p := newRC4Peer()
	for name, change := range map[string]func(t *krbtest.RC4Token){
		"sent by an acceptor": func(t *krbtest.RC4Token) { t.From = krbtest.RC4FromAcceptor },
		"sent by nobody":      func(t *krbtest.RC4Token) { t.From = [4]byte{0, 0, 0, 0xff} },
		"a MIC":               func(t *krbtest.RC4Token) { t.Header = krbtest.RC4MIC },
		"DES":                 func(t *krbtest.RC4Token) { t.Header = "\x02\x01\x00\x00\x00\x00\xff\xff" },
		"another seal":        func(t *krbtest.RC4Token) { t.Header = "\x02\x01\x11\x00\x02\x00\xff\xff" },
		"other filler":        func(t *krbtest.RC4Token) { t.Header = "\x02\x01\x11\x00\x10\x00\x00\x00" },
		"a deletion":          func(t *krbtest.RC4Token) { t.Header = "\x01\x02\x11\x00\xff\xff\xff\xff" },
		"padding of 0":        func(t *krbtest.RC4Token) { t.Text[len(t.Text)-1] = 0 },
		"padding of 8":        func(t *krbtest.RC4Token) { t.Text = append(t.Text, 8, 8, 8, 8, 8, 8, 8, 8) },
		"no padding":          func(t *krbtest.RC4Token) { t.Text = t.Text[:len(t.Text)-1] },
	} {
		for _, sealed := range []bool{true, false} {
			x := p.token(rc4Header(sealed), text+"\x01")
			change(&x)
			front, body := x.Seal(p.params.Key)
			p.refuses(t, name, krbtest.FrameRC4(append(front, body...), 0), altered)
		}
	}
	for name, change := range map[string]func(t *krbtest.RC4Token){
		"sent by an acceptor": func(t *krbtest.RC4Token) { t.From = krbtest.RC4FromAcceptor },
		"a wrap token":        func(t *krbtest.RC4Token) { t.Header = krbtest.RC4Signed },
	} {
		x := p.token(krbtest.RC4MIC, text)
		change(&x)
		front, _ := x.Seal(p.params.Key)
		if err := p.VerifyMIC(krbtest.FrameRC4(front, 0), []byte(text)); status.ReasonOf(err) != altered {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPARSE_1_FrameRC4 checks that the frame has one form.
func TestPARSE_1_FrameRC4(t *testing.T) {
	p := newRC4Peer()
	front, body := p.token(krbtest.RC4Sealed, text+"\x01").Seal(p.params.Key)
	inner := append(front, body...)
	good := krbtest.FrameRC4(inner, 0)
	n := byte(11 + len(inner))
	oid := krbtest.OIDKerberos
	for name, frame := range map[string][]byte{
		"no frame":          {},
		"long length":       slices.Concat([]byte{0x60, 0x81, n, 6, 9}, oid),
		"longer length":     slices.Concat([]byte{0x60, 0x84, 0, 0, 0, n, 6, 9}, oid),
		"too long a length": slices.Concat([]byte{0x60, 0x85, 0, 0, 0, 0, n, 6, 9}, oid),
		"indefinite":        slices.Concat([]byte{0x60, 0x80, 6, 9}, oid),
		"length of length":  slices.Concat([]byte{0x60, 0xff, n, 6, 9}, oid),
		"one more":          slices.Concat([]byte{0x60, n + 1, 6, 9}, oid),
		"one less":          slices.Concat([]byte{0x60, n - 1, 6, 9}, oid),
		"without the text":  slices.Concat([]byte{0x60, 43, 6, 9}, oid),
		"another tag":       slices.Concat([]byte{0x61, n, 6, 9}, oid),
		"Microsoft's":       slices.Concat([]byte{0x60, n, 6, 9}, krbtest.OIDMSKerberos),
		"user to user":      slices.Concat([]byte{0x60, n + 1, 6, 10}, krbtest.OIDUser2User),
	} {
		p.refuses(t, name, append(bytes.Clone(frame), inner...), altered)
	}
	p.opensAs(t, "the control", good, text, true)
}

// TestMSG_6_OtherFamiliesRC4 checks that tokens of RFC 4121 are refused, and that the
// context continues.
func TestMSG_6_OtherFamiliesRC4(t *testing.T) {
	p := newRC4Peer()
	cfx := newPeer(17, func(params *message.Params) { params.Key = p.params.Key })
	for _, token := range [][]byte{cfx.wrap(text, true, 0), cfx.wrap(text, false, 0), cfx.mic(cfx.header(false), []byte(text))} {
		p.refuses(t, "RFC 4121", token, altered, malformed)
		if err := p.VerifyMIC(token, []byte(text)); status.ReasonOf(err) != altered && status.ReasonOf(err) != malformed {
			t.Errorf("RFC 4121: %v", err)
		}
	}
	p.opensAs(t, "afterwards", p.whole(p.token(krbtest.RC4Sealed, text+"\x01")), text, true)
}

// TestMSG_7_OrderRC4 checks replays, gaps, and that sequence numbers have 32 bits.
func TestMSG_7_OrderRC4(t *testing.T) {
	for _, first := range []uint32{0, 2000, math.MaxUint32 - 1} {
		p := newRC4Peer(func(params *message.Params) { params.RecvSeq = uint64(first) })
		for _, row := range []struct {
			step uint32
			want status.Reason
		}{{0, 0}, {0, dup}, {1, 0}, {2, 0}, {3, 0}, {5, gapOf}, {4, late}, {6, 0}} {
			x := p.token(krbtest.RC4Sealed, text+"\x01")
			x.Number = first + row.step
			if _, _, err := p.Unwrap(nil, p.whole(x)); status.ReasonOf(err) != row.want {
				t.Errorf("from %d, %d: %v, want %v", first, row.step, err, row.want)
			}
		}
	}
}

// rc4Sender is a way to send a message, with a function that opens the token at the other
// side.
type rc4Sender struct {
	header string
	send   func() (front, text []byte, err error)
}

func (p *rc4Peer) senders() map[string]rc4Sender {
	wrap := func(conf bool) rc4Sender {
		return rc4Sender{rc4Header(conf), func() ([]byte, []byte, error) {
			token, err := p.Wrap([]byte("dst"), []byte(text), conf)
			if err != nil {
				return nil, nil, err
			}
			return token[3:][:13+32], token[3+13+32:], nil
		}}
	}
	segments := func(conf bool) rc4Sender {
		return rc4Sender{rc4Header(conf), func() ([]byte, []byte, error) {
			data := []byte(text + "\x01")
			segs := []etype.Segment{{B: data[:5]}, {B: data[5:]}}
			token := make([]byte, p.TrailerLen(segs, conf))
			n, err := p.SealSegments(token, segs, conf)
			if err == nil && n != len(token) {
				err = fmt.Errorf("%d bytes of %d", n, len(token))
			}
			return token[:n], data, err
		}}
	}
	return map[string]rc4Sender{
		"Wrap": wrap(true), "Wrap, signed": wrap(false), "SealSegments": segments(true), "SealSegments, signed": segments(false),
		"GetMIC": {krbtest.RC4MIC, func() ([]byte, []byte, error) {
			token, err := p.GetMIC([]byte("dst"), []byte(text[:7]), []byte(text[7:]))
			return bytes.TrimPrefix(token, []byte("dst")), []byte(text), err
		}},
	}
}

// TestProtector_SendsRC4 checks that the other side accepts each token, and compares the
// bytes.
func TestProtector_SendsRC4(t *testing.T) {
	for _, dce := range []bool{false, true} {
		for name := range newRC4Peer().senders() {
			p := newRC4Peer(func(params *message.Params) { params.DCE = dce })
			s := p.senders()[name]
			for n := range uint32(3) {
				front, body, err := s.send()
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				want, elsewhere := text+"\x01", len(body)
				if s.header == krbtest.RC4MIC {
					want, elsewhere = text, 0
				}
				if dce && name[:4] == "Seal" {
					elsewhere = 0
				}
				if frame := krbtest.FrameRC4(front[13:], elsewhere); !bytes.Equal(front, frame) {
					t.Errorf("%s, DCE %v: %x, want %x", name, dce, front, frame)
				}
				got, err := krbtest.OpenRC4(p.params.Key, front[13:], body, nil)
				if err != nil || got.Header != s.header || got.Number != 1000+n || got.From != krbtest.RC4FromAcceptor || string(got.Text) != want {
					t.Errorf("%s, DCE %v: %+v, %v", name, dce, got, err)
				}
				if s.header == krbtest.RC4Sealed && bytes.Contains(body, []byte("dawn")) {
					t.Errorf("%s: it is in clear", name)
				}
			}
		}
	}
}

// TestMSG_8_LastNumberRC4 checks that the last of the 32-bit numbers is used once, and that
// no message follows it.
func TestMSG_8_LastNumberRC4(t *testing.T) {
	for name := range newRC4Peer().senders() {
		p := newRC4Peer(func(params *message.Params) { params.SendSeq = math.MaxUint32 - 1 })
		s := p.senders()[name]
		for i := range 4 {
			front, _, err := s.send()
			if i < 2 && err != nil || i >= 2 && (status.ReasonOf(err) != status.ReasonContextState || len(front) != 0) {
				t.Errorf("%s, token %d: %d bytes, %v", name, i, len(front), err)
			}
		}
	}
}

// TestSEC_5_NoConfounderRC4 checks that nothing is sent without randomness, and that no
// number is used up.
func TestSEC_5_NoConfounderRC4(t *testing.T) {
	p := newRC4Peer(func(params *message.Params) { params.Rand = iotest.ErrReader(errors.New("broken")) })
	for name, s := range p.senders() {
		if s.header == krbtest.RC4MIC {
			continue // a MIC needs no randomness
		}
		if front, body, err := s.send(); status.ReasonOf(err) != status.ReasonInternal || len(front) != 0 || len(body) != 0 && string(body) != text+"\x01" {
			t.Errorf("%s: %x, %q, %v", name, front, body, err)
		}
	}
	front, body, err := p.senders()["GetMIC"].send()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := krbtest.OpenRC4(p.params.Key, front[13:], body, nil); err != nil || got.Number != 1000 {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
}

// TestCTX_9_WipedRC4 checks that everything is refused after Wipe.
func TestCTX_9_WipedRC4(t *testing.T) {
	p := newRC4Peer()
	token, mic := p.whole(p.token(krbtest.RC4Sealed, text+"\x01")), p.whole(p.token(krbtest.RC4MIC, text))
	for name, s := range p.senders() {
		if _, _, err := s.send(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := p.Unwrap(nil, token); err != nil {
		t.Error(err)
	}
	p.Wipe()
	p.Wipe()
	for name, s := range p.senders() {
		if _, _, err := s.send(); status.ReasonOf(err) != status.ReasonInvalidHandle {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _, err := p.Unwrap(nil, token)
	_, err2 := p.OpenSegments(token, nil)
	for _, err := range []error{err, err2, p.VerifyMIC(mic, []byte(text))} {
		if status.ReasonOf(err) != status.ReasonInvalidHandle {
			t.Error(err)
		}
	}
}

// TestProtector_SizesRC4 checks the sizes that Windows reports.
func TestProtector_SizesRC4(t *testing.T) {
	p := newRC4Peer()
	if p.MICLen() != 37 || message.MICLen(etype.RC4) != 37 || p.MaxTrailerLen() != 49 {
		t.Errorf("MIC %d and %d, trailer %d", p.MICLen(), message.MICLen(etype.RC4), p.MaxTrailerLen())
	}
	if dce := newRC4Peer(inDCE); dce.MaxTrailerLen() != 45 || dce.TrailerLen([]etype.Segment{{B: make([]byte, 1<<17)}}, true) != 45 {
		t.Errorf("in DCE style %d", dce.MaxTrailerLen())
	}
	for n, want := range map[int]int{0: 45, 84: 45, 85: 46, 212: 46, 213: 47, 65492: 47, 65493: 48, 1 << 17: 48} {
		segs := []etype.Segment{{B: make([]byte, n)}, {B: make([]byte, 500), SignOnly: true}}
		if got := p.TrailerLen(segs, true); got != want {
			t.Errorf("%d bytes: %d, want %d", n, got, want)
		}
		if err := seal(p, segs, want-1); status.ReasonOf(err) != status.ReasonBuffer {
			t.Errorf("%d bytes, no room: %v", n, err)
		}
		if err := seal(p, segs, want+1); err != nil {
			t.Error(err)
		}
	}
	for max := range 700 {
		n := p.WrapSizeLimit(max, true)
		fits := func(n int) bool {
			token, err := p.Wrap(nil, make([]byte, n), true)
			return err == nil && len(token) <= max
		}
		if n < 0 || n > 0 && !fits(n) || fits(n+1) {
			t.Errorf("at most %d bytes: a message of %d", max, n)
		}
	}
}

func seal(p *rc4Peer, segs []etype.Segment, room int) error {
	_, err := p.SealSegments(make([]byte, room), segs, true)
	return err
}
