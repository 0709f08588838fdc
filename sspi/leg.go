package sspi

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/reply"
	"github.com/gosspi/kerberos/internal/spnego"
	"github.com/gosspi/kerberos/status"
)

// leg is one call of Accept: the client's token, the answer to it, and everything that
// the steps learn. It ends with the call. The steps change the leg and never the Context,
// except for the fragments of the token; commit writes the outcome to the Context.
type leg struct {
	c    *Context
	room replyRoom
	from state // state of the context when the call began; Close may change the state meanwhile

	// Contents of the client's token.
	message     []byte          // AP-REQ or KERB-TGT-REQUEST, without frame; nil before unframe
	mechanism   []byte          // OID of the GSS frame around message; nil without a frame
	inSPNEGO    bool            // the token is in SPNEGO, and so is the answer
	negotiation negotiation     // the negotiation after this token
	mic         []byte          // the client's mechListMIC; nil if the token has none
	final       bool            // negState is accept-completed: the client expects no answer
	wantsTicket bool            // user-to-user: message is a KERB-TGT-REQUEST
	request     krb5.TGTRequest // message, parsed, if wantsTicket is set

	// Results of the checks.
	now         time.Time    // the acceptor's clock, read when the keys are available
	acceptorTGT TGT          // user-to-user: its session key decrypts the client's ticket
	asked       flags.GSS    // flags of the client's checksum; 0 before they are read
	facts       facts        // for the record
	token       *AccessToken // of the ticket's PAC; nil if there is none
	naming      naming
	answer      answer

	// The outcome, which commit writes to the Context.
	next      state
	keys      *vault       // new keys; nil if the leg makes no keys
	peer      Peer         // the client, if keys is set
	kept      *negotiation // for the next token; nil if the next token is not in SPNEGO
	retried   bool         // the client has used its second try
	hintsSent bool         // the client has the list of mechanisms
	err       error        // reason of stateFailed
}

// accept runs one leg for both APIs. wishes are the arguments that only
// AcceptSecurityContext has; Context.Accept passes nil. binding is the result of the
// channel bindings if this leg ends the exchange, else authenticator.BindingUnchecked.
func (c *Context) accept(ctx context.Context, token []byte, room replyRoom, wishes *wishes) (reply []byte, binding authenticator.Binding, err error) {
	if !c.accepting.TryLock() {
		return nil, authenticator.BindingUnchecked, c.busy()
	}
	defer c.accepting.Unlock()
	l := leg{c: c, room: room, from: c.at(), facts: c.facts, retried: c.retried, hintsSent: c.hintsSent}
	if err := l.begin(wishes); err != nil {
		return nil, authenticator.BindingUnchecked, err
	}
	defer c.dropIfClosed()
	defer l.answer.apRep.Wipe()
	if c.cfg.DeferReport {
		c.flushEvent(ctx)
	}
	reply, err = l.run(ctx, token)
	switch {
	case err == nil:
		c.finishEvent(ctx, Event{Peer: &c.peer}, &l)
		return reply, l.facts.binding, nil
	case err == ErrContinue || asShortage(err) != nil:
		return reply, authenticator.BindingUnchecked, err
	}
	return l.refuse(ctx, err)
}

// busy returns the error of an Accept that runs beside another Accept or beside Close.
func (c *Context) busy() error {
	if c.at() == stateClosed {
		return errOver()
	}
	return &status.Error{Reason: status.ReasonContextState, Detail: "another Accept runs on this context"}
}

func errOver() error {
	return &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the context is closed or its exchange failed"}
}

// begin refuses a call on a context that expects no token, and applies the wishes of the
// caller to the context's configuration.
func (l *leg) begin(w *wishes) error {
	c := l.c
	switch {
	case !c.acceptor.made():
		return &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the context was not made by an Acceptor from NewAcceptor"}
	case c.pkg == "":
		return &status.Error{Reason: status.ReasonArgument, Detail: "ContextConfig.Package names a package that this library does not have"}
	}
	switch l.from {
	case stateStart, stateThirdLeg, stateMIC:
		if w != nil {
			return w.apply(c, l.from)
		}
		return nil
	case stateEstablished:
		return &status.Error{Reason: status.ReasonContextState, Detail: "the context is established"}
	}
	return errOver()
}

// run joins the client's token from its fragments and takes the step that the token asks
// for.
func (l *leg) run(ctx context.Context, fragment []byte) (reply []byte, err error) {
	token, whole, err := l.collect(fragment)
	switch {
	case err != nil:
		l.inSPNEGO = l.continuesSPNEGO(fragment)
		return nil, err
	case !whole:
		l.c.fragments.Hold(fragment)
		return nil, ErrContinue
	}
	reply, err = l.step(ctx, token)
	if err == nil || asShortage(err) == nil { // after a shortage the caller gives the same token again
		l.c.fragments.Drop()
	}
	return reply, err
}

// collect joins token with the fragments of earlier calls. Config.MaxToken bounds a
// token of every form.
func (l *leg) collect(token []byte) (joined []byte, whole bool, err error) {
	c, max := l.c, l.c.acceptor.cfg.MaxToken
	if c.pkg == Negotiate && len(token) > 0 {
		joined, whole, err = c.fragments.Join(token, max)
		if err == nil && !whole && c.cfg.WholeTokens {
			err = spnego.CutError(token)
		}
		return joined, whole, err
	}
	if len(token) > max {
		return nil, false, &status.Error{Reason: status.ReasonTokenTooLong, Detail: "the token has " + strconv.Itoa(len(token)) + " bytes, MaxToken is " + strconv.Itoa(max)}
	}
	return token, true, nil
}

// step takes the client's token out of SPNEGO and out of its GSS frame, and passes it to
// the function for the state of the context and the type of the message.
func (l *leg) step(ctx context.Context, token []byte) (reply []byte, err error) {
	c := l.c
	begins := l.from == stateStart && c.negotiation == nil && !c.retried // no token was answered before
	switch {
	case len(token) == 0 && begins && c.pkg == Negotiate && !c.hintsSent && c.fragments.Len() == 0:
		return l.sendHints()
	case c.negotiation != nil:
		token, err = l.openResponse(token)
	case c.pkg == Negotiate && spnego.IsResponse(token):
		l.inSPNEGO = true
		err = strayResponse(token)
	case c.pkg == Negotiate && begins && spnego.IsInit(token):
		token, err = l.openInit(token)
	case c.pkg == Negotiate && begins && c.cfg.RequireSPNEGO:
		err = nameToken(token, &status.Error{Reason: status.ReasonUnsupportedMechanism, Detail: "the token is not in SPNEGO, which RequireSPNEGO demands"})
	}
	switch {
	case err != nil:
		return nil, err
	case l.from == stateMIC:
		return l.acceptMIC()
	case l.inSPNEGO && token == nil:
		return l.askForKerberos()
	case l.from == stateThirdLeg:
		return l.acceptThirdLeg(token)
	}
	if err := l.unframe(token); err != nil {
		return nil, err
	}
	if l.wantsTicket {
		return l.sendTicket(ctx)
	}
	return l.acceptAPReq(ctx)
}

// complete ends a leg that refuses nothing: it exchanges the mechListMICs, builds the
// answer, and commits. The answer may be written over the client's token, so that complete
// writes it after the last use of the token.
func (l *leg) complete() (reply []byte, err error) {
	c := l.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at() != l.from {
		return nil, errClosedMeanwhile()
	}
	if l.inSPNEGO {
		if err := l.exchangeMICs(); err != nil {
			return nil, err
		}
	}
	reply = l.answer.appendTo(l.room.dst)
	l.commit()
	if l.next != stateEstablished {
		return reply, ErrContinue
	}
	c.acceptor.domains.learn(&c.peer)
	return reply, nil
}

func errClosedMeanwhile() error {
	return &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the context was closed during Accept"}
}

// commit writes the outcome of the leg to the Context, after the last check. No other
// function writes the peer, the keys, the negotiation, the error or a state other than
// stateClosed. A closed context stays as it is. The caller holds mu and, where another
// goroutine can reach the context, accepting.
func (l *leg) commit() {
	c := l.c
	if c.at() == stateClosed {
		l.keys.wipe()
		return
	}
	c.negotiation, c.retried, c.hintsSent = l.kept, l.retried, l.hintsSent
	if l.keys != nil {
		c.vault.wipe() // of a leg that sent the acceptor's TGT
		c.vault, c.peer, c.facts = l.keys, l.peer, l.facts
	}
	switch l.next {
	case stateEstablished:
		c.third, c.acceptorTGT = reply.ThirdLeg{}, TGT{}
		c.proven.Store(&c.peer)
	case stateFailed:
		c.err = l.err
		c.vault.wipe()
	}
	c.state.Store(uint32(l.next)) // last: other goroutines read the fields above if the state allows it
}

// answer is the reply of a leg: a Kerberos token, or none, and SPNEGO around it, or not.
// length and appendTo read the same fields, so that a leg checks the room for the reply
// before the replay cache stores the client's authenticator.
type answer struct {
	token    []byte      // the Kerberos token with its frame; nil: none, or an AP-REP that is not built
	hasAPRep bool        // the Kerberos token is apRep
	apRep    reply.APRep // drawn
	frame    []byte      // OID of the GSS frame around apRep; nil without a frame

	inSPNEGO bool
	response spnego.Response // State and Mechanism; MIC after exchangeMICs
	micLen   int             // length of the acceptor's mechListMIC; 0 if the answer has none
}

// length returns the number of bytes that appendTo appends.
func (a *answer) length() int {
	token, mic := -1, -1 // absent, for spnego.ResponseLen
	switch {
	case a.hasAPRep:
		token = a.apRep.Len(a.frame)
	case a.token != nil:
		token = len(a.token)
	}
	if a.micLen > 0 {
		mic = a.micLen
	}
	if a.inSPNEGO {
		return spnego.ResponseLen(a.response.Mechanism, token, mic)
	}
	return max(token, 0)
}

// buildAPRep builds the AP-REP for v. Without SPNEGO it appends the AP-REP to dst, where
// appendTo leaves it.
func (a *answer) buildAPRep(dst []byte, v authenticator.Verified) (err error) {
	if !a.hasAPRep {
		return nil
	}
	if a.inSPNEGO {
		dst = nil
	}
	a.token, err = a.apRep.Append(dst, v, a.frame)
	return err
}

// appendTo appends the answer to dst.
func (a *answer) appendTo(dst []byte) []byte {
	switch {
	case a.inSPNEGO:
		a.response.Token = a.token
		return a.response.Append(dst)
	case a.hasAPRep:
		return a.token
	}
	return append(dst, a.token...)
}

// replyRoom is the memory for a reply. With the zero replyRoom the leg allocates it.
type replyRoom struct {
	dst     []byte // the reply is appended to it
	limited bool   // the reply must fit into size bytes
	size    int
	absent  bool // the caller gave no memory for a reply
}

// shortage is the error of a reply that does not fit. The context is unchanged: the caller
// may give the same token again with more room.
type shortage struct {
	err    *status.Error
	needed int
}

func (s *shortage) Error() string { return s.err.Error() }
func (s *shortage) Unwrap() error { return s.err }

// fits returns a shortage if a reply of n bytes does not fit.
func (r *replyRoom) fits(n int) error {
	switch {
	case n == 0:
		return nil
	case r.absent:
		return &shortage{&status.Error{Reason: status.ReasonNoTokenBuffer, Detail: "there is a reply and no buffer for it"}, n}
	case r.limited && n > r.size:
		return &shortage{&status.Error{Reason: status.ReasonBuffer, Detail: "the reply does not fit"}, n}
	}
	return nil
}

// asShortage returns the shortage that err is or wraps, and nil for any other error.
func asShortage(err error) *shortage {
	if err == nil {
		return nil // without the allocation of the search
	}
	var s *shortage
	errors.As(err, &s)
	return s
}
