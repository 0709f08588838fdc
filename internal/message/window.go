package message

import (
	"math"
	"strconv"

	"github.com/gosspi/kerberos/status"
)

// window follows the sequence numbers of received tokens (RFC 4121, Section 4.2.6;
// RFC 2743, Section 1.2.3). Its user calls [window.check] for genuine tokens
// only, and in turn.
//
// Numbers are counted from base, modulo 2^64 or 2^32, so that a count that begins
// near the end goes on past it. What a token's place is called follows MIT's
// implementation, whose table is among the test vectors.
type window struct {
	base             uint64
	replay, sequence bool
	narrow           bool // the numbers are of 32 bits, and not authenticated
	own              bool // the key is the acceptor's subkey: no other context has it

	next uint64 // one more than the highest number that came
	seen uint64 // bit i: next-1-i came
}

// verdict is a token's place in the sequence.
type verdict uint8

const (
	inOrder     verdict = iota
	gap                 // messages before it have not arrived
	unsequenced         // a later message arrived before it
	duplicate           // it arrived before
	tooOld              // it is older than the window, or than the first message
)

// refusals has the Reason and the text of each verdict that refuses.
var refusals = [...]struct {
	reason status.Reason
	text   string
}{
	gap:         {status.ReasonMessageGap, "arrived after a gap"},
	unsequenced: {status.ReasonMessageUnsequenced, "arrived after a later message"},
	duplicate:   {status.ReasonMessageDuplicate, "arrived a second time"},
	tooOld:      {status.ReasonMessageOld, "is too old to be told from a repeated one"},
}

// Order says which places in the sequence a receiver takes.
type Order uint8

const (
	// AsGranted refuses every place that Params.DetectReplay and
	// Params.DetectSequence refuse.
	AsGranted Order = iota

	// AfterGap delivers a message after a gap, and reports how many messages are
	// missing before it. It refuses every duplicate, old and unsequenced message,
	// whatever Params detects. It refuses the gap too where a number does not prove
	// which message it is: RC4 does not authenticate the numbers, and a key that is no
	// acceptor's subkey may also protect the messages of other contexts.
	AfterGap
)

// accept records a number and judges it. It records a number that it refuses too, so
// that the stream goes on behind a gap. missing is the count of numbers between the
// highest one that arrived before and this one.
func (w *window) accept(number uint64, replay, sequence bool) (v verdict, missing uint64) {
	n := w.place(number)
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

// place is a number's distance from base.
func (w *window) place(number uint64) uint64 {
	if w.narrow {
		return uint64(uint32(number) - uint32(w.base))
	}
	return number - w.base
}

func (w *window) ahead(n uint64, sequence bool) (v verdict, missing uint64) {
	missing = n - w.next
	w.seen = w.seen<<1<<missing | 1 // a shift by 64 or more leaves nothing
	w.next = n + 1
	if sequence && missing > 0 {
		return gap, missing
	}
	return inOrder, missing
}

// check accepts a number in order o. missing is more than 0 only where o delivers a
// message after a gap. The caller has verified the token.
func (w *window) check(number uint64, o Order) (missing uint64, err error) {
	replay, sequence := w.replay, w.sequence
	if o == AfterGap {
		replay, sequence = true, true
		if !w.narrow && w.place(number) > math.MaxInt64 {
			return 0, w.refuse(number, tooOld) // it is below the first number
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
		Detail: "message " + strconv.FormatUint(w.place(number), 10) + " of the stream " + refusals[v].text,
	}
}
