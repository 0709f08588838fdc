package sspi

import (
	"context"
	"errors"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/reply"
	"github.com/gosspi/kerberos/internal/spnego"
	"github.com/gosspi/kerberos/status"
)

// refuse ends a leg that err refused. It decides whether the client gets an error token and
// may try once more, commits, and makes the record.
func (l *leg) refuse(ctx context.Context, err error) (token []byte, binding authenticator.Binding, _ error) {
	c := l.c
	l.noteRefusal(err)
	token, retry := l.errorToken(err)
	if l.room.fits(len(token)) != nil {
		token, retry = nil, false // a shortage of room never replaces the refusal
	}
	l.keys.wipe()
	l.keys, l.kept = nil, nil
	event := Event{Err: asStatus(err), Retry: retry}
	if retry {
		l.next, l.retried = l.from, true
		if l.inSPNEGO {
			l.keepNegotiation()
		}
		err = ErrContinue
	} else {
		l.next, l.err = stateFailed, err
		c.fragments.Drop()
		binding = l.facts.binding
	}
	c.mu.Lock()
	l.commit()
	c.mu.Unlock()
	c.finishEvent(ctx, event, l)
	return append(l.room.dst, token...), binding, err
}

// errorToken returns the answer to a client that err refuses: a KRB-ERROR, in SPNEGO if the
// client's token was in SPNEGO. The answer is empty where the client does not wait for an
// answer, and where ContextConfig.NoErrorTokens is set.
//
// retry reports that the answer invites the client to try exactly once more on the same
// context, with all checks again: a client whose clock is wrong receives the acceptor's
// time (MS-KILE, Section 3.4.5), and a client that sent a ticket for a long-term key
// receives the demand for user-to-user authentication. Only a client that waits may retry.
func (l *leg) errorToken(err error) (token []byte, retry bool) {
	if l.c.cfg.NoErrorTokens {
		return nil, false
	}
	e := reply.Error{Err: err, Now: l.now, Asked: l.asked, Always: true}
	waits := l.wantsTicket || l.message != nil && e.Waits(l.message)
	retry = waits && !l.retried && (isClockError(err) || status.ReasonOf(err) == status.ReasonUserToUserRequired)
	e.Retry = retry && isClockError(err)
	var krbError []byte
	if waits || l.inSPNEGO { // SPNEGO has an answer to each token
		krbError = l.krbError(&e)
	}
	if !l.inSPNEGO {
		return krbError, retry
	}
	r := spnego.Response{State: spnego.Reject, Token: krbError}
	if retry {
		r.State, r.Mechanism = spnego.AcceptIncomplete, l.negotiation.introduction()
	}
	return r.Append(nil), retry
}

// krbError builds the KRB-ERROR, nil for a token in which there is no AP-REQ and no
// KERB-TGT-REQUEST.
func (l *leg) krbError(e *reply.Error) []byte {
	mechanism := l.mechanism
	if mechanism == nil {
		mechanism = krb5.OIDKerberos
	}
	switch {
	case l.message == nil:
		return nil
	case l.wantsTicket:
		return e.AppendTo(nil, &l.request, mechanism)
	}
	return e.Append(nil, l.message, mechanism)
}

func isClockError(err error) bool {
	switch status.ReasonOf(err) {
	case status.ReasonClockSkew, status.ReasonTicketNotYetValid, status.ReasonBeforeReplayCache:
		return true
	}
	return false
}

// asStatus returns the *status.Error that every error of an exchange wraps.
func asStatus(err error) *status.Error {
	var e *status.Error
	if errors.As(err, &e) && e != nil {
		return e
	}
	return &status.Error{Reason: status.ReasonInternal, Err: err}
}
