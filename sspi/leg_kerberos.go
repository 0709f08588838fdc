package sspi

import (
	"context"
	"slices"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/internal/reply"
	"github.com/gosspi/kerberos/internal/spnego"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// inbound is a client's token, taken out of its frames. It dies with the call.
type inbound struct {
	due       state     // of the context when the call began: Close may change it
	message   []byte    // AP-REQ or AP-REP
	mechanism []byte    // of the GSS frame around it; nil: bare
	now       time.Time // read once the keys are there

	enclosed    bool        // the token is in SPNEGO, and so is the answer
	negotiation negotiation // as this leg leaves it, if it succeeds
	mic         []byte      // the client's, over the list of mechanisms; nil: none
	final       bool        // the client expects no answer

	request     krb5.TGTRequest // what message is, if wantsTicket
	wantsTicket bool            // user-to-user: the client asks for our ticket first
	ours        TGT             // user-to-user: what the client's ticket is sealed under

	facts facts // for the record
}

func (in *inbound) isUserToUser() bool { return !in.ours.SessionKey.IsZero() }

// accept is Accept for both faces; out is where the reply goes.
func (c *Context) accept(ctx context.Context, token []byte, out outlet) ([]byte, error) {
	if !c.accepting.TryLock() {
		return nil, c.busy()
	}
	defer c.accepting.Unlock()
	return c.step(ctx, token, out)
}

// busy returns the error of an Accept beside another one, or beside Close.
func (c *Context) busy() error {
	if c.at() == stateClosed {
		return errOver()
	}
	return &status.Error{Reason: status.ReasonContextState, Detail: "another Accept runs on this context"}
}

// step takes the token that is due in the context's state. The caller holds
// accepting.
func (c *Context) step(ctx context.Context, token []byte, out outlet) ([]byte, error) {
	if !c.acceptor.made() {
		return nil, &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the context was not made by an Acceptor from NewAcceptor"}
	}
	if c.pkg == "" {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "ContextConfig.Package names a package that is not here"}
	}
	switch due := c.at(); due {
	case stateStart, stateThirdLeg, stateMIC:
		return c.exchange(ctx, token, due, out)
	case stateEstablished:
		return nil, &status.Error{Reason: status.ReasonContextState, Detail: "the context is established"}
	}
	return nil, errOver()
}

func errOver() error {
	return &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the context is closed or its exchange failed"}
}

// exchange takes one whole leg.
func (c *Context) exchange(ctx context.Context, piece []byte, due state, out outlet) ([]byte, error) {
	defer c.dropIfClosed()
	c.flushEvent(ctx)
	in := inbound{due: due, facts: c.facts}
	token, whole, err := c.collect(piece)
	switch {
	case err != nil:
		in.enclosed = c.isEnclosed(piece)
		return c.conclude(ctx, &in, nil, out, err)
	case !whole:
		c.fragments.Hold(piece)
		return nil, ErrContinue
	}
	answer, err := c.acceptLeg(ctx, token, &in, out)
	if asShortage(err) == nil { // after one, the same token comes again
		c.fragments.Drop()
	}
	return c.conclude(ctx, &in, answer, out, err)
}

// acceptLeg takes the token that the state of the context asks for, in SPNEGO or
// as it is.
func (c *Context) acceptLeg(ctx context.Context, token []byte, in *inbound, out outlet) ([]byte, error) {
	if c.wantsHints(token, in) {
		return c.sendHints(out)
	}
	token, err := c.open(token, in)
	if err != nil {
		return nil, err
	}
	switch {
	case in.due == stateMIC:
		return c.acceptMIC(in, out)
	case in.enclosed && token == nil:
		return c.askForKerberos(in, out)
	case in.due == stateThirdLeg:
		return c.acceptThirdLeg(token, in, out)
	}
	if err := c.unframe(token, in); err != nil {
		return nil, err
	}
	if in.wantsTicket {
		return c.sendTicket(ctx, in, out)
	}
	return c.authenticate(ctx, in, out)
}

// authenticate is the whole protocol, in order: RFC 4120, Section 3.2.3, and
// RFC 4121, Section 4.1. Nothing of the client is written to the context before
// the last line.
func (c *Context) authenticate(ctx context.Context, in *inbound, out outlet) ([]byte, error) {
	cfg := &c.acceptor.cfg
	opening, err := c.findKeys(ctx, in)
	if err != nil {
		return nil, err
	}
	tkt, err := ticket.Open(in.message, &opening)
	if err != nil && c.acceptor.newerKeys(ctx, err, &opening) {
		in.now = cfg.Time()
		opening.Now = in.now
		tkt, err = ticket.Open(in.message, &opening)
	}
	if err != nil {
		return nil, err
	}
	in.facts.opened(tkt.Unproven())
	checked, err := authenticator.Check(tkt, &authenticator.Params{
		Now: in.now, Skew: cfg.Skew, ETypes: cfg.ETypes,
		Bindings: c.cfg.ChannelBindings, BindingsUnknown: c.cfg.BindingsUnknown, Policy: c.cfg.BindingPolicy, PeerAddr: c.cfg.PeerAddr,
		TransitedRealms: cfg.TransitedRealms, Delegate: c.cfg.AcceptDelegation,
		IgnoreUnknownAuthorizationData: cfg.IgnoreUnknownAuthorizationData,
	})
	if err != nil {
		return nil, err
	}
	in.facts.stamped(checked.Time(), in.now)
	if err := c.checkProperties(checked, in); err != nil {
		return nil, refusedLate(checked, err)
	}
	var answer reply.APRep
	defer answer.Wipe()
	if checked.Flags()&flags.GSS_C_MUTUAL_FLAG != 0 {
		if err := answer.Draw(checked, cfg.ETypes, cfg.Rand); err != nil {
			return nil, err
		}
	}
	if err := c.makeRoom(checked, &answer, in, out); err != nil {
		return nil, err
	}
	verified, err := checked.Claim(ctx, cfg.Replay)
	if err == nil {
		err = c.acceptor.answeredInTime(verified.Time())
	}
	if err != nil {
		return nil, refusedLate(checked, err)
	}
	return c.establish(verified, &answer, in, out)
}

// findKeys gets what may open the client's ticket, and then the time. Not before: a
// source may take its time, and what was recent when the token came need not be when
// the replay cache is asked, which forgets.
func (c *Context) findKeys(ctx context.Context, in *inbound) (ticket.Params, error) {
	cfg := &c.acceptor.cfg
	table, services, err := c.acceptor.keys(ctx)
	if err == nil {
		in.ours, err = c.userToUser(ctx, in)
	}
	in.now = cfg.Time()
	return ticket.Params{
		Keys: table, Services: services, Now: in.now, Skew: cfg.Skew, ETypes: cfg.ETypes, TicketETypes: cfg.TicketETypes,
		UserToUser: in.ours.SessionKey, UserToUserService: in.ours.Client,
	}, err
}

// answeredInTime refuses a replay cache's answer about what was stamped at a time and
// is no longer recent: since it was checked, the cache may have forgotten its first use.
func (a *Acceptor) answeredInTime(stamp time.Time) error {
	if a.cfg.Time().After(stamp.Add(a.cfg.Skew + time.Second)) {
		return &status.Error{Reason: status.ReasonReplayCacheFailed, Detail: "it answered when the client's time stamp was no longer recent"}
	}
	return nil
}

// checkProperties holds what the client asked for against what the caller
// demands and the frame allows.
func (c *Context) checkProperties(checked *authenticator.Checked, in *inbound) error {
	dce := checked.Flags()&flags.GSS_C_DCE_STYLE != 0
	switch bare := in.mechanism == nil; {
	case dce && !bare:
		return &status.Error{Reason: status.ReasonMalformedToken, Detail: "DCE style goes without GSS framing"}
	case !dce && bare && !c.cfg.AllowRawAPReq:
		return &status.Error{Reason: status.ReasonMalformedToken, Detail: "the AP-REQ has no GSS framing; see AllowRawAPReq"}
	}
	if in.mic != nil && checked.Flags()&(flags.GSS_C_MUTUAL_FLAG|flags.GSS_C_DCE_STYLE) != 0 {
		return errEarlyMIC()
	}
	granted := checked.Flags().ASC()
	if in.isUserToUser() {
		granted |= flags.ASC_RET_USE_SESSION_KEY
	}
	if err := c.checkDemands(granted); err != nil {
		return err
	}
	return c.checkTarget(checked)
}

// checkTarget holds the service that the client named against ContextConfig.Targets.
func (c *Context) checkTarget(checked *authenticator.Checked) error {
	if len(c.cfg.Targets) == 0 {
		return nil
	}
	target, untrusted := checked.Target()
	why := ""
	switch {
	case target == "":
		why = "the client names no service, and ContextConfig.Targets demands it"
	case !slices.Contains(c.cfg.Targets, target):
		why = "the client names the service " + quote.Text(target) + ", which is not in ContextConfig.Targets"
	case untrusted && !c.cfg.AllowUntrustedTarget:
		why = "the client names the service " + quote.Text(target) + " and says that it had this name from an untrusted source; see ContextConfig.AllowUntrustedTarget"
	default:
		return nil
	}
	return &status.Error{Reason: status.ReasonTargetNotAllowed, Detail: why}
}

func (c *Context) checkDemands(granted flags.ASC_RET) error {
	if missing := c.cfg.Require &^ granted; missing != 0 {
		return &status.Error{Reason: status.ReasonRequirementNotMet, Detail: "the client did not ask for " + missing.String()}
	}
	return nil
}

// unframe takes a token out of its GSS frame (RFC 4121, Section 4.1). A bare
// AP-REQ is for DCE style, which is known only when it is open.
func (c *Context) unframe(token []byte, in *inbound) error {
	const tagAPReq = 0x6e
	switch {
	case len(token) == 0:
		return &status.Error{Reason: status.ReasonMalformedToken, Detail: "the token is empty"}
	case token[0] == tagAPReq:
		in.message = token
		return nil
	case spnego.IsResponse(token):
		return misplacedResponse(token)
	}
	framed, err := krb5.CutFrame(token)
	if err != nil {
		return nameToken(token, err)
	}
	// Not the token's own bytes: the reply may be written over them.
	switch string(framed.Mechanism) {
	case string(krb5.OIDKerberos):
		in.mechanism = krb5.OIDKerberos
	case string(krb5.OIDMSKerberos):
		in.mechanism = krb5.OIDMSKerberos
	case string(krb5.OIDUser2User):
		if c.acceptor.cfg.UserToUser == nil {
			return &status.Error{Reason: status.ReasonUnsupportedMechanism, Detail: "the client wants user-to-user authentication, and Config.UserToUser is nil"}
		}
		in.mechanism = krb5.OIDUser2User
	default:
		return errMechanism(mechanismReason(framed.Mechanism))
	}
	switch {
	case framed.TokID == krb5.TokTGTReq && c.takesTGTRequest(in.mechanism):
		in.wantsTicket = true
	case framed.TokID != krb5.TokAPReq:
		return &status.Error{Reason: status.ReasonWrongMessageType, Detail: "an AP-REQ is due"}
	}
	in.message = framed.Inner
	return nil
}

// refusedLate is a refusal of a client whose authenticator holds.
func refusedLate(checked *authenticator.Checked, err error) error {
	return &authenticator.Refused{Flags: checked.Flags(), Binding: checked.Binding(), Err: err}
}

// makeRoom refuses an answer that has no place to go, before the client's
// authenticator is spent.
func (c *Context) makeRoom(checked *authenticator.Checked, answer *reply.APRep, in *inbound, out outlet) error {
	mutual := checked.Flags()&flags.GSS_C_MUTUAL_FLAG != 0
	n, key := -1, checked.KeyEType()
	if mutual {
		n, key = answer.Len(in.mechanism), answer.KeyEType()
	}
	if in.enclosed {
		over := checked.Flags()&flags.GSS_C_DCE_STYLE == 0
		return out.fits(in.negotiation.responseLen(n, over, key, in.mic != nil))
	}
	if !mutual {
		return nil
	}
	return out.fits(n)
}

// establish commits the context: only here are its keys and its peer written.
func (c *Context) establish(v authenticator.Verified, answer *reply.APRep, in *inbound, out outlet) ([]byte, error) {
	var token []byte
	if v.Flags()&flags.GSS_C_MUTUAL_FLAG != 0 {
		dst := out.dst
		if in.enclosed {
			dst = nil
		}
		var err error
		if token, err = answer.Append(dst, v, in.mechanism); err != nil {
			return nil, err // unreachable: it was drawn, and v is verified
		}
	}
	next := stateEstablished
	if v.Flags()&flags.GSS_C_DCE_STYLE != 0 {
		next = stateThirdLeg
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at() == stateClosed {
		return nil, errClosedMeanwhile()
	}
	c.commitKey(v, answer)
	if next == stateThirdLeg {
		c.third = answer.ThirdLeg(v)
	}
	if in.enclosed {
		var err error
		if token, next, err = c.settle(in, token, next, out); err != nil {
			return nil, err
		}
	}
	c.commitPeer(v, in)
	c.delegated = v.Delegated()
	c.keepFacts(v, in)
	return token, c.enter(next)
}

func errClosedMeanwhile() error {
	return &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the context was closed during Accept"}
}

// enter takes the step to a state that the client has earned, and is ErrContinue if
// another token is due in it. The caller holds mu.
func (c *Context) enter(s state) error {
	if s != stateEstablished {
		c.state.Store(uint32(s))
		return ErrContinue
	}
	c.third, c.ours, c.negotiation = reply.ThirdLeg{}, TGT{}, nil
	c.proven.Store(&c.peer)
	c.state.Store(uint32(s))
	return nil
}

func (c *Context) commitPeer(v authenticator.Verified, in *inbound) {
	t := v.Ticket()
	target, untrusted := v.Target()
	c.peer = Peer{
		Client: t.Client, Service: t.Service, ClientNameType: t.ClientNameType,
		Anonymous: t.Flags&flags.TicketAnonymous != 0 || isAnonymous(t.Client),
		Target:    target, TargetUntrusted: untrusted,
		Flags: v.Flags().ASC(), GSSFlags: v.Flags(), Binding: v.Binding(), TicketFlags: t.Flags,
		AuthTime: t.AuthTime, StartTime: t.StartTime, EndTime: t.EndTime,
		TicketEType: t.EType, SessionEType: t.SessionKey.EType(), ContextEType: c.key.etype,
	}
	if in.isUserToUser() {
		c.peer.Flags |= flags.ASC_RET_USE_SESSION_KEY
	}
}

// commitKey picks the context's key and first sequence numbers (RFC 4121,
// Section 2; RFC 4120, Section 3.2.4). Without an AP-REP both directions start
// at the client's number.
func (c *Context) commitKey(v authenticator.Verified, answer *reply.APRep) {
	send := v.SequenceNumber()
	if v.Flags()&flags.GSS_C_MUTUAL_FLAG != 0 {
		send = answer.SequenceNumber()
	}
	ours := len(answer.Subkey()) > 0
	if ours {
		c.key.set(answer.KeyEType(), answer.Subkey())
	} else {
		key := v.Subkey()
		if key.IsZero() {
			key = v.Ticket().SessionKey
		}
		c.key.set(key.EType(), key.Bytes())
	}
	c.startMessages(ours, v.Flags(), uint64(send), uint64(v.SequenceNumber()))
}

func (k *contextKey) set(e keytab.EType, b []byte) {
	k.etype = e
	k.n = copy(k.bytes[:], b)
}
