package sspi

import (
	"context"
	"slices"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/internal/spnego"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// unframe takes a token out of its GSS frame (RFC 4121, Section 4.1). An AP-REQ without a
// frame is for DCE style, whose flag is known only after the authenticator is decrypted:
// require checks it.
func (l *leg) unframe(token []byte) error {
	const tagAPReq = 0x6e
	switch {
	case len(token) == 0:
		return &status.Error{Reason: status.ReasonMalformedToken, Detail: "the token is empty"}
	case token[0] == tagAPReq:
		l.message = token
		return nil
	case spnego.IsResponse(token):
		return misplacedResponse(token)
	}
	framed, err := krb5.CutFrame(token)
	if err != nil {
		return nameToken(token, err)
	}
	// l.mechanism is not a part of token, because the reply may be written over token.
	switch string(framed.Mechanism) {
	case string(krb5.OIDKerberos):
		l.mechanism = krb5.OIDKerberos
	case string(krb5.OIDMSKerberos):
		l.mechanism = krb5.OIDMSKerberos
	case string(krb5.OIDUser2User):
		if l.c.acceptor.cfg.UserToUser == nil {
			return &status.Error{Reason: status.ReasonUnsupportedMechanism, Detail: "the client wants user-to-user authentication, and Config.UserToUser is nil"}
		}
		l.mechanism = krb5.OIDUser2User
	default:
		return errMechanism(mechanismReason(framed.Mechanism))
	}
	switch {
	case framed.TokID == krb5.TokTGTReq && l.takesTGTRequest():
		l.wantsTicket = true
	case framed.TokID != krb5.TokAPReq:
		return &status.Error{Reason: status.ReasonWrongMessageType, Detail: "the token is not an AP-REQ"}
	}
	l.message = framed.Inner
	return nil
}

// acceptAPReq runs the checks of an AP-REQ in their order: RFC 4120, Section 3.2.3, and
// RFC 4121, Section 4.1.
func (l *leg) acceptAPReq(ctx context.Context) ([]byte, error) {
	c, cfg := l.c, &l.c.acceptor.cfg
	params, err := l.findKeys(ctx)
	if err != nil {
		return nil, err
	}
	tkt, err := ticket.Open(l.message, &params)
	if err != nil && c.acceptor.newerKeys(ctx, err, &params) {
		l.now = cfg.Time()
		params.Now = l.now
		tkt, err = ticket.Open(l.message, &params)
	}
	if err != nil {
		return nil, err
	}
	l.facts.opened(tkt.Unproven())
	checked, err := authenticator.Check(tkt, &authenticator.Params{
		Now: l.now, Skew: cfg.Skew, ETypes: cfg.ETypes,
		Bindings: c.cfg.ChannelBindings, BindingsUnknown: c.cfg.BindingsUnknown, Policy: c.cfg.BindingPolicy, PeerAddr: c.cfg.PeerAddr,
		TransitedRealms: cfg.TransitedRealms, Delegate: c.cfg.AcceptDelegation,
		IgnoreUnknownAuthorizationData: cfg.IgnoreUnknownAuthorizationData,
	})
	if err != nil {
		return nil, err
	}
	l.asked = checked.Flags()
	l.facts.checked(checked, l.now)
	if err := l.identify(tkt.Unproven()); err != nil {
		return nil, err
	}
	if err := l.require(checked); err != nil {
		return nil, err
	}
	if err := l.prepareAnswer(checked); err != nil {
		return nil, err
	}
	verified, err := checked.Claim(ctx, cfg.Replay)
	if err == nil {
		err = c.acceptor.answeredInTime(verified.Time())
	}
	if err != nil {
		return nil, err
	}
	return l.establish(verified)
}

// findKeys returns the keys that may decrypt the client's ticket, and reads the clock
// after the key source has answered: a source may take long, and a time stamp that was
// recent when the token arrived may be older than the records of the replay cache when
// Claim asks it.
func (l *leg) findKeys(ctx context.Context) (ticket.Params, error) {
	c, cfg := l.c, &l.c.acceptor.cfg
	table, services, err := c.acceptor.keys(ctx)
	if err == nil && (cfg.UserToUser != nil || c.cfg.UserToUser) {
		l.acceptorTGT, err = l.findTGT(ctx)
	}
	l.now = cfg.Time()
	return ticket.Params{
		Keys: table, Services: services, Now: l.now, Skew: cfg.Skew, ETypes: cfg.ETypes, TicketETypes: cfg.TicketETypes,
		UserToUser: l.acceptorTGT.SessionKey, UserToUserService: l.acceptorTGT.Client,
	}, err
}

// answeredInTime refuses the answer of a replay cache about a time stamp that is no longer
// recent: the cache may have forgotten the first use of it since the clock was checked.
func (a *Acceptor) answeredInTime(stamp time.Time) error {
	if a.cfg.Time().After(stamp.Add(a.cfg.Skew + time.Second)) {
		return &status.Error{Reason: status.ReasonReplayCacheFailed, Detail: "it answered when the client's time stamp was no longer recent"}
	}
	return nil
}

func (l *leg) isUserToUser() bool { return !l.acceptorTGT.SessionKey.IsZero() }

// require compares the client's flags and target with the frame of its token and with the
// program's requirements.
func (l *leg) require(checked *authenticator.Checked) error {
	dce := checked.Flags()&flags.GSS_C_DCE_STYLE != 0
	switch raw := l.mechanism == nil; {
	case dce && !raw:
		return &status.Error{Reason: status.ReasonMalformedToken, Detail: "DCE style goes without GSS framing"}
	case !dce && raw && !l.c.cfg.AllowRawAPReq:
		return &status.Error{Reason: status.ReasonMalformedToken, Detail: "the AP-REQ has no GSS framing; see AllowRawAPReq"}
	}
	if l.mic != nil && checked.Flags()&(flags.GSS_C_MUTUAL_FLAG|flags.GSS_C_DCE_STYLE) != 0 {
		return errEarlyMIC()
	}
	granted := checked.Flags().ASC()
	if l.isUserToUser() {
		granted |= flags.ASC_RET_USE_SESSION_KEY
	}
	if err := l.c.checkDemands(granted); err != nil {
		return err
	}
	if len(l.c.cfg.Targets) > 0 {
		return l.c.checkTarget(checked)
	}
	return nil
}

// checkTarget compares the service that the client named with ContextConfig.Targets.
func (c *Context) checkTarget(checked *authenticator.Checked) error {
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

// checkDemands compares the granted attributes with ContextConfig.Require.
func (c *Context) checkDemands(granted flags.ASC_RET) error {
	if missing := c.cfg.Require &^ granted; missing != 0 {
		return &status.Error{Reason: status.ReasonRequirementNotMet, Detail: "the client did not ask for " + missing.String()}
	}
	return nil
}

// prepareAnswer draws the AP-REP, decides the next state, and refuses an answer for which
// there is no room, before the replay cache stores the client's authenticator.
func (l *leg) prepareAnswer(checked *authenticator.Checked) error {
	cfg := &l.c.acceptor.cfg
	key := checked.KeyEType()
	if checked.Flags()&flags.GSS_C_MUTUAL_FLAG != 0 {
		if err := l.answer.apRep.Draw(checked, cfg.ETypes, cfg.Rand); err != nil {
			return err
		}
		l.answer.hasAPRep, l.answer.frame = true, l.mechanism
		key = l.answer.apRep.KeyEType()
	}
	l.next = stateEstablished
	if checked.Flags()&flags.GSS_C_DCE_STYLE != 0 {
		l.next = stateThirdLeg
	}
	if l.inSPNEGO {
		l.completeNegotiation(key)
	}
	return l.room.fits(l.answer.length())
}

// establish makes the keys and the peer of the context, of a Verified alone.
func (l *leg) establish(v authenticator.Verified) ([]byte, error) {
	if err := l.answer.buildAPRep(l.room.dst, v); err != nil {
		return nil, err // unreachable: the AP-REP is drawn, and v is verified
	}
	l.keys = l.c.newVault()
	l.setKeys(v)
	l.setPeer(v)
	l.facts.verified(v, l.mechanismName())
	return l.complete()
}

// setKeys chooses the context's key and the first sequence numbers (RFC 4121, Section 2;
// RFC 4120, Section 3.2.4). Without an AP-REP both directions start at the client's
// sequence number.
func (l *leg) setKeys(v authenticator.Verified) {
	k, rep := l.keys, &l.answer.apRep
	send := v.SequenceNumber()
	if l.answer.hasAPRep {
		send = rep.SequenceNumber()
	}
	acceptorSubkey := len(rep.Subkey()) > 0
	if acceptorSubkey {
		k.key.set(rep.KeyEType(), rep.Subkey())
	} else {
		key := v.Subkey()
		if key.IsZero() {
			key = v.Ticket().SessionKey
		}
		k.key.set(key.EType(), key.Bytes())
	}
	f := v.Flags()
	k.protector.Init(message.Params{
		EType: etype.ID(k.key.etype), Key: k.key.bytes[:k.key.n],
		AcceptorSubkey: acceptorSubkey,
		SendSeq:        uint64(send), RecvSeq: uint64(v.SequenceNumber()),
		DetectReplay: f&flags.GSS_C_REPLAY_FLAG != 0, DetectSequence: f&flags.GSS_C_SEQUENCE_FLAG != 0,
		DCE:  f&flags.GSS_C_DCE_STYLE != 0,
		Rand: l.c.acceptor.cfg.Rand,
	})
	if l.next == stateThirdLeg {
		k.third = rep.ThirdLeg(v)
	}
	k.delegated = v.Delegated()
	k.evidence = l.keepEvidence(v)
}

// keepEvidence returns the client's ticket for Context.Evidence, or nil.
func (l *leg) keepEvidence(v authenticator.Verified) *authenticator.DelegatedTicket {
	if !l.c.cfg.KeepEvidence || l.isUserToUser() {
		return nil
	}
	var req krb5.APReq
	if err := req.Parse(l.message); err != nil {
		return nil // unreachable: ticket.Open has parsed it
	}
	t := v.Ticket()
	return &authenticator.DelegatedTicket{
		Client: t.Client, Service: t.Service, Ticket: NewSecret(req.Ticket.Raw), SessionKey: t.SessionKey, Flags: t.Flags,
		AuthTime: t.AuthTime, StartTime: t.StartTime, EndTime: t.EndTime, RenewTill: t.RenewTill,
	}
}

func (k *contextKey) set(e keytab.EType, b []byte) {
	k.etype = e
	k.n = copy(k.bytes[:], b)
}

func (l *leg) setPeer(v authenticator.Verified) {
	t := v.Ticket()
	target, untrusted := v.Target()
	l.peer = Peer{
		Client: t.Client, Service: t.Service, ClientNameType: t.ClientNameType,
		Anonymous: t.Flags&flags.TicketAnonymous != 0 || t.Client.Name() == anonymousName || t.Client.Realm() == anonymousRealm,
		Target:    target, TargetUntrusted: untrusted,
		Flags: v.Flags().ASC(), GSSFlags: v.Flags(), Binding: v.Binding(), TicketFlags: t.Flags,
		AuthTime: t.AuthTime, StartTime: t.StartTime, EndTime: t.EndTime,
		TicketEType: t.EType, SessionEType: t.SessionKey.EType(), ContextEType: l.keys.key.etype,
		AccessToken: l.token, naming: l.naming, Indicators: v.Indicators(),
	}
	l.peer.Account = l.token.known()
	if l.isUserToUser() {
		l.peer.Flags |= flags.ASC_RET_USE_SESSION_KEY
	}
}

// Names of anonymous principals (RFC 8062, Section 3).
const (
	anonymousRealm = "WELLKNOWN:ANONYMOUS"
	anonymousName  = "WELLKNOWN/ANONYMOUS"
)
