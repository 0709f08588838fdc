package message

import "github.com/gosspi/kerberos/internal/etype"

// GetMIC appends to dst a MIC token over the concatenation of parts (RFC 4121, Section
// 4.2.6.1; RFC 4757, Section 7.2). dst must not overlap parts. An error is a fault of this
// side.
func (p *Protector) GetMIC(dst []byte, parts ...[]byte) ([]byte, error) {
	p.send.mu.Lock()
	defer p.send.mu.Unlock()
	u, err := p.usage(&p.send.sign, etype.UsageAcceptorSign)
	if err != nil {
		return nil, err
	}
	s := newScratch()
	defer s.release()
	if p.rc4 {
		return p.getMICRC4(s, u, dst, parts)
	}
	number, err := p.sent.take()
	if err != nil {
		return nil, err
	}
	whole, h := extend(dst, headerLen)
	p.putHeader(h, kindMIC, false, number)
	return u.Sum(whole, s.signed(h, parts...)...), nil
}

// VerifyMIC verifies the initiator's MIC token over the concatenation of parts. missing
// is the number of messages missing before it; it exceeds 0 only in the order
// [AfterGap].
func (p *Protector) VerifyMIC(o Order, token []byte, parts ...[]byte) (missing uint64, err error) {
	p.recv.mu.Lock()
	defer p.recv.mu.Unlock()
	u, err := p.usage(&p.recv.sign, etype.UsageInitiatorSign)
	if err != nil {
		return 0, err
	}
	s := newScratch()
	defer s.release()
	if p.rc4 {
		return p.verifyMICRC4(s, u, o, token, parts)
	}
	h, err := p.parseHeader(token, kindMIC)
	if err != nil {
		return 0, err
	}
	if h.sealed || !u.Verify(token[headerLen:], s.signed(token[:headerLen], parts...)...) {
		return 0, errAltered()
	}
	return p.window.check(h.number, o)
}
