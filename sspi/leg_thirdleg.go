package sspi

// acceptThirdLeg checks the client's AP-REP (MS-KILE, Section 3.4.5.1), which proves that
// the client decrypted the acceptor's AP-REP.
func (l *leg) acceptThirdLeg(token []byte) ([]byte, error) {
	c := l.c
	l.now = c.acceptor.cfg.Time()
	c.mu.Lock()
	at, third, key := c.at(), c.third, c.key.etype
	c.mu.Unlock()
	if at != stateThirdLeg {
		return nil, errClosedMeanwhile()
	}
	if err := third.Check(token); err != nil {
		return nil, nameToken(token, err)
	}
	if err := c.checkDemands(c.peer.Flags); err != nil { // this call may have added demands
		return nil, err
	}
	l.next = stateEstablished
	if l.inSPNEGO {
		l.completeNegotiation(key)
		if err := l.room.fits(l.answer.length()); err != nil {
			return nil, err
		}
	}
	return l.complete()
}
