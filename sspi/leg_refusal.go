package sspi

import (
	"context"
	"errors"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/reply"
	"github.com/gosspi/kerberos/status"
)

// outlet is where a reply goes. The zero outlet allocates.
type outlet struct {
	dst     []byte // appended to
	limited bool   // the reply must fit into room bytes
	room    int
	absent  bool // there is no place for a reply at all
}

// shortage is a reply that does not fit. Nothing has happened yet: the caller
// may come again with the same token and more room.
type shortage struct {
	err    *status.Error
	needed int
}

func (s *shortage) Error() string { return s.err.Error() }
func (s *shortage) Unwrap() error { return s.err }

func (o *outlet) fits(n int) error {
	switch {
	case o.absent:
		return &shortage{&status.Error{Reason: status.ReasonNoTokenBuffer, Detail: "there is a reply and no buffer for it"}, n}
	case o.limited && n > o.room:
		return &shortage{&status.Error{Reason: status.ReasonBuffer, Detail: "the reply does not fit"}, n}
	}
	return nil
}

// asShortage is the shortage that err is or wraps, nil if there is none.
func asShortage(err error) *shortage {
	if err == nil {
		return nil // and nothing is allocated for the search
	}
	var s *shortage
	errors.As(err, &s)
	return s
}

// conclude ends a call: it reports, and turns a refusal into the answer that
// the client gets, if it gets one.
func (c *Context) conclude(ctx context.Context, in *inbound, answer []byte, out outlet, err error) ([]byte, error) {
	switch {
	case err == nil:
		c.finishEvent(ctx, Event{Peer: &c.peer}, in)
		return answer, nil
	case err == ErrContinue, asShortage(err) != nil:
		return answer, err
	}
	token, again := c.errorToken(in, err)
	if out.fits(len(token)) != nil {
		token, again = nil, false
	}
	e := Event{Err: asStatus(err), Retry: again}
	in.facts.refused(err, in.now)
	if again {
		c.retried = true
		if in.enclosed {
			c.keep(in)
		}
		err = ErrContinue
	} else {
		c.fail(err)
	}
	c.finishEvent(ctx, e, in)
	return append(out.dst, token...), err
}

// errorToken is what answers a refusal: a KRB-ERROR, in SPNEGO if the client's
// token was. It is empty where the client does not wait, and where the caller does
// not want one. If it does not fit it is dropped: a verdict is never replaced by a
// complaint about room.
//
// again: a client whose clock is wrong is told the time and gets exactly one more
// try on the same context, with all checks again (MS-KILE, Section 3.4.5); and so
// does one that is told to use user-to-user authentication.
func (c *Context) errorToken(in *inbound, err error) (token []byte, again bool) {
	if c.cfg.NoErrorTokens {
		return nil, false
	}
	again = mayTryAgain(err) && !c.retried
	token = c.krbError(in, err, again, false)
	again = again && len(token) > 0
	if in.enclosed {
		if len(token) == 0 { // in SPNEGO everybody waits, but not everybody could go on
			token = c.krbError(in, err, false, true)
		}
		token = in.refusal(token, again)
	}
	return token, again
}

// krbError is empty for a token in which there is no AP-REQ, and unless always is
// set for a client that does not wait for an AP-REP.
func (c *Context) krbError(in *inbound, err error, again, always bool) []byte {
	if in.message == nil {
		return nil
	}
	e := reply.Error{Err: err, Now: in.now, Retry: again && isClockTrouble(err), Always: always || in.wantsTicket}
	var refused *authenticator.Refused
	if errors.As(err, &refused) {
		e.Asked = refused.Flags
	}
	mechanism := in.mechanism
	if mechanism == nil {
		mechanism = krb5.OIDKerberos
	}
	if in.wantsTicket {
		return e.AppendTo(nil, &in.request, mechanism)
	}
	return e.Append(nil, in.message, mechanism)
}

// mayTryAgain: the client can mend it by itself.
func mayTryAgain(err error) bool {
	return isClockTrouble(err) || status.ReasonOf(err) == status.ReasonUserToUserRequired
}

func isClockTrouble(err error) bool {
	switch status.ReasonOf(err) {
	case status.ReasonClockSkew, status.ReasonTicketNotYetValid, status.ReasonBeforeReplayCache:
		return true
	}
	return false
}

// fail ends the exchange. A context that was closed meanwhile stays closed.
func (c *Context) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wipe()
	c.dropTokens()
	if c.at() != stateClosed {
		c.err = err
		c.state.Store(uint32(stateFailed))
	}
}

// asStatus finds the *status.Error that every error of an exchange wraps.
func asStatus(err error) *status.Error {
	var e *status.Error
	if errors.As(err, &e) && e != nil {
		return e
	}
	return &status.Error{Reason: status.ReasonInternal, Err: err}
}
