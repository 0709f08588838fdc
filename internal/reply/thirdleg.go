package reply

import (
	"bytes"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// ThirdLeg is what the client's answer to an AP-REP in DCE style is held against
// (MS-KILE, Section 3.4.5.1). It holds a key: set it to zero when it is done. The zero
// ThirdLeg takes no answer.
type ThirdLeg struct {
	session        keytab.Key
	sequenceNumber uint32   // ours
	own            [16]byte // the end of our AP-REP's ciphertext
}

// ThirdLeg is that of the AP-REP that Append made of v.
func (r *APRep) ThirdLeg(v authenticator.Verified) ThirdLeg {
	return ThirdLeg{session: v.Ticket().SessionKey, sequenceNumber: r.sequenceNumber, own: r.end}
}

// IsZero reports whether nothing is in t, which then takes no answer.
func (t *ThirdLeg) IsZero() bool {
	return t.session.IsZero() && t.sequenceNumber == 0 && t.own == [16]byte{}
}

// Check takes the client's AP-REP, which proves that it opened ours. The time in it is
// the client's own, and not compared with anything.
func (t *ThirdLeg) Check(token []byte) error {
	var rep krb5.APRep
	if err := rep.Parse(token); err != nil {
		return err
	}
	bad := func(detail string) error { return &status.Error{Reason: status.ReasonThirdLeg, Detail: detail} }
	switch {
	case keytab.EType(rep.EncPart.EType) != t.session.EType():
		return bad("it is of another encryption type than the session key")
	case bytes.HasSuffix(rep.EncPart.Cipher, t.own[:]):
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
