package message_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/status"
)

// FuzzUnwrap passes tokens to every function that opens one: tokens that no holder of the
// key made, and a valid one. The functions must accept only the valid one, and agree.
func FuzzUnwrap(f *testing.F) {
	f.Add(byte(0), false, uint16(0), []byte{})
	for e := range byte(4) {
		for _, dce := range []bool{false, true} {
			p := fuzzed(e, dce)
			for _, sealed := range []bool{true, false} {
				f.Add(e, dce, uint16(p.TrailerLen(nil, sealed)), p.wrap(text, sealed, uint16(16+p.sum)))
			}
			f.Add(e, dce, uint16(0), p.mic(p.header(false), []byte(text)))
		}
	}
	f.Fuzz(func(t *testing.T, e byte, dce bool, at uint16, token []byte) {
		p := fuzzed(e, dce)
		token = slices.Clip(bytes.Clone(token))
		genuine := len(token) >= 32 && p.genuine(token)
		whole, conf, err := p.Unwrap(nil, token)
		check(t, err, genuine)
		p.reset()
		place := slices.Clip(bytes.Clone(token))
		inPlace, conf2, err2 := p.Unwrap(place[:0], place)
		if (err == nil) != (err2 == nil) || !bytes.Equal(whole, inPlace) || conf != conf2 {
			t.Fatalf("apart: %q, %v, %v; in place: %q, %v, %v", whole, conf, err, inPlace, conf2, err2)
		}
		p.reset()
		cut := min(int(at), len(token))
		front, data := slices.Clip(bytes.Clone(token[:cut])), slices.Clip(bytes.Clone(token[cut:]))
		if _, err := p.OpenSegments(front, []etype.Segment{{B: data}}); err == nil && !bytes.Equal(data, whole) {
			t.Fatalf("detached: %q, whole: %q", data, whole)
		}
		p.reset()
		if p.VerifyMIC(token, []byte(text)) == nil && !p.genuineMIC(token) {
			t.Fatal("a forged MIC is accepted")
		}
	})
}

func fuzzed(e byte, dce bool) *peer {
	return newPeer(etype.ID(17+e%4), func(params *message.Params) { params.DCE = dce })
}

func check(t *testing.T, err error, genuine bool) {
	t.Helper()
	switch status.ReasonOf(err) {
	case status.ReasonNone:
		if !genuine {
			t.Fatal("a forged token is accepted")
		}
	case status.ReasonMalformedToken, status.ReasonMessageAltered,
		status.ReasonMessageDuplicate, status.ReasonMessageOld, status.ReasonMessageUnsequenced, status.ReasonMessageGap:
	default:
		t.Fatalf("reason %v: %v", status.ReasonOf(err), err)
	}
}

// genuine reports whether gokrb5 accepts the checksum of a wrap token of the initiator,
// whatever the rest of the header is.
func (p *peer) genuine(token []byte) bool {
	h := bytes.Clone(token[:16])
	ec, rrc := int(binary.BigEndian.Uint16(h[4:])), int(binary.BigEndian.Uint16(h[6:]))
	if p.params.DCE && h[2]&2 != 0 {
		rrc += ec
	}
	body := token[16:]
	body = rotate(body, len(body)-rrc%len(body))
	if h[2]&2 != 0 {
		_, err := krbtest.Decrypt(p.key, initiatorSeal, body)
		return err == nil
	}
	if len(body) < p.sum {
		return false
	}
	clear(h[4:8])
	n := len(body) - p.sum
	mac := krbtest.Checksum(p.key, initiatorSeal, append(bytes.Clone(body[:n]), h...)).Checksum
	return bytes.Equal(mac, body[n:])
}

func (p *peer) genuineMIC(token []byte) bool {
	mac := krbtest.Checksum(p.key, initiatorSign, append([]byte(text), token[:16]...)).Checksum
	return bytes.Equal(mac, token[16:])
}
