package message

import "github.com/gosspi/kerberos/status"

// State holds the key and the sequence numbers of a Protector, with which a Protector in
// another process can continue.
type State struct {
	Params // Rand is nil; SendSeq is the next number, RecvSeq the number of the first token

	Exhausted bool   // all numbers to send are used up
	Count     uint64 // count of numbers from RecvSeq to the highest received number
	Seen      uint64 // bit i: the number RecvSeq+Count-1-i was received
}

// Release waits for the running calls, returns the State of p and wipes p. So two
// Protectors never send the same numbers or accept the same tokens.
func (p *Protector) Release() (State, error) {
	p.send.mu.Lock()
	p.recv.mu.Lock()
	if p.profile == nil {
		p.recv.mu.Unlock()
		p.send.mu.Unlock()
		return State{}, &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the context has no key any more"}
	}
	s := State{
		Params: Params{
			EType: p.profile.ID, Key: append([]byte(nil), p.key[:p.profile.KeyLen]...), AcceptorSubkey: p.acceptorSubkey,
			SendSeq: p.sent.next, RecvSeq: p.window.base,
			DetectReplay: p.window.replay, DetectSequence: p.window.sequence, DCE: p.dce,
		},
		Exhausted: p.sent.exhausted, Count: p.window.next, Seen: p.window.seen,
	}
	p.profile = nil // calls that start before Wipe are refused
	p.recv.mu.Unlock()
	p.send.mu.Unlock()
	p.Wipe()
	return s, nil
}

// Resume initializes p from a State, as Init does from Params. p refuses everything if
// the encryption type is not supported or does not fit the key.
func (p *Protector) Resume(s State) {
	p.Init(s.Params)
	p.sent.exhausted = s.Exhausted
	p.window.next, p.window.seen = s.Count, s.Seen
}
