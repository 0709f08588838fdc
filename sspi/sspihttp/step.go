package sspihttp

import (
	"context"
	"errors"
	"net/http"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// Outcome is what came of an Authorization field.
type Outcome uint8

const (
	Challenged Outcome = iota // there was nothing for Negotiate in it
	Continued                 // the client must send another token, with the same context
	Accepted                  // the client is proven
	Refused                   // it is not; the context is of no more use
)

// String is the outcome's name, such as "accepted".
func (o Outcome) String() string {
	switch o {
	case Challenged:
		return "challenged"
	case Continued:
		return "continued"
	case Accepted:
		return "accepted"
	case Refused:
		return "refused"
	}
	return "unknown"
}

// Result is what came of one Authorization field. The zero Result lets nobody in.
type Result struct {
	Outcome Outcome
	// Header is to be sent as WWW-Authenticate if it is not empty, whatever the
	// outcome is: when the client is accepted, it proves the server to the client.
	Header string
	// Peer is the client, if the outcome is Accepted; else nil.
	Peer *sspi.Peer
	// Err says why, if the outcome is Refused; else nil. It is, or wraps, a *status.Error.
	// It is for the operator and not for the client.
	Err error

	unrecorded bool // a refusal that the acceptor has no record of
}

// StatusCode is the status of the HTTP response: 200 if the client is accepted, 401
// if it has to send a token, or a better one. A refusal that is this server's fault, as
// one without keys is, has 500, or 503 where it may pass by itself.
func (r Result) StatusCode() int {
	switch r.Outcome {
	case Accepted:
		return http.StatusOK
	case Refused:
		return refusalCode(r.Err)
	}
	return http.StatusUnauthorized
}

// refusalCode keeps what the client cannot mend from sending it in circles.
func refusalCode(err error) int {
	switch status.ReasonOf(err) {
	case status.ReasonNoKey, status.ReasonNoCredentials, status.ReasonArgument, status.ReasonContextState,
		status.ReasonInvalidHandle, status.ReasonInternal, status.ReasonBindingUnknown, status.ReasonNone:
		return http.StatusInternalServerError
	case status.ReasonReplayCacheFull, status.ReasonReplayCacheShare, status.ReasonReplayCacheFailed, status.ReasonCanceled:
		return http.StatusServiceUnavailable
	}
	return http.StatusUnauthorized
}

// Step gives c, the exchange with this client, the next Authorization field's value,
// and says what to answer. It is all of RFC 4559 that is not about connections.
//
// The caller keeps c after Continued, for the next request of the same client on the
// same connection and for no other; and closes it in the end. A field of another
// scheme, or none, leaves c as it is. NTLM and Kerberos as schemes are refused: they
// were not offered.
//
// A token comes in one piece: Negotiate's fragments, which other protocols need, are
// refused. A token longer than the acceptor's MaxToken is refused before it is read,
// and, but for a byte or two, before it is decoded.
//
// Each refusal has one record, of [sspi.Context.Accept], or, for a field that has no token
// to accept, of Step itself by [sspi.Acceptor.Report].
func Step(ctx context.Context, c *sspi.Context, authorization string) Result {
	res := step(ctx, c, authorization)
	if res.unrecorded {
		if e, ok := errors.AsType[*status.Error](res.Err); ok {
			c.Acceptor().Report(ctx, sspi.Event{Err: e})
		}
	}
	return res
}

// step is Step without its own record: a Result that is unrecorded is one that Accept has
// no record of.
func step(ctx context.Context, c *sspi.Context, authorization string) Result {
	token, err := tokenOf(authorization, c.MaxToken())
	switch {
	case err != nil:
		return refused(nil, err).withoutRecord()
	case token == nil:
		return Result{Header: challenge(nil)}
	}
	reply, peer, err := c.Accept(ctx, token)
	switch {
	case err == sspi.ErrContinue && len(reply) == 0:
		return refused(nil, malformed("the token in the Authorization field is cut")).withoutRecord()
	case err == sspi.ErrContinue:
		return Result{Outcome: Continued, Header: challenge(reply)}
	case err != nil:
		return refused(reply, err)
	}
	r := Result{Outcome: Accepted, Peer: peer}
	if len(reply) > 0 {
		r.Header = challenge(reply)
	}
	return r
}

func (r Result) withoutRecord() Result {
	r.unrecorded = true
	return r
}

// refused challenges the client again, but for what it cannot mend.
func refused(reply []byte, err error) Result {
	r := Result{Outcome: Refused, Err: err}
	if r.StatusCode() == http.StatusUnauthorized {
		r.Header = challenge(reply)
	}
	return r
}
