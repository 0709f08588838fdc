package sspi

import (
	"bytes"
	"strconv"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/internal/spnego"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// negotiation is how far a client's SPNEGO is (RFC 4178, Section 5).
type negotiation struct {
	mechTypes []byte // the client's list as it came: what the MICs are over
	mechanism []byte // what was chosen of it, by the name that the client gave it
	told      bool   // our first answer is out, and with it the mechanism
	micDue    bool   // both sides must show that they saw the same list
}

// collect joins token with the fragments before it. Whatever its form, a token has a
// greatest length.
func (c *Context) collect(token []byte) (joined []byte, whole bool, err error) {
	if c.pkg == Negotiate && len(token) > 0 {
		joined, whole, err = c.fragments.Join(token, c.acceptor.cfg.MaxToken)
		if err == nil && !whole && c.cfg.WholeTokens {
			err = spnego.CutError(token)
		}
		return joined, whole, err
	}
	if len(token) > c.acceptor.cfg.MaxToken {
		return nil, false, &status.Error{Reason: status.ReasonTokenTooLong, Detail: "the token has " + strconv.Itoa(len(token)) + " bytes, MaxToken is " + strconv.Itoa(c.acceptor.cfg.MaxToken)}
	}
	return token, true, nil
}

// isEnclosed reports whether piece, which collect refused, is in SPNEGO, so that the
// refusal is too.
func (c *Context) isEnclosed(piece []byte) bool {
	return c.pkg == Negotiate && (c.negotiation != nil || c.fragments.Len() > 0 || spnego.IsNegotiation(piece))
}

// wantsHints: a client that begins with nothing lets the server speak first
// (MS-SPNG, Section 3.2.5.2).
func (c *Context) wantsHints(token []byte, in *inbound) bool {
	return len(token) == 0 && c.pkg == Negotiate && c.begins(in) && !c.hinted && c.fragments.Len() == 0
}

// begins reports whether no token has been answered yet.
func (c *Context) begins(in *inbound) bool {
	return in.due == stateStart && c.negotiation == nil && !c.retried
}

func (c *Context) sendHints(out outlet) ([]byte, error) {
	var room [128]byte
	hints := spnego.AppendHints(room[:0], c.acceptor.mechanisms()...)
	if err := out.fits(len(hints)); err != nil {
		return nil, err
	}
	c.hinted = true
	return append(out.dst, hints...), ErrContinue
}

// open takes the client's token out of SPNEGO, if it is in it. The result is nil if
// there is none in it for the mechanism that was chosen.
func (c *Context) open(token []byte, in *inbound) ([]byte, error) {
	switch {
	case c.negotiation != nil:
		return c.openResponse(token, in)
	case c.pkg == Negotiate && spnego.IsResponse(token):
		in.enclosed = true
		return nil, strayResponse(token)
	case c.pkg != Negotiate || !c.begins(in):
		return token, nil
	case spnego.IsInit(token):
		return c.openInit(token, in)
	case c.cfg.RequireSPNEGO:
		return nil, nameToken(token, &status.Error{Reason: status.ReasonUnsupportedMechanism, Detail: "the token is not in SPNEGO, which RequireSPNEGO demands"})
	}
	return token, nil
}

// mechanisms are those that SPNEGO may choose.
func (a *Acceptor) mechanisms() [][]byte {
	served := [...][]byte{krb5.OIDMSKerberos, krb5.OIDKerberos, krb5.OIDUser2User}
	if a.cfg.UserToUser == nil {
		return served[:2]
	}
	return served[:]
}

func (c *Context) openInit(token []byte, in *inbound) ([]byte, error) {
	in.enclosed = true
	init, err := spnego.ParseInit(token)
	if err != nil {
		return nil, err
	}
	mechanism, first := init.Choose(c.acceptor.mechanisms()...)
	if mechanism == nil {
		err := errMechanism(listReason(&init))
		err.Detail = "Kerberos is not among the mechanisms that the client offers in SPNEGO: " + err.Detail
		return nil, err
	}
	in.negotiation = negotiation{mechTypes: init.MechTypes, mechanism: mechanism, micDue: !first}
	if !first {
		return nil, nil // the token, and its MIC, are another mechanism's
	}
	in.mic = init.MIC
	return init.Token, nil
}

// listReason names the first mechanism of a list without Kerberos that an operator
// may know. A client that offers NTLM alone most often found no ticket.
func listReason(init *spnego.Init) status.Reason {
	reason := status.ReasonUnsupportedMechanism
	for oid := range init.Mechanisms() {
		switch r := mechanismReason(oid); {
		case r == status.ReasonNTLM:
			return r
		case reason == status.ReasonUnsupportedMechanism && r != status.ReasonSPNEGO:
			reason = r
		}
	}
	return reason
}

func (c *Context) openResponse(token []byte, in *inbound) ([]byte, error) {
	in.enclosed = true
	r, err := spnego.ParseResponse(token)
	if err != nil {
		return nil, nameToken(token, err)
	}
	in.negotiation, in.mic = *c.negotiation, r.MIC
	in.final = r.State == spnego.AcceptCompleted
	in.negotiation.micDue = in.negotiation.micDue || r.State == spnego.RequestMIC
	due := in.due != stateMIC
	switch {
	case r.State == spnego.Reject:
		return nil, &status.Error{Reason: status.ReasonMalformedToken, Detail: "the client broke the negotiation off"}
	case r.Mechanism != nil && !bytes.Equal(r.Mechanism, in.negotiation.mechanism):
		return nil, otherMechanism(r.Mechanism)
	case due && len(r.Token) == 0:
		return nil, &status.Error{Reason: status.ReasonMalformedToken, Detail: "the client's token holds none of Kerberos's"}
	case !due && len(r.Token) > 0:
		return nil, nameToken(r.Token, &status.Error{Reason: status.ReasonMalformedToken, Detail: "the client goes on when the context is complete"})
	}
	return r.Token, nil
}

// otherMechanism refuses a later token that names a mechanism other than the one that
// the first answer chose. RFC 4178, Section 4.2.2, has supportedMech in the first answer
// and in no other token.
func otherMechanism(oid []byte) error {
	e := &status.Error{Reason: status.ReasonMalformedToken, Detail: "supportedMech of the client's NegTokenResp is not the mechanism that the first answer chose"}
	switch r := mechanismReason(oid); r {
	case status.ReasonNTLM, status.ReasonNegoEx, status.ReasonIAKERB:
		e.Reason = r
	}
	return e
}

// misplacedResponse refuses a NegTokenResp for package Kerberos.
func misplacedResponse(token []byte) error {
	r, err := spnego.ParseResponse(token)
	if err != nil {
		return err
	}
	return nameToken(r.Token, &status.Error{Reason: status.ReasonSPNEGO})
}

// strayResponse refuses a NegTokenResp that arrives where no negotiation is pending.
// NTLM's third message in it is named, as it comes from a client that began with NTLM on
// another server or connection.
func strayResponse(token []byte) error {
	r, err := spnego.ParseResponse(token)
	if err != nil {
		return err
	}
	return nameToken(r.Token, &status.Error{Reason: status.ReasonMalformedToken, Detail: "a NegTokenResp begins no exchange: it continues another exchange, whose context is on another connection or server, or is gone"})
}

// askForKerberos answers a list of mechanisms without a token for the one that was
// chosen.
func (c *Context) askForKerberos(in *inbound, out outlet) ([]byte, error) {
	if in.mic != nil {
		return nil, errEarlyMIC()
	}
	r := spnego.Response{State: spnego.AcceptIncomplete}
	if in.negotiation.micDue {
		r.State = spnego.RequestMIC
	}
	answer, err := c.enclose(in, r, true, out)
	if err != nil {
		return nil, err
	}
	return answer, ErrContinue
}

func errEarlyMIC() error {
	return &status.Error{Reason: status.ReasonMechListMIC, Detail: "the client's MIC comes before its key"}
}

// keep carries the negotiation over to the next leg, away from the token.
func (c *Context) keep(in *inbound) {
	n := in.negotiation
	n.told = true
	n.mechTypes = bytes.Clone(n.mechTypes)
	c.negotiation = &n
}

// responseLen is the length of the answer, with an AP-REP of n bytes, or none if
// that is negative. over: Kerberos is done with it, and its keys are of etype key.
func (n *negotiation) responseLen(token int, over bool, key keytab.EType, gotMIC bool) int {
	mic := -1
	if over && n.answersMIC(gotMIC) {
		mic = message.MICLen(etype.ID(key))
	}
	return spnego.ResponseLen(n.introduction(), token, mic)
}

// answersMIC: a MIC is sent if it is due or the client sent one (MS-SPNG,
// Section 3.1.5.1).
func (n *negotiation) answersMIC(gotMIC bool) bool { return n.micDue || gotMIC }

// introduction is the mechanism, in the first answer and in no other.
func (n *negotiation) introduction() []byte {
	if n.told {
		return nil
	}
	return n.mechanism
}

// enclose makes an answer of r. more: another leg follows, for which the negotiation
// is kept. The answer may be written over the token, so it comes last.
func (c *Context) enclose(in *inbound, r spnego.Response, more bool, out outlet) ([]byte, error) {
	r.Mechanism = in.negotiation.introduction()
	if err := out.fits(r.Len()); err != nil {
		return nil, err
	}
	if more {
		c.keep(in)
	}
	return r.Append(out.dst), nil
}

// refusal is the answer to a refused client, with a KRB-ERROR if there is one;
// again invites it to try once more.
func (in *inbound) refusal(krbError []byte, again bool) []byte {
	r := spnego.Response{State: spnego.Reject}
	if again {
		r.State, r.Mechanism = spnego.AcceptIncomplete, in.negotiation.introduction()
	}
	if len(krbError) > 0 {
		r.Token = krbError
	}
	return r.Append(nil)
}

// settle takes a leg that Kerberos has accepted to the end of SPNEGO: it checks the
// client's MIC and makes ours. token is Kerberos's answer, next the state that it
// leads to. The caller holds mu, and has the key of the context in place.
func (c *Context) settle(in *inbound, token []byte, next state, out outlet) ([]byte, state, error) {
	n := &in.negotiation
	r := spnego.Response{State: spnego.AcceptCompleted, Token: token}
	switch {
	case next == stateThirdLeg:
		r.State = spnego.AcceptIncomplete
		answer, err := c.enclose(in, r, true, out)
		return answer, next, err
	case in.mic != nil:
		if err := c.verifyMechListMIC(in); err != nil {
			return nil, next, err
		}
	case n.micDue:
		r.State, next = spnego.AcceptIncomplete, stateMIC
	}
	if n.answersMIC(in.mic != nil) {
		var err error
		if r.MIC, err = c.protector.GetMIC(nil, n.mechTypes); err != nil {
			return nil, next, err // unreachable: the key is there, and few numbers are used
		}
	}
	answer, err := c.enclose(in, r, next == stateMIC, out)
	return answer, next, err
}

func (c *Context) verifyMechListMIC(in *inbound) error {
	if _, err := c.protector.VerifyMIC(message.AsGranted, in.mic, in.negotiation.mechTypes); err != nil {
		return &status.Error{Reason: status.ReasonMechListMIC, Err: err}
	}
	return nil
}

// acceptMIC takes the client's MIC, when nothing else is missing.
func (c *Context) acceptMIC(in *inbound, out outlet) ([]byte, error) {
	if in.mic == nil {
		return nil, &status.Error{Reason: status.ReasonMechListMICMissing, Detail: "the client's last SPNEGO token has no mechListMIC, although the mechanism that was chosen is not the client's first"}
	}
	if err := c.checkDemands(c.peer.Flags); err != nil { // those that came with this leg
		return nil, err
	}
	r := spnego.Response{State: spnego.AcceptCompleted}
	if !in.final {
		if err := out.fits(r.Len()); err != nil { // before the MIC is used up
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at() != stateMIC {
		return nil, errClosedMeanwhile()
	}
	if err := c.verifyMechListMIC(in); err != nil {
		return nil, err
	}
	var answer []byte
	if !in.final {
		answer = r.Append(out.dst) // now, since the MIC may be where it is written
	}
	return answer, c.enter(stateEstablished)
}
