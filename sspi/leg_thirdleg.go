package sspi

// acceptThirdLeg takes the client's AP-REP (MS-KILE, Section 3.4.5.1): it proves that
// the client opened ours.
func (c *Context) acceptThirdLeg(token []byte, in *inbound, out outlet) ([]byte, error) {
	in.now = c.acceptor.cfg.Time()
	c.mu.Lock()
	at, due, key := c.at(), c.third, c.key.etype
	c.mu.Unlock()
	if at != stateThirdLeg {
		return nil, errClosedMeanwhile()
	}
	if err := due.Check(token); err != nil {
		return nil, nameToken(token, err)
	}
	if err := c.checkDemands(c.peer.Flags); err != nil { // those that came with this leg
		return nil, err
	}
	if in.enclosed {
		if err := out.fits(in.negotiation.responseLen(-1, true, key, in.mic != nil)); err != nil {
			return nil, err
		}
	}
	return c.finish(in, out)
}

// finish ends an exchange that was committed with the second leg.
func (c *Context) finish(in *inbound, out outlet) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at() != stateThirdLeg {
		return nil, errClosedMeanwhile()
	}
	if !in.enclosed {
		return nil, c.enter(stateEstablished)
	}
	answer, next, err := c.settle(in, nil, stateEstablished, out)
	if err != nil {
		return nil, err
	}
	return answer, c.enter(next)
}
