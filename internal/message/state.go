package message

import "github.com/gosspi/kerberos/status"

// State is where a Protector stands: all that goes on in another process with the
// same keys and the next numbers. It holds a key.
type State struct {
	Params // without Rand; SendSeq is the next number, RecvSeq that of the first token

	Exhausted bool   // there is no next number to send
	Count     uint64 // of numbers from RecvSeq to the highest that came
	Seen      uint64 // which of the last 64 came
}

// Release takes the State out of p, after the calls that run, and wipes p: there is
// never a second Protector that sends the same numbers, or takes the same tokens.
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
	p.profile = nil // so that no call gets in between
	p.recv.mu.Unlock()
	p.send.mu.Unlock()
	p.Wipe()
	return s, nil
}

// Resume is Init from a State. p refuses everything if there is no such encryption
// type, or the key is none of it.
func (p *Protector) Resume(s State) {
	p.Init(s.Params)
	p.sent.exhausted = s.Exhausted
	p.window.next, p.window.seen = s.Count, s.Seen
}
