package sspi

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Event is the record of one authentication attempt: how it ended, or that it goes
// on after the client was invited to correct its clock or to use user-to-user
// authentication. Config.OnEvent and Config.Logger receive it. An Event is for the
// operator: no program may admit a client because of one.
//
// Exactly one of Peer and Err is set. All names but those in Peer and Denied are
// claims of a stranger or of an unproven ticket; they may hold any character, and
// String of a Principal escapes control characters only: quote them when you print
// them. The Logger does. Never make a metric label of a principal: there are as many
// as clients, and a stranger may invent them. Labels are for Err.Reason, Mechanism and
// the encryption types.
type Event struct {
	// Peer is the accepted client. Nil if the attempt was refused.
	Peer *Peer
	// Err is the reason of the refusal. Nil if the client was accepted.
	Err *status.Error
	// Retry reports that the client was invited to send one more AP-REQ, so that the
	// refusal does not end the exchange.
	Retry bool
	// Denied is a client that proved its identity and was then refused by the rule of
	// the program or the integration, such as sspihttp.Config.Authorize. Nil otherwise.
	Denied *Peer

	// Time is the acceptor's clock when the attempt was judged.
	Time time.Time
	// Remote is the client's address as the transport reports it. The zero AddrPort:
	// unknown. Port 0: only the address is known.
	Remote netip.AddrPort
	// Mechanism is the mechanism that the client's token named, such as "kerberos" or
	// "spnego/kerberos". "" if none was recognised.
	Mechanism string

	// UnprovenClient is the client that the ticket names, of a refused attempt whose
	// ticket opened. The KDC made the ticket, but the sender did not prove that it owns
	// it. Zero if no ticket opened, and if Peer or Denied is set.
	UnprovenClient keytab.Principal
	// RequestedService is the service that the AP-REQ names in clear. The client, or
	// anyone on the way, can write any name there. Zero if no AP-REQ was parsed.
	RequestedService keytab.Principal
	// Service is the principal whose key opened the ticket. Zero if none did.
	Service keytab.Principal

	// TicketEType is the encryption type of the ticket: as the AP-REQ says, if the
	// ticket did not open. SessionEType is the encryption type of the ticket's session
	// key and ContextEType the encryption type of the context's key. 0: unknown.
	TicketEType, SessionEType, ContextEType keytab.EType
	// Kvno is the version of the key that opened the ticket; if none did, the version
	// that the ticket asks for. 0: unknown.
	Kvno uint32
	// Binding is the result of the channel bindings.
	Binding authenticator.Binding

	// DelegationError is the reason why credentials that the client forwarded, and that
	// ContextConfig.AcceptDelegation asked for, were withheld from Context.Delegated,
	// although the client was accepted. Nil if none were withheld.
	DelegationError *status.Error

	// IndicatorsError is the reason why the indicators of the ticket do not count, although
	// the client was accepted: Peer.Indicators is nil. Nil if none were withheld.
	IndicatorsError *status.Error

	// ClientTime is the time in the client's authenticator. The zero Time: the
	// authenticator did not open. ClockDifference is ClientTime less Time: positive
	// if the client's clock is ahead of the acceptor's clock.
	ClientTime      time.Time
	ClockDifference time.Duration

	// Attrs are attributes that an integration adds, such as http.request.method. The
	// Logger writes them after its own. Report keeps the slice.
	Attrs []slog.Attr
}

// Refuse makes e the record of a refusal with err: the decision of an integration about a
// client that Accept accepted. It moves e.Peer to e.Denied. err should wrap a
// *status.Error; any other error, and nil, is recorded with ReasonInternal.
func (e *Event) Refuse(err error) {
	e.Err = asStatus(err)
	e.Retry = false
	if e.Peer != nil {
		e.Denied, e.Peer = e.Peer, nil
	}
}

// Report sends e to Config.OnEvent and Config.Logger. Integrations call it for a decision
// that Accept does not make: a token that they cannot decode, a scheme that they do not
// serve, a proven client that their own rule turns away. Report sets e.Time if it is
// zero. An Event with both Peer and Err counts as refused, as after [Event.Refuse]; an
// Event with neither is recorded as a refusal with ReasonArgument, because the caller
// named no decision. Several goroutines may call Report at once. Report does nothing on
// an Acceptor that NewAcceptor did not make.
func (a *Acceptor) Report(ctx context.Context, e Event) {
	if !a.made() {
		return
	}
	if ctx == nil {
		ctx = context.Background()
	}
	switch {
	case e.Err != nil && e.Peer != nil:
		e.Denied, e.Peer = e.Peer, nil
	case e.Err == nil && e.Peer == nil:
		e.Err = &status.Error{Reason: status.ReasonArgument, Detail: "Report was called without Event.Peer and Event.Err: set Err to the reason of the refusal"}
	}
	if e.Time.IsZero() {
		e.Time = a.cfg.Time()
	}
	a.report(ctx, e)
}

// TakeEvent returns the record of the last Accept and leaves it to the caller to report;
// ok is false if no record exists: Accept returned ErrContinue without a refusal, the record
// was taken or reported before, or ContextConfig.DeferReport is not set. Call it before
// Close, which reports a record that was not taken.
func (c *Context) TakeEvent() (e Event, ok bool) {
	if c.isZero() {
		return Event{}, false
	}
	pending := c.pending.Swap(nil)
	if pending == nil {
		return Event{}, false
	}
	return *pending, true
}

// Acceptor returns the Acceptor that made c, and nil for a nil or zero Context.
func (c *Context) Acceptor() *Acceptor {
	if c.isZero() {
		return nil
	}
	return c.acceptor
}

// flushEvent reports a record that the caller of a deferring context has not taken.
func (c *Context) flushEvent(ctx context.Context) {
	if e, ok := c.TakeEvent(); ok {
		c.acceptor.report(ctx, e)
	}
}

// finishEvent completes e with the facts of this leg, and reports it or keeps it for
// TakeEvent.
func (c *Context) finishEvent(ctx context.Context, e Event, l *leg) {
	cfg := &c.acceptor.cfg
	if cfg.OnEvent == nil && cfg.Logger == nil && !c.cfg.DeferReport {
		return
	}
	l.facts.complete(&e, l)
	e.Remote = c.remote()
	if e.Time.IsZero() {
		e.Time = cfg.Time()
	}
	if c.cfg.DeferReport {
		kept := e
		c.pending.Store(&kept)
		return
	}
	c.acceptor.report(ctx, e)
}

// remote returns the client's address for the record.
func (c *Context) remote() netip.AddrPort {
	if c.cfg.Remote.Addr().IsValid() {
		return c.cfg.Remote
	}
	return netip.AddrPortFrom(c.cfg.PeerAddr, 0)
}

// report sends e to the acceptor's own OnEvent and Logger.
func (a *Acceptor) report(ctx context.Context, e Event) {
	if a.cfg.OnEvent != nil {
		a.cfg.OnEvent(ctx, e)
	}
	if a.cfg.Logger != nil {
		e.log(ctx, a.cfg.Logger)
	}
}
