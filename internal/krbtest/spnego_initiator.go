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
	// Kerberos is the initiator of the Kerberos exchange. After the exchange it protects
	// messages.
	Kerberos *Initiator

	// Mechanisms are the offered mechanisms in order of preference. Negotiate offers
	// Kerberos alone.
	Mechanisms [][]byte

	// OptimisticToken is the mechToken of the NegTokenInit. If nil, the AP-REQ is sent
	// if the first mechanism is Kerberos, and otherwise a NEGOTIATE_MESSAGE of NTLM.
	// NoToken omits the mechToken.
	OptimisticToken []byte
	NoToken         bool

	// SendMIC adds a mechListMIC to the last Kerberos token even if no rule requires it.
	// MIC makes each mechListMIC, and may return nil to omit it. If MIC is nil,
	// Kerberos.GetMIC makes the mechListMIC.
	SendMIC bool
	MIC     func(list []byte) ([]byte, error)

	// EditInit and EditResp change a token, which includes its mechListMIC, before it is
	// sent.
	EditInit func(*NegTokenInit)
	EditResp func(*NegTokenResp)

	mu      sync.Mutex
	state   state
	closing bool // done; the acceptor may still send a final accept-completed

	offered [][]byte
	list    []byte // the encoded MechTypeList
	chosen  []byte // nil before the first answer

	begun       bool // a token for the chosen mechanism was sent
	micRequired bool
	micSent     bool
	micReceived bool
}

// Negotiate returns a negotiation as MIT's libraries and browsers start it: it offers
// Kerberos alone, with the AP-REQ in the first token.
func (i *Initiator) Negotiate() *Negotiation {
	return &Negotiation{Kerberos: i, Mechanisms: [][]byte{OIDKerberos}}
}

// ErrRejected is returned if the acceptor rejects the negotiation without a KRB-ERROR.
var ErrRejected = errors.New("krbtest: the acceptor rejected the negotiation without a KRB-ERROR")

// Next takes and returns tokens as [Initiator.Next] does, in SPNEGO. Unlike a client
// without SPNEGO, a client waits for an answer even without mutual authentication, and
// after its third leg in DCE style. After a client has sent a mechListMIC as its last
// token, Next accepts one more token, which must hold only accept-completed: RFC 4178
// does not specify this token, but acceptors send it.
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

// answer processes a NegTokenResp and returns the next token.
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
		return errors.New("krbtest: the token of the rejection is not a KRB-ERROR")
	}
	e, err := ParseError(inner)
	if err != nil {
		return err
	}
	return e
}

// agree checks supportedMech and negState. The first answer must have both; later answers
// must have neither supportedMech nor request-mic (RFC 4178, Section 4.2.2).
func (n *Negotiation) agree(r *NegTokenResp) error {
	if n.chosen != nil {
		if r.Mechanism != nil || r.State == NegRequestMIC {
			return errors.New("krbtest: supportedMech or request-mic after the first answer")
		}
		return nil
	}
	if r.State == NegAbsent || r.Mechanism == nil {
		return errors.New("krbtest: the first answer lacks negState or supportedMech")
	}
	choice := slices.IndexFunc(n.offered, func(oid []byte) bool { return bytes.Equal(oid, r.Mechanism) })
	if choice < 0 || !isKerberos(r.Mechanism) {
		return errors.New("krbtest: the acceptor chose a mechanism that the client did not offer or does not support")
	}
	n.chosen = r.Mechanism
	n.micRequired = choice > 0 || r.State == NegRequestMIC
	n.begun = n.begun && choice == 0
	return nil
}

// step passes the acceptor's token to Kerberos and returns the next token of Kerberos, or
// nil.
func (n *Negotiation) step(token []byte) ([]byte, error) {
	switch {
	case !n.begun && token != nil:
		return nil, errors.New("krbtest: an answer to a token that the client did not send")
	case !n.begun:
		n.begun = true
		if n.Kerberos.state != stateStart { // Kerberos has sent its token under its other OID
			return n.Kerberos.Request.Token(), nil
		}
		out, _, err := n.Kerberos.Next(nil)
		return out, err
	case token == nil && n.kerberosDone():
		return nil, nil
	case token == nil:
		return nil, errors.New("krbtest: the answer lacks the AP-REP")
	case n.kerberosDone():
		return n.afterLast(token)
	}
	out, _, err := n.Kerberos.Next(token)
	return out, err
}

// afterLast processes an answer to the last token of Kerberos. The answer can only be a
// KRB-ERROR, because Kerberos has no other answer to its last token.
func (n *Negotiation) afterLast(token []byte) ([]byte, error) {
	i := n.Kerberos
	tokID, inner, err := Unframe(token, i.Request.OID)
	if err != nil {
		return nil, err
	}
	if tokID != TokError {
		return nil, errors.New("krbtest: the answer to the last token of Kerberos is not a KRB-ERROR")
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.refused(inner)
}

// verifyMIC checks the acceptor's mechListMIC, which the acceptor may send only after the
// last token of Kerberos (RFC 4178, Section 5).
func (n *Negotiation) verifyMIC(mic []byte, more bool) error {
	switch {
	case mic == nil:
		return nil
	case more || !n.kerberosDone():
		return errors.New("krbtest: unexpected mechListMIC")
	}
	n.micReceived = true
	return n.Kerberos.VerifyMIC(n.list, mic)
}

// finish compares the acceptor's negState with the state of the initiator. It returns a
// token with out, the next token of Kerberos, and the mechListMIC, or nil if the
// initiator has neither to send.
func (n *Negotiation) finish(state NegState, out []byte) ([]byte, error) {
	if out == nil && (n.micRequired || n.micSent) && !n.micReceived {
		return nil, errors.New("krbtest: the acceptor omitted the required mechListMIC")
	}
	owing := n.micRequired || n.micReceived || n.SendMIC && out != nil
	sign := owing && !n.micSent && n.kerberosDone()
	switch more := out != nil || sign; {
	case more && state == NegCompleted:
		return nil, errors.New("krbtest: the acceptor sent accept-completed before the client's last token")
	case !more && state == NegIncomplete:
		return nil, errors.New("krbtest: the acceptor waits for a token, but the client has sent its last token")
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

// close processes the token that an acceptor may send after the client's last token.
func (n *Negotiation) close(reply []byte) error {
	n.closing = false
	r, err := ParseNegTokenResp(reply)
	switch {
	case err != nil:
		return err
	case r.State == NegReject:
		return n.rejected(r)
	case r.State != NegCompleted || r.Mechanism != nil || r.Token != nil || r.MIC != nil:
		return errors.New("krbtest: the acceptor's answer to the last token holds more than accept-completed")
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
