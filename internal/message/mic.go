package message

// GetMIC appends to dst a signature over the message that parts are together (RFC
// 4121, Section 4.2.6.1). dst must not overlap them. The error is of this side's
// making.
func (p *Protector) GetMIC(dst []byte, parts ...[]byte) ([]byte, error) {
	d := &p.send
	d.mu.Lock()
	defer d.release()
	u, err := p.usage(&d.sign, usageAcceptorSign)
	if err != nil {
		return nil, err
	}
	number, err := p.sent.take()
	if err != nil {
		return nil, err
	}
	whole, h := extend(dst, headerLen)
	p.putHeader(h, kindMIC, false, number)
	return u.Sum(whole, append(append(d.parts[:0], parts...), h)...), nil
}

// VerifyMIC checks a signature of the initiator's over the message that parts are
// together.
func (p *Protector) VerifyMIC(token []byte, parts ...[]byte) error {
	d := &p.recv
	d.mu.Lock()
	defer d.release()
	u, err := p.usage(&d.sign, usageInitiatorSign)
	if err != nil {
		return err
	}
	h, err := p.parseHeader(token, kindMIC)
	if err != nil {
		return err
	}
	signed := append(append(d.parts[:0], parts...), token[:headerLen])
	if h.sealed || !u.Verify(token[headerLen:], signed...) {
		return errAltered()
	}
	return p.window.check(h.number)
}
