package sspi_test

import (
	"bytes"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestSegments_Wrap sends a message through WrapSegments and the Windows API: the segments
// that DecryptMessage and the client open, the length that SegmentsTokenLen announced, and
// the signed segments unchanged.
func TestSegments_Wrap(t *testing.T) {
	secureEach(t, func(t *testing.T, x *secured) {
		c := x.handle.Context()
		for _, text := range texts {
			for _, conf := range []bool{true, false} {
				data := []byte(text)
				segs := []sspi.Segment{{Data: data[:len(data)/2]}, {Data: data[len(data)/2:]}}
				announced := c.SegmentsTokenLen(segs, conf)
				token, err := c.WrapSegments([]byte("in front"), segs, conf)
				if err != nil || !bytes.HasPrefix(token, []byte("in front")) {
					t.Fatalf("%q, %v", token, err)
				}
				token = token[len("in front"):]
				want, _, _ := x.trailer()
				if !conf {
					want = 16 + x.sum
				}
				if len(token) != want || announced != want {
					t.Errorf("the token has %d bytes, SegmentsTokenLen %d, want %d", len(token), announced, want)
				}
				if encrypted := string(data) != text; encrypted != conf && len(text) > 1 {
					t.Errorf("conf %v: the segments are encrypted: %v", conf, encrypted)
				}
				got, sealed, err := x.client.Unwrap(slices.Concat(token, data))
				if err != nil || string(got) != text || sealed != conf {
					t.Errorf("the client: %q, sealed %v, %v", got, sealed, err)
				}
			}
		}
	})
}

// TestSegments_NoRandomness checks that WrapSegments returns no token if it cannot draw a
// confounder.
func TestSegments_NoRandomness(t *testing.T) {
	s := newSite(t)
	h, _ := s.establish(t)
	s.random.from = iotest.ErrReader(errBroken)
	data := []byte("text")
	token, err := h.Context().WrapSegments([]byte("in front"), []sspi.Segment{{Data: data}}, true)
	if token != nil || status.ReasonOf(err) != status.ReasonInternal || string(data) != "text" {
		t.Errorf("%q, %v, the segment is %q", token, err, data)
	}
}

// TestSegments_Unwrap opens the client's message in segments, and refuses the same message
// a second time with its own Reason, leaving no plaintext.
func TestSegments_Unwrap(t *testing.T) {
	secureEach(t, func(t *testing.T, x *secured) {
		c := x.handle.Context()
		for _, text := range texts {
			for _, conf := range []bool{true, false} {
				token, data := x.detached(t, text, conf)
				again, second := bytes.Clone(token), bytes.Clone(data)
				got, err := c.UnwrapSegments(token, []sspi.Segment{{Data: data[:len(data)/3]}, {Data: data[len(data)/3:]}})
				if err != nil || got != conf || string(data) != text {
					t.Fatalf("%q, conf %v, %v", data, got, err)
				}
				_, err = c.UnwrapSegments(again, []sspi.Segment{{Data: second}})
				if status.ReasonOf(err) != status.ReasonMessageDuplicate || conf && len(text) > 0 && !bytes.Equal(second, make([]byte, len(second))) {
					t.Errorf("a second time: %v, %q", err, second)
				}
			}
		}
	})
}

// pduSegments returns the segments of pieces without those marked READONLY.
func pduSegments(list []piece) (segs []sspi.Segment) {
	for _, p := range list {
		if p.attr != sspi.SECBUFFER_READONLY {
			segs = append(segs, sspi.Segment{Data: []byte(p.text), SignOnly: p.attr != 0})
		}
	}
	return segs
}

// TestSegments_HeaderSigning wraps and unwraps messages with signed segments, such as a PDU
// of DCE/RPC with header signing, against gokrb5's cryptography: a changed signed segment is
// refused.
func TestSegments_HeaderSigning(t *testing.T) {
	associatedEach(t, func(t *testing.T, x *secured, list []piece) {
		c := x.handle.Context()
		_, sealed, signed := assemble(list)
		segs, plain := pduSegments(list), pduSegments(list)
		token, err := c.WrapSegments(nil, segs, true)
		if err != nil || len(token) != c.SegmentsTokenLen(segs, true) {
			t.Fatalf("%d bytes, %v", len(token), err)
		}
		var between []byte
		for i, s := range segs {
			if s.SignOnly && !bytes.Equal(s.Data, plain[i].Data) {
				t.Errorf("segment %d is %q, was %q", i, s.Data, plain[i].Data)
			}
			if !s.SignOnly {
				between = append(between, s.Data...)
			}
		}
		openAssociated(t, x.client.Key(), token, between, sealed, signed)

		number := uint64(uint32(x.client.Request.Authenticator.SeqNumber))
		token, body := sealAssociated(t, x.client.Key(), x.dce, number, sealed, signed)
		fill := func() []sspi.Segment {
			rest, segs := bytes.Clone(body), pduSegments(list)
			for i := range segs {
				if n := len(segs[i].Data); !segs[i].SignOnly {
					segs[i].Data, rest = rest[:n:n], rest[n:]
				}
			}
			return segs
		}
		for i := range plain {
			if len(plain[i].Data) == 0 {
				continue
			}
			segs := fill()
			segs[i].Data[0] ^= 1
			if _, err := c.UnwrapSegments(bytes.Clone(token), segs); status.ReasonOf(err) != status.ReasonMessageAltered {
				t.Errorf("segment %d changed: %v", i, err)
			}
		}
		segs = fill()
		conf, err := c.UnwrapSegments(token, segs)
		if err != nil || !conf {
			t.Fatalf("conf %v, %v", conf, err)
		}
		for i := range segs {
			if !bytes.Equal(segs[i].Data, plain[i].Data) {
				t.Errorf("segment %d is %q, want %q", i, segs[i].Data, plain[i].Data)
			}
		}
	})
}

// TestSegments_NotEstablished uses a context that has no keys.
func TestSegments_NotEstablished(t *testing.T) {
	c := newSite(t).acceptor.NewContext(sspi.ContextConfig{})
	segs := []sspi.Segment{{Data: []byte("text")}}
	if token, err := c.WrapSegments(nil, segs, true); token != nil || status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Errorf("%q, %v", token, err)
	}
	if _, err := c.UnwrapSegments(nil, segs); status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Error(err)
	}
	if n := c.SegmentsTokenLen(segs, true); n != 0 || string(segs[0].Data) != "text" {
		t.Errorf("%d, %q", n, segs[0].Data)
	}
}
