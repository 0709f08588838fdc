package sspi

import (
	"bytes"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// usageAPRep is the key usage of an AP-REP's encrypted part (RFC 4120, Section
// 7.5.1).
const usageAPRep = 12

// thirdLeg is what the last token of a DCE style exchange is held against.
type thirdLeg struct {
	session        keytab.Key // zero, and so nothing's, once the context is closed
	sequenceNumber uint32     // ours
	own            [16]byte   // the end of our AP-REP's ciphertext
}

// acceptThirdLeg takes the client's AP-REP (MS-KILE, Section 3.4.5.1): it
// proves that the client opened ours. It holds the client's own time, which is
// not compared with anything.
func (c *Context) acceptThirdLeg(token []byte, in *inbound, out outlet) ([]byte, error) {
	in.now = c.acceptor.cfg.Time()
	c.mu.Lock()
	at, due, key := c.at(), c.third, c.key.etype
	c.mu.Unlock()
	if at != stateThirdLeg {
		return nil, errClosedMeanwhile()
	}
	if err := due.check(token); err != nil {
		return nil, err
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

func (t *thirdLeg) check(token []byte) error {
	var rep krb5.APRep
	if err := rep.Parse(token); err != nil {
		return err
	}
	bad := func(detail string) error { return &status.Error{Reason: status.ReasonThirdLeg, Detail: detail} }
	if keytab.EType(rep.EncPart.EType) != t.session.EType() {
		return bad("it is of another encryption type than the session key")
	}
	if bytes.HasSuffix(rep.EncPart.Cipher, t.own[:]) {
		return bad("it is our own AP-REP") // which under RC4 may be without a subkey
	}
	plain, err := t.session.Decrypt(nil, rep.EncPart.Cipher, usageAPRep)
	if err != nil {
		return bad("it does not open with the session key")
	}
	var part krb5.EncAPRepPart
	if err := part.Parse(plain); err != nil {
		return err
	}
	switch {
	case !part.HasSequenceNumber || part.SequenceNumber != t.sequenceNumber:
		return bad("it does not repeat our sequence number")
	case part.Subkey.Value != nil:
		return bad("it has a subkey")
	}
	return nil
}
