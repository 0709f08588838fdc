package sspi

import (
	"bytes"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/internal/spnego"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// negotiation is the state of a SPNEGO negotiation between two tokens (RFC 4178,
// Section 5).
type negotiation struct {
	mechTypes   []byte // the client's list as it was sent: the mechListMICs are over it
	mechanism   []byte // the chosen mechanism, under the OID that the client used
	mechSent    bool   // the first answer, which names the mechanism, is sent
	micExpected bool   // both sides must prove that they saw the same list
}

// continuesSPNEGO reports whether fragment, which collect refused, is in SPNEGO, so that
// the refusal is in SPNEGO too.
func (l *leg) continuesSPNEGO(fragment []byte) bool {
	c := l.c
	return c.pkg == Negotiate && (c.negotiation != nil || c.fragments.Len() > 0 || spnego.IsNegotiation(fragment))
}

// sendHints answers a client that begins with an empty token: the server speaks first
// (MS-SPNG, Section 3.2.5.2).
func (l *leg) sendHints() ([]byte, error) {
	l.answer.token = spnego.AppendHints(nil, l.c.acceptor.mechanisms()...)
	if err := l.room.fits(l.answer.length()); err != nil {
		return nil, err
	}
	l.next, l.hintsSent = l.from, true
	return l.complete()
}

// mechanisms returns the mechanisms that SPNEGO may choose.
func (a *Acceptor) mechanisms() [][]byte {
	served := [...][]byte{krb5.OIDMSKerberos, krb5.OIDKerberos, krb5.OIDUser2User}
	if a.cfg.UserToUser == nil {
		return served[:2]
	}
	return served[:]
}

// openInit parses the client's first SPNEGO token and chooses the mechanism. It returns
// the Kerberos token in it, nil if the token in it is for another mechanism.
func (l *leg) openInit(token []byte) ([]byte, error) {
	l.inSPNEGO = true
	init, err := spnego.ParseInit(token)
	if err != nil {
		return nil, err
	}
	mechanism, first := init.Choose(l.c.acceptor.mechanisms()...)
	if mechanism == nil {
		err := errMechanism(listReason(&init))
		err.Detail = "Kerberos is not among the mechanisms that the client offers in SPNEGO: " + err.Detail
		return nil, err
	}
	l.negotiation = negotiation{mechTypes: init.MechTypes, mechanism: mechanism, micExpected: !first}
	if !first {
		return nil, nil // mechToken and mechListMIC belong to the client's first mechanism
	}
	l.mic = init.MIC
	return init.Token, nil
}

// listReason returns the Reason for a list without Kerberos: that of the first mechanism
// that an operator may know, or ReasonNTLM if NTLM is in the list. A client that offers
// NTLM alone most often found no ticket.
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

// openResponse parses a later SPNEGO token of the client and returns the Kerberos token in
// it.
func (l *leg) openResponse(token []byte) ([]byte, error) {
	l.inSPNEGO = true
	r, err := spnego.ParseResponse(token)
	if err != nil {
		return nil, nameToken(token, err)
	}
	l.negotiation, l.mic = *l.c.negotiation, r.MIC
	l.final = r.State == spnego.AcceptCompleted
	l.negotiation.micExpected = l.negotiation.micExpected || r.State == spnego.RequestMIC
	expectsToken := l.from != stateMIC
	switch {
	case r.State == spnego.Reject:
		return nil, &status.Error{Reason: status.ReasonMalformedToken, Detail: "the client broke the negotiation off"}
	case r.Mechanism != nil && !bytes.Equal(r.Mechanism, l.negotiation.mechanism):
		return nil, otherMechanism(r.Mechanism)
	case expectsToken && len(r.Token) == 0:
		return nil, &status.Error{Reason: status.ReasonMalformedToken, Detail: "the client's SPNEGO token holds no Kerberos token"}
	case !expectsToken && len(r.Token) > 0:
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
// It recognises NTLM's third message, which a client sends that began with NTLM on another
// server or connection.
func strayResponse(token []byte) error {
	r, err := spnego.ParseResponse(token)
	if err != nil {
		return err
	}
	return nameToken(r.Token, &status.Error{Reason: status.ReasonMalformedToken, Detail: "a NegTokenResp begins no exchange: it continues another exchange, whose context is on another connection or server, or is gone"})
}

// askForKerberos answers a list of mechanisms whose token is not for the chosen mechanism:
// the answer names the mechanism, and the client sends an AP-REQ.
func (l *leg) askForKerberos() ([]byte, error) {
	if l.mic != nil {
		return nil, errEarlyMIC()
	}
	l.next = l.from
	l.respond(spnego.AcceptIncomplete)
	if l.negotiation.micExpected {
		l.answer.response.State = spnego.RequestMIC
	}
	if err := l.room.fits(l.answer.length()); err != nil {
		return nil, err
	}
	return l.complete()
}

func errEarlyMIC() error {
	return &status.Error{Reason: status.ReasonMechListMIC, Detail: "the client sent a mechListMIC before the context has a key"}
}

// respond puts the answer into SPNEGO. With AcceptIncomplete the client sends another
// token, for which respond keeps the negotiation.
func (l *leg) respond(state spnego.State) {
	l.answer.inSPNEGO = true
	l.answer.response = spnego.Response{State: state, Mechanism: l.negotiation.introduction()}
	if state == spnego.AcceptIncomplete {
		l.keepNegotiation()
	}
}

// keepNegotiation copies the negotiation for the next leg, without memory of the token.
func (l *leg) keepNegotiation() {
	n := l.negotiation
	n.mechSent = true
	n.mechTypes = bytes.Clone(n.mechTypes)
	l.kept = &n
}

// introduction returns the chosen mechanism for the first answer, and nil for every later
// answer.
func (n *negotiation) introduction() []byte {
	if n.mechSent {
		return nil
	}
	return n.mechanism
}

// completeNegotiation decides the SPNEGO part of the answer to a leg that Kerberos has
// accepted, and so the next state. key is the type of the context's key. The acceptor
// sends a mechListMIC if the negotiation expects one or the client sent one (MS-SPNG,
// Section 3.1.5.1).
func (l *leg) completeNegotiation(key keytab.EType) {
	switch {
	case l.next == stateThirdLeg:
		l.respond(spnego.AcceptIncomplete)
		return
	case l.mic == nil && l.negotiation.micExpected:
		l.next = stateMIC
		l.respond(spnego.AcceptIncomplete)
	default:
		l.respond(spnego.AcceptCompleted)
	}
	if l.mic != nil || l.negotiation.micExpected {
		l.answer.micLen = message.MICLen(etype.ID(key))
	}
}

// exchangeMICs verifies the client's mechListMIC, with which the leg establishes the
// context, and makes the acceptor's mechListMIC. The caller holds mu.
func (l *leg) exchangeMICs() (err error) {
	keys := l.keys
	if keys == nil {
		keys = l.c.vault // of an earlier leg
	}
	list := l.negotiation.mechTypes
	if l.mic != nil && l.next == stateEstablished {
		if _, err := keys.protector.VerifyMIC(message.AsGranted, l.mic, list); err != nil {
			return &status.Error{Reason: status.ReasonMechListMIC, Err: err}
		}
	}
	if l.answer.micLen > 0 {
		l.answer.response.MIC, err = keys.protector.GetMIC(nil, list)
	}
	return err
}

// acceptMIC takes the client's mechListMIC, the only thing that is missing in stateMIC.
func (l *leg) acceptMIC() ([]byte, error) {
	if l.mic == nil {
		return nil, &status.Error{Reason: status.ReasonMechListMICMissing, Detail: "the client's last SPNEGO token has no mechListMIC, although the mechanism that was chosen is not the client's first"}
	}
	if err := l.c.checkDemands(l.c.peer.Flags); err != nil { // this call may have added demands
		return nil, err
	}
	l.next = stateEstablished
	if !l.final {
		l.respond(spnego.AcceptCompleted)
	}
	if err := l.room.fits(l.answer.length()); err != nil {
		return nil, err
	}
	return l.complete()
}

// mechanismReason returns the Reason for the mechanism of a GSS frame that is not Kerberos,
// so that an operator sees the client's mechanism.
func mechanismReason(oid []byte) status.Reason {
	switch string(oid) {
	case string(krb5.OIDSPNEGO):
		return status.ReasonSPNEGO
	case string(krb5.OIDNTLM):
		return status.ReasonNTLM
	case string(krb5.OIDNegoEx):
		return status.ReasonNegoEx
	case string(krb5.OIDIAKERB):
		return status.ReasonIAKERB
	}
	return status.ReasonUnsupportedMechanism
}

// Signatures of tokens without a GSS frame.
var (
	signatureNTLM   = []byte("NTLMSSP\x00")
	signatureNegoEx = []byte("NEGOEXTS")
)

// nameToken returns the refusal of a token without a GSS frame: NTLM and NegoEx have a Reason
// of their own, and err, the error of the frame's parser, is for every other token.
func nameToken(token []byte, err error) error {
	switch {
	case bytes.HasPrefix(token, signatureNTLM):
		return errMechanism(status.ReasonNTLM)
	case bytes.HasPrefix(token, signatureNegoEx):
		return errMechanism(status.ReasonNegoEx)
	}
	return err
}

// errMechanism returns the refusal of a token that is not Kerberos. Its Detail tells the
// operator the next step.
func errMechanism(reason status.Reason) *status.Error {
	detail := "the token names a mechanism that this acceptor does not serve; configure the client for Kerberos"
	switch reason {
	case status.ReasonNTLM:
		detail = "the client sent an NTLM token instead of a Kerberos token, so it has no ticket for this service. On the client, klist get SPN shows why: " +
			"the SPN of the name that the client uses must be registered on this service's account only (setspn -Q SPN), the client must reach a KDC, and the name must not be an IP address"
	case status.ReasonSPNEGO:
		detail = "the token is SPNEGO where a Kerberos token is expected; the package Negotiate takes SPNEGO, beginning with the client's first token"
	case status.ReasonNegoEx:
		detail = "the token is NegoEx (Microsoft accounts and PKU2U); configure the client for Kerberos"
	case status.ReasonIAKERB:
		detail = "the client reached no KDC and asks this server to relay its messages to one; let the client reach a KDC"
	}
	return &status.Error{Reason: reason, Detail: detail}
}
