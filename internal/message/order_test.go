package message_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/status"
)

// outOfSequence are the Reasons of valid messages that are refused because of their
// position in the sequence.
var outOfSequence = []status.Reason{
	status.ReasonMessageDuplicate, status.ReasonMessageOld, status.ReasonMessageUnsequenced, status.ReasonMessageGap,
}

func isOutOfSequence(err error) bool { return slices.Contains(outOfSequence, status.ReasonOf(err)) }

// Unwrap opens a token without associated data in the order of the context's flags.
func (p *peer) Unwrap(dst, token []byte) (whole []byte, sealed bool, err error) {
	return unwrap(p.Protector, dst, token)
}

func (p *rc4Peer) Unwrap(dst, token []byte) (whole []byte, sealed bool, err error) {
	return unwrap(p.Protector, dst, token)
}

func unwrap(p *message.Protector, dst, token []byte) (whole []byte, sealed bool, err error) {
	u, err := p.Unwrap(message.AsGranted, dst, token, message.Associated{})
	return u.Whole, u.Sealed, err
}

func (p *peer) VerifyMIC(token []byte, parts ...[]byte) error {
	_, err := p.Protector.VerifyMIC(message.AsGranted, token, parts...)
	return err
}

func (p *rc4Peer) VerifyMIC(token []byte, parts ...[]byte) error {
	_, err := p.Protector.VerifyMIC(message.AsGranted, token, parts...)
	return err
}

func (p *peer) OpenSegments(token []byte, segs []etype.Segment) (bool, error) {
	conf, _, err := p.Protector.OpenSegments(message.AsGranted, token, segs)
	return conf, err
}

func (p *rc4Peer) OpenSegments(token []byte, segs []etype.Segment) (bool, error) {
	conf, _, err := p.Protector.OpenSegments(message.AsGranted, token, segs)
	return conf, err
}

// arrival is the arrival of the message with this number, counted from the first, and its
// result in the order AfterGap.
type arrival struct {
	number  uint64
	missing uint64
	reason  status.Reason
}

const (
	dup   = status.ReasonMessageDuplicate
	late  = status.ReasonMessageUnsequenced
	old   = status.ReasonMessageOld
	gapOf = status.ReasonMessageGap
)

// afterGap lists sequences of messages with gaps. A number far below the first one belongs
// to no message of the sequence.
var afterGap = map[string][]arrival{
	"in order":        {{0, 0, 0}, {1, 0, 0}, {2, 0, 0}},
	"the first lost":  {{1, 1, 0}, {2, 0, 0}, {0, 0, late}, {1, 0, dup}},
	"three lost":      {{0, 0, 0}, {4, 3, 0}, {5, 0, 0}, {2, 0, late}, {2, 0, dup}, {4, 0, dup}, {6, 0, 0}},
	"many lost":       {{0, 0, 0}, {1000, 999, 0}, {0, 0, late}, {999, 0, late}, {1001, 0, 0}},
	"below the first": {{math.MaxUint64, 0, old}, {0, 0, 0}, {math.MaxUint64, 0, old}, {1, 0, 0}, {1 << 63, 0, old}, {2, 0, 0}},
	"the farthest":    {{math.MaxInt64, math.MaxInt64, 0}, {0, 0, late}, {math.MaxInt64, 0, dup}},
}

// TestMSG_13_AfterGap checks that a message after a gap is delivered with the count of
// missing messages, and that duplicate, old and unsequenced messages are refused, whatever
// the order was before.
func TestMSG_13_AfterGap(t *testing.T) {
	for name, list := range afterGap {
		for _, detect := range []bool{true, false} {
			each(t, func(t *testing.T, e etype.ID) {
				for how, receive := range receivers {
					p := newPeer(e, func(params *message.Params) {
						params.DetectReplay, params.DetectSequence, params.RecvSeq = detect, detect, math.MaxUint64-1
					})
					for i, a := range list {
						missing, err := receive(p, p.params.RecvSeq+a.number, message.AfterGap)
						if missing != a.missing || status.ReasonOf(err) != a.reason {
							t.Errorf("%s, %s, arrival %d: %d missing, %v; want %d, %v", name, how, i, missing, err, a.missing, a.reason)
						}
					}
				}
			})
		}
	}
}

// receivers accept a valid message with a number, in each form of messages.
var receivers = map[string]func(p *peer, number uint64, o message.Order) (uint64, error){
	"sealed": func(p *peer, number uint64, o message.Order) (uint64, error) {
		h := p.header(true)
		h.number = number
		return opened(p.Protector.Unwrap(o, nil, p.seal(h, []byte(text), nil), message.Associated{}))
	},
	"signed": func(p *peer, number uint64, o message.Order) (uint64, error) {
		h := p.header(false)
		h.number, h.ec = number, uint16(p.sum)
		return opened(p.Protector.Unwrap(o, nil, p.sign(h, []byte(text)), message.Associated{}))
	},
	"MIC": func(p *peer, number uint64, o message.Order) (uint64, error) {
		h := p.header(false)
		h.number = number
		return p.Protector.VerifyMIC(o, p.mic(h, []byte(text)), []byte(text))
	},
	"sealed segments": func(p *peer, number uint64, o message.Order) (uint64, error) {
		h := p.header(true)
		h.number, h.rrc = number, uint16(16+p.sum)
		return segment(p, o, p.seal(h, []byte(text), nil), 16+16+p.sum+16)
	},
	"signed segments": func(p *peer, number uint64, o message.Order) (uint64, error) {
		h := p.header(false)
		h.number, h.ec, h.rrc = number, uint16(p.sum), uint16(p.sum)
		return segment(p, o, p.sign(h, []byte(text)), 16+p.sum)
	},
}

// opened checks that the result of Unwrap has the message.
func opened(u message.Unwrapped, err error) (uint64, error) {
	if err == nil && string(u.Whole) != text || err != nil && u.Whole != nil {
		return u.Missing, fmt.Errorf("the message %q, %w", u.Whole, err)
	}
	return u.Missing, err
}

func segment(p *peer, o message.Order, token []byte, n int) (uint64, error) {
	data := token[n:]
	sealed := !bytes.Equal(data, []byte(text))
	_, missing, err := p.Protector.OpenSegments(o, token[:n:n], []etype.Segment{{B: data}})
	if want := []byte(text); err == nil && !bytes.Equal(data, want) || err != nil && sealed && !bytes.Equal(data, make([]byte, len(text))) {
		return missing, fmt.Errorf("the message %q, %w", data, err)
	}
	return missing, err
}

// TestMSG_13_TypedInEachForm checks that the default order refuses each position with its
// own Reason.
func TestMSG_13_TypedInEachForm(t *testing.T) {
	for _, row := range []struct {
		replay, sequence bool
		arrivals         []arrival
	}{
		{true, true, []arrival{{0, 0, 0}, {0, 0, dup}, {2, 0, gapOf}, {3, 0, 0}, {1, 0, late}, {100, 0, gapOf}, {0, 0, late}}},
		{true, false, []arrival{{0, 0, 0}, {0, 0, dup}, {2, 0, 0}, {1, 0, 0}, {100, 0, 0}, {0, 0, old}, {100, 0, dup}}},
		{false, true, []arrival{{0, 0, 0}, {0, 0, late}, {2, 0, gapOf}, {3, 0, 0}}},
		{false, false, []arrival{{0, 0, 0}, {0, 0, 0}, {100, 0, 0}, {0, 0, 0}}},
	} {
		for how, receive := range receivers {
			p := newPeer(18, func(params *message.Params) { params.DetectReplay, params.DetectSequence = row.replay, row.sequence })
			for i, a := range row.arrivals {
				missing, err := receive(p, p.params.RecvSeq+a.number, message.AsGranted)
				if missing != 0 || status.ReasonOf(err) != a.reason {
					t.Errorf("replay %v, sequence %v, %s, arrival %d: %d missing, %v; want %v", row.replay, row.sequence, how, i, missing, err, a.reason)
				}
			}
		}
	}
}

// TestMSG_13_NoGapWithoutProof checks that AfterGap refuses a gap if a sequence number
// proves nothing, also if the flags detect no gaps. It refuses no message that is in order.
func TestMSG_13_NoGapWithoutProof(t *testing.T) {
	for _, detect := range []bool{true, false} {
		rc4 := newRC4Peer(func(params *message.Params) {
			params.AcceptorSubkey, params.DetectReplay, params.DetectSequence = true, detect, detect
		})
		ticketKey := newPeer(18, func(params *message.Params) {
			params.AcceptorSubkey, params.DetectReplay, params.DetectSequence = false, detect, detect
		})
		for _, a := range []arrival{{0, 0, 0}, {2, 0, gapOf}, {3, 0, 0}, {1, 0, late}, {3, 0, dup}} {
			x := rc4.token(krbtest.RC4Sealed, text+"\x01")
			x.Number += uint32(a.number)
			for name, got := range map[string]func() (message.Unwrapped, error){
				"RC4": func() (message.Unwrapped, error) {
					return rc4.Protector.Unwrap(message.AfterGap, nil, rc4.whole(x), message.Associated{})
				},
				"no acceptor's subkey": func() (message.Unwrapped, error) {
					h := ticketKey.header(true)
					h.number += a.number
					return ticketKey.Protector.Unwrap(message.AfterGap, nil, ticketKey.seal(h, []byte(text), nil), message.Associated{})
				},
			} {
				if u, err := got(); status.ReasonOf(err) != a.reason || u.Missing != 0 || (err == nil) != (string(u.Whole) == text) {
					t.Errorf("%s, detected %v, number %d: %q, %d missing, %v", name, detect, a.number, u.Whole, u.Missing, err)
				}
			}
		}
	}
}
