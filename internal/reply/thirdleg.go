package reply

import (
	"bytes"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// ThirdLeg holds the expected contents of the client's AP-REP, the third leg of DCE style
// (MS-KILE, Section 3.4.5.1). It holds a key: set it to zero after use. The zero ThirdLeg
// refuses every AP-REP.
type ThirdLeg struct {
	session        keytab.Key
	sequenceNumber uint32   // the acceptor's initial sequence number
	own            [16]byte // last bytes of the ciphertext of the acceptor's AP-REP
}

// ThirdLeg returns the ThirdLeg for the AP-REP that Append built for v.
func (r *APRep) ThirdLeg(v authenticator.Verified) ThirdLeg {
	return ThirdLeg{session: v.Ticket().SessionKey, sequenceNumber: r.sequenceNumber, own: r.end}
}

// IsZero reports whether t is the zero ThirdLeg.
func (t *ThirdLeg) IsZero() bool {
	return t.session.IsZero() && t.sequenceNumber == 0 && t.own == [16]byte{}
}

// Check checks the client's AP-REP, which proves that the client decrypted the acceptor's
// AP-REP. Check ignores the time in it, which is that of the client's clock.
func (t *ThirdLeg) Check(token []byte) error {
	var rep krb5.APRep
	if err := rep.Parse(token); err != nil {
		return err
	}
	bad := func(detail string) error { return &status.Error{Reason: status.ReasonThirdLeg, Detail: detail} }
	switch {
	case keytab.EType(rep.EncPart.EType) != t.session.EType():
		return bad("its encryption type is not that of the session key")
	case bytes.HasSuffix(rep.EncPart.Cipher, t.own[:]):
		return bad("it is the acceptor's own AP-REP") // an RC4 AP-REP may be without a subkey
	}
	plain, err := t.session.Decrypt(nil, rep.EncPart.Cipher, etype.UsageAPRep)
	if err != nil {
		return bad("the session key does not decrypt it")
	}
	var part krb5.EncAPRepPart
	if err := part.Parse(plain); err != nil {
		return err
	}
	switch {
	case !part.HasSequenceNumber || part.SequenceNumber != t.sequenceNumber:
		return bad("it does not contain the acceptor's sequence number")
	case part.Subkey.Value != nil:
		return bad("it has a subkey")
	}
	return nil
}
