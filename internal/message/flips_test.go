package message_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/status"
)

// TestMSG_1_EveryBit checks that every token with one changed bit is refused. There is one
// exception: no checksum covers the rotation count, and a count that rotates by the same
// number of bytes gives the same token (RFC 4121, Section 4.2.5).
func TestMSG_1_EveryBit(t *testing.T) {
	styles(t, func(t *testing.T, p *peer, sealed bool) {
		// With 64 bytes of text, some lengths have rotation counts that differ in one bit
		// and rotate equally.
		for _, message := range []string{"", text, string(bytes.Repeat([]byte("64"), 32))} {
			for _, rrc := range []uint16{0, 28} {
				token := p.wrap(message, sealed, rrc)
				for bit := range 8 * len(token) {
					b := bytes.Clone(token)
					b[bit/8] ^= 1 << (bit % 8)
					body := len(b) - 16
					before, after := int(binary.BigEndian.Uint16(token[6:])), int(binary.BigEndian.Uint16(b[6:]))
					if before != after && before%body == after%body {
						p.opensAs(t, b, message, sealed)
						p.reset()
						continue
					}
					p.refuses(t, "bit", b, status.ReasonMessageAltered, "")
				}
				p.opensAs(t, token, message, sealed)
				p.reset()
			}
		}
	})
}

// TestMSG_1_CongruentRotation shows that the exception exists, and does not hide a token
// that is accepted by mistake.
func TestMSG_1_CongruentRotation(t *testing.T) {
	each(t, func(t *testing.T, e etype.ID) {
		p := newPeer(e)
		n := 256 - 16 - 16 - p.sum // the length of a message whose body has 256 bytes
		token := p.wrap(string(make([]byte, n)), true, 0)
		token[6] ^= 1 // RRC 256
		p.opensAs(t, token, string(make([]byte, n)), true)
	})
}

// TestMSG_1_EveryBitOfASignature checks each bit of a MIC and of its message.
func TestMSG_1_EveryBitOfASignature(t *testing.T) {
	each(t, func(t *testing.T, e etype.ID) {
		p := newPeer(e)
		mic := p.mic(p.header(false), []byte(text))
		refused := func(mic, text []byte) {
			t.Helper()
			if err := p.VerifyMIC(mic, text); status.ReasonOf(err) != status.ReasonMessageAltered {
				t.Fatal(err)
			}
		}
		for bit := range 8 * len(mic) {
			b := bytes.Clone(mic)
			b[bit/8] ^= 1 << (bit % 8)
			refused(b, []byte(text))
		}
		for bit := range 8 * len(text) {
			b := []byte(text)
			b[bit/8] ^= 1 << (bit % 8)
			refused(mic, b)
		}
		refused(append(slices.Clip(mic), 0), []byte(text))
		refused(mic, []byte(text+"!"))
		if err := p.VerifyMIC(mic, []byte(text[:7]), nil, []byte(text[7:])); err != nil {
			t.Errorf("the signature itself, over the message in pieces: %v", err)
		}
	})
}

// TestMSG_11_OneError checks that every error of a token has the same Reason and text.
func TestMSG_11_OneError(t *testing.T) {
	styles(t, func(t *testing.T, p *peer, sealed bool) {
		token := p.wrap(text, sealed, 0)
		seen := make(map[string]bool)
		for i := range token {
			if i == 6 || i == 7 {
				continue
			}
			b := bytes.Clone(token)
			b[i] ^= 0x40
			_, _, err := p.Unwrap(nil, b)
			seen[err.Error()] = true
		}
		if len(seen) != 1 {
			t.Errorf("%d errors: %v", len(seen), seen)
		}
	})
}
