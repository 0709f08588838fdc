package krbtest

import (
	"bytes"
	"errors"
	"slices"
	"sync"
)

// Negotiation is an [Initiator] that wraps its tokens in SPNEGO (RFC 4178). The
// fields are set before the first call of Next.
type Negotiation struct {
	// Kerberos is the exchange inside, and protects messages after it.
	Kerberos *Initiator

	// Mechanisms are offered in this order. At first that is Kerberos alone.
	Mechanisms [][]byte

	// OptimisticToken is sent at first. If nil, it is the AP-REQ if the first
	// mechanism is Kerberos, else what NTLM has to say. NoToken: nothing is.
	OptimisticToken []byte
	NoToken         bool

	// SendMIC: a mechListMIC goes with our last Kerberos token though nobody
	// requires it. MIC makes each mechListMIC, or nil for none; if nil, it is
	// Kerberos.GetMIC.
	SendMIC bool
	MIC     func(list []byte) ([]byte, error)

	// EditInit and EditResp change a token before it is sent. The mechListMIC is
	// then in it already.
	EditInit func(*NegTokenInit)
	EditResp func(*NegTokenResp)

	mu      sync.Mutex
	state   state
	closing bool // done, but the acceptor may say that it is too

	offered [][]byte
	list    []byte // the encoded MechTypeList
	chosen  []byte // nil: no answer so far

	begun       bool // a token for the chosen mechanism was sent
	micRequired bool
	micSent     bool
	micReceived bool
}

// Negotiate makes a negotiation as MIT's libraries and browsers have it: for
// Kerberos and nothing else, with the AP-REQ in the first token.
func (i *Initiator) Negotiate() *Negotiation {
	return &Negotiation{Kerberos: i, Mechanisms: [][]byte{OIDKerberos}}
}

// ErrRejected is the error of a negotiation that the acceptor rejects without a
// KRB-ERROR.
var ErrRejected = errors.New("krbtest: the acceptor rejected the negotiation without a KRB-ERROR")

// Next is [Initiator.Next] for a negotiation. Unlike a client without SPNEGO, one
// that is not mutual waits for an answer, and so does one in DCE style behind its
// third leg. One that is done with a mechListMIC as its last word takes one more
// token, which says accept-completed and no more; RFC 4178 does not have it, and
// acceptors send it.
func (n *Negotiation) Next(reply []byte) (token []byte, done bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.state == stateStart && len(reply) == 0:
		token, err = n.start()
	case n.state == stateWaiting:
		token, err = n.answer(reply)
	case n.state == stateDone && n.closing:
		err = n.close(reply)
	default:
		return nil, n.state == stateDone, ErrState
	}
	if err != nil {
		n.state = stateFailed
	}
	return token, n.state == stateDone, err
}

// start makes the NegTokenInit.
func (n *Negotiation) start() ([]byte, error) {
	t := &NegTokenInit{Mechanisms: n.Mechanisms, Token: n.OptimisticToken}
	switch {
	case n.NoToken:
		t.Token = nil
	case t.Token != nil:
	case len(n.Mechanisms) > 0 && isKerberos(n.Mechanisms[0]):
		var err error
		if t.Token, _, err = n.Kerberos.Next(nil); err != nil {
			return nil, err
		}
		n.begun = true
	default:
		t.Token = ntlmNegotiate
	}
	n.list = t.ListBytes()
	if n.SendMIC && n.begun && n.kerberosDone() {
		var err error
		if t.MIC, err = n.mic(); err != nil {
			return nil, err
		}
	}
	if n.EditInit != nil {
		n.EditInit(t)
	}
	n.offered, n.list, n.micSent = t.Mechanisms, t.ListBytes(), t.MIC != nil
	n.state = stateWaiting
	return t.Bytes(), nil
}

// answer takes a NegTokenResp.
func (n *Negotiation) answer(reply []byte) ([]byte, error) {
	r, err := ParseNegTokenResp(reply)
	if err != nil {
		return nil, err
	}
	if r.State == NegReject {
		return nil, n.rejected(r)
	}
	if err := n.agree(r); err != nil {
		return nil, err
	}
	out, err := n.step(r.Token)
	if err != nil {
		return nil, err
	}
	if err := n.verifyMIC(r.MIC, out != nil); err != nil {
		return nil, err
	}
	return n.finish(r.State, out)
}

func (n *Negotiation) rejected(r *NegTokenResp) error {
	if r.Token == nil {
		return ErrRejected
	}
	tokID, inner, err := Unframe(r.Token, n.Kerberos.Request.OID)
	if err != nil {
		return err
	}
	if tokID != TokError {
		return errors.New("krbtest: a rejection with a token that is no KRB-ERROR")
	}
	e, err := ParseError(inner)
	if err != nil {
		return err
	}
	return e
}

// agree checks what may stand in the first answer only, and must stand there (RFC
// 4178, Section 4.2.2).
func (n *Negotiation) agree(r *NegTokenResp) error {
	if n.chosen != nil {
		if r.Mechanism != nil || r.State == NegRequestMIC {
			return errors.New("krbtest: supportedMech or request-mic after the first answer")
		}
		return nil
	}
	if r.State == NegAbsent || r.Mechanism == nil {
		return errors.New("krbtest: a first answer without negState or supportedMech")
	}
	choice := slices.IndexFunc(n.offered, func(oid []byte) bool { return bytes.Equal(oid, r.Mechanism) })
	if choice < 0 || !isKerberos(r.Mechanism) {
		return errors.New("krbtest: the acceptor chose a mechanism that was not offered, or that this client does not have")
	}
	n.chosen = r.Mechanism
	n.micRequired = choice > 0 || r.State == NegRequestMIC
	n.begun = n.begun && choice == 0
	return nil
}

// step gives the acceptor's token to Kerberos and returns Kerberos' next, if it
// has one.
func (n *Negotiation) step(token []byte) ([]byte, error) {
	switch {
	case !n.begun && token != nil:
		return nil, errors.New("krbtest: an answer to a token that was not sent")
	case !n.begun:
		n.begun = true
		if n.Kerberos.state != stateStart { // under another name of Kerberos
			return n.Kerberos.Request.Token(), nil
		}
		out, _, err := n.Kerberos.Next(nil)
		return out, err
	case token == nil && n.kerberosDone():
		return nil, nil
	case token == nil:
		return nil, errors.New("krbtest: an answer without the AP-REP")
	case n.kerberosDone():
		return n.afterLast(token)
	}
	out, _, err := n.Kerberos.Next(token)
	return out, err
}

// afterLast takes an answer to a token to which Kerberos itself has none: it can
// only be a KRB-ERROR.
func (n *Negotiation) afterLast(token []byte) ([]byte, error) {
	i := n.Kerberos
	tokID, inner, err := Unframe(token, i.Request.OID)
	if err != nil {
		return nil, err
	}
	if tokID != TokError {
		return nil, errors.New("krbtest: an answer to the last token of Kerberos, and no KRB-ERROR")
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.refused(inner)
}

// verifyMIC checks the acceptor's mechListMIC, which comes when Kerberos is
// through (RFC 4178, Section 5).
func (n *Negotiation) verifyMIC(mic []byte, more bool) error {
	switch {
	case mic == nil:
		return nil
	case more || !n.kerberosDone():
		return errors.New("krbtest: a mechListMIC that is not due")
	}
	n.micReceived = true
	return n.Kerberos.VerifyMIC(n.list, mic)
}

// finish compares the acceptor's state with ours, and makes the next token if
// we have something to say: out, of Kerberos, or the mechListMIC.
func (n *Negotiation) finish(theirs NegState, out []byte) ([]byte, error) {
	if out == nil && (n.micRequired || n.micSent) && !n.micReceived {
		return nil, errors.New("krbtest: the acceptor left a mechListMIC out that is required")
	}
	owing := n.micRequired || n.micReceived || n.SendMIC && out != nil
	sign := owing && !n.micSent && n.kerberosDone()
	switch more := out != nil || sign; {
	case more && theirs == NegCompleted:
		return nil, errors.New("krbtest: accept-completed, before the client's last token")
	case !more && theirs == NegIncomplete:
		return nil, errors.New("krbtest: the acceptor waits for another token, of which there is none")
	case !more:
		n.state = stateDone
		return nil, nil
	}
	t := &NegTokenResp{State: NegIncomplete, Token: out}
	if sign {
		var err error
		if t.MIC, err = n.mic(); err != nil {
			return nil, err
		}
	}
	if out == nil {
		t.State = NegCompleted
		n.state, n.closing = stateDone, true
	}
	if n.EditResp != nil {
		n.EditResp(t)
	}
	n.micSent = n.micSent || t.MIC != nil
	return t.Bytes(), nil
}

// close takes what may come after the end.
func (n *Negotiation) close(reply []byte) error {
	n.closing = false
	r, err := ParseNegTokenResp(reply)
	switch {
	case err != nil:
		return err
	case r.State == NegReject:
		return n.rejected(r)
	case r.State != NegCompleted || r.Mechanism != nil || r.Token != nil || r.MIC != nil:
		return errors.New("krbtest: after the last token, more than accept-completed")
	}
	return nil
}

func (n *Negotiation) mic() ([]byte, error) {
	if n.MIC != nil {
		return n.MIC(n.list)
	}
	return n.Kerberos.GetMIC(n.list)
}

func (n *Negotiation) kerberosDone() bool { return n.Kerberos.state == stateDone }

func isKerberos(oid []byte) bool {
	return bytes.Equal(oid, OIDKerberos) || bytes.Equal(oid, OIDMSKerberos)
}

// ntlmNegotiate is a NEGOTIATE_MESSAGE of NTLM (MS-NLMP, Section 2.2.1.1).
var ntlmNegotiate = append([]byte("NTLMSSP\x00\x01\x00\x00\x00\x97\x82\x08\xe2"), make([]byte, 24)...)
