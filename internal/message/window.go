package message

import (
	"math"
	"strconv"

	"github.com/gosspi/kerberos/status"
)

// window checks the sequence numbers of received tokens (RFC 4121, Section 4.2.6;
// RFC 2743, Section 1.2.3). Callers pass the numbers of genuine tokens only, and call
// [window.check] for one token at a time.
//
// The window uses the difference between a number and base, modulo 2^64 or 2^32, so that
// a sequence that begins near the greatest number can wrap around. Its verdicts agree
// with MIT's implementation, whose table is among the test vectors.
type window struct {
	base             uint64
	replay, sequence bool
	narrow           bool // the numbers have 32 bits and are not authenticated
	own              bool // the key is the acceptor's subkey, which no other context uses

	next uint64 // the highest received offset plus 1
	seen uint64 // bit i: the offset next-1-i was received
}

// verdict is the result of checking a sequence number.
type verdict uint8

const (
	inOrder     verdict = iota
	gap                 // messages before this message have not arrived
	unsequenced         // a later message arrived before this message
	duplicate           // the message has arrived before
	tooOld              // the number is below the window or below the first number
)

// refusals maps each verdict that refuses a message to a Reason and a text.
var refusals = [...]struct {
	reason status.Reason
	text   string
}{
	gap:         {status.ReasonMessageGap, "arrived after a gap"},
	unsequenced: {status.ReasonMessageUnsequenced, "arrived after a later message"},
	duplicate:   {status.ReasonMessageDuplicate, "arrived a second time"},
	tooOld:      {status.ReasonMessageOld, "is too old to be distinguished from a repeated message"},
}

// Order selects the verdicts that a receiver accepts.
type Order uint8

const (
	// AsGranted refuses every message that Params.DetectReplay and
	// Params.DetectSequence refuse.
	AsGranted Order = iota

	// AfterGap delivers a message after a gap, and reports how many messages are
	// missing before it. It refuses every duplicate, old and unsequenced message, even if
	// Params does not detect them. It refuses the message after a gap too if the number
	// does not identify the message: RC4 does not authenticate numbers, and a key other
	// than the acceptor's subkey may also protect messages of other contexts.
	AfterGap
)

// accept records a number and returns the verdict on it. It also records a number that
// it refuses, so that the message after a gap is in order. missing is the count of
// numbers between the highest number so far and this number.
func (w *window) accept(number uint64, replay, sequence bool) (v verdict, missing uint64) {
	n := w.offset(number)
	if n >= w.next {
		return w.ahead(n, sequence)
	}
	behind := w.next - 1 - n
	seen := uint64(1) << behind & w.seen // 0 if the number is older than the window
	if behind < 64 {
		w.seen |= 1 << behind
	}
	switch {
	case replay && seen != 0:
		return duplicate, 0
	case sequence:
		return unsequenced, 0
	case replay && behind >= 64:
		return tooOld, 0
	}
	return inOrder, 0
}

// offset returns the difference between a number and base.
func (w *window) offset(number uint64) uint64 {
	if w.narrow {
		return uint64(uint32(number) - uint32(w.base))
	}
	return number - w.base
}

func (w *window) ahead(n uint64, sequence bool) (v verdict, missing uint64) {
	missing = n - w.next
	w.seen = w.seen<<1<<missing | 1 // a shift by 64 or more gives 0
	w.next = n + 1
	if sequence && missing > 0 {
		return gap, missing
	}
	return inOrder, missing
}

// check records the number of a verified token and returns an error if o refuses it.
// missing exceeds 0 only if o is AfterGap and the message follows a gap.
func (w *window) check(number uint64, o Order) (missing uint64, err error) {
	replay, sequence := w.replay, w.sequence
	if o == AfterGap {
		replay, sequence = true, true
		if !w.narrow && w.offset(number) > math.MaxInt64 {
			return 0, w.refuse(number, tooOld) // the number is below the first number
		}
	}
	v, missing := w.accept(number, replay, sequence)
	switch {
	case v == inOrder:
		return 0, nil
	case v == gap && o == AfterGap && w.own && !w.narrow:
		return missing, nil
	}
	return 0, w.refuse(number, v)
}

func (w *window) refuse(number uint64, v verdict) error {
	return &status.Error{
		Reason: refusals[v].reason,
		Detail: "message " + strconv.FormatUint(w.offset(number), 10) + " of the stream " + refusals[v].text,
	}
}
