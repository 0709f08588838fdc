package message

import (
	"strconv"

	"github.com/gosspi/kerberos/status"
)

// window follows the sequence numbers of received tokens (RFC 4121, Section 4.2.6;
// RFC 2743, Section 1.2.3). Its user calls [window.accept] for genuine tokens
// only, and in turn.
//
// Numbers are counted from base, modulo 2^64 or 2^32, so that a count that begins
// near the end goes on past it. What a token's place is called follows MIT's
// implementation, whose table is among the test vectors.
type window struct {
	base             uint64
	replay, sequence bool
	narrow           bool // the numbers are of 32 bits

	next uint64 // one more than the highest number that came
	seen uint64 // bit i: next-1-i came
}

// verdict is a token's place in the sequence.
type verdict uint8

const (
	inOrder     verdict = iota
	gap                 // some before it are missing
	unsequenced         // late
	duplicate           // it came before
	tooOld              // late, and too old to tell whether it came before
)

var verdictText = [...]string{"in order", "after a gap", "late", "a second time", "too old to be told from a repeated one"}

// accept records a number and judges it. A number that is not wanted is recorded
// too: the stream goes on behind a gap.
func (w *window) accept(number uint64) verdict {
	n := w.place(number)
	if n >= w.next {
		return w.ahead(n)
	}
	behind := w.next - 1 - n
	if behind >= 64 {
		return w.late(tooOld)
	}
	bit := uint64(1) << behind
	if w.replay && w.seen&bit != 0 {
		return duplicate
	}
	w.seen |= bit
	return w.late(inOrder)
}

// place is a number's distance from base.
func (w *window) place(number uint64) uint64 {
	if w.narrow {
		return uint64(uint32(number) - uint32(w.base))
	}
	return number - w.base
}

func (w *window) ahead(n uint64) verdict {
	missing := n - w.next
	w.seen = w.seen<<1<<missing | 1 // a shift by 64 or more leaves nothing
	w.next = n + 1
	if w.sequence && missing > 0 {
		return gap
	}
	return inOrder
}

// late is the verdict on a number below the highest: where the order counts, that
// it came late; otherwise or says.
func (w *window) late(or verdict) verdict {
	switch {
	case w.sequence:
		return unsequenced
	case w.replay:
		return or
	}
	return inOrder
}

// check is accept for callers who want an error.
func (w *window) check(number uint64) error {
	v := w.accept(number)
	if v == inOrder {
		return nil
	}
	return &status.Error{
		Reason: status.ReasonMessageOutOfSequence,
		Detail: "message " + strconv.FormatUint(w.place(number), 10) + " of the stream came " + verdictText[v],
	}
}
