package sspihttp

import (
	"context"
	"errors"
	"net/http"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// Outcome is the result of processing an Authorization field.
type Outcome uint8

const (
	Challenged Outcome = iota // the field has no credentials for Negotiate
	Continued                 // the client must send the next token of the same context
	Accepted                  // the client is authenticated
	Refused                   // the client is not authenticated; close the context
)

// String returns the outcome's name, such as "accepted".
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

// Result is the result of processing one Authorization field. The zero Result admits no
// client.
type Result struct {
	Outcome Outcome
	// Header is the value of the response's WWW-Authenticate field. If it is empty, the
	// response has no such field. Send it with every Outcome: with Accepted, it proves the
	// server's identity to the client.
	Header string
	// Peer is the client if the Outcome is Accepted, else nil.
	Peer *sspi.Peer
	// Err is the reason if the Outcome is Refused, else nil. It is, or wraps, a
	// *status.Error. It is for the operator: do not send it to the client.
	Err error

	unrecorded bool // the acceptor has no record of this refusal
}

// StatusCode returns the status code of the HTTP response: 200 if the client is accepted,
// and 401 if the client should send a token or a different token. It returns 500 for errors
// of this server, such as a missing key, and 503 for errors of this server that may end
// without an administrator.
func (r Result) StatusCode() int {
	switch r.Outcome {
	case Accepted:
		return http.StatusOK
	case Refused:
		return refusalCode(r.Err)
	}
	return http.StatusUnauthorized
}

// refusalCode returns a 5xx code for errors that the client cannot correct, because some
// clients retry a 401 endlessly.
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

// Step passes the value of an Authorization field to c, the exchange with this client, and
// returns the response. Step implements RFC 4559 except for its rules about connections.
//
// Step is for servers that are not net/http but carry the Negotiate scheme in a header:
// HTTP servers such as fasthttp, and gRPC, where the field is the "authorization" key of
// the incoming metadata, Result.Header is the key "www-authenticate" of the response's
// header or trailer, and codes.Unauthenticated takes the place of 401. gRPC and HTTP/2
// servers must refuse Continued, because they do not keep the requests of a connection in
// order. For net/http and routers built on it, use [Middleware].
//
// After Continued, the caller must keep c for the next request of the same client on the
// same connection, and must not use c for any other request. The caller must close c in the
// end. A field of an unknown scheme and an empty field leave c unchanged. Step refuses the
// schemes NTLM and Kerberos, which the server did not offer.
//
// A token must be complete: Step refuses fragments of SPNEGO tokens. It refuses a token that
// is longer than the acceptor's MaxToken, before it decodes the token unless the token is
// only one or two bytes too long.
//
// Each refusal has one record: [sspi.Context.Accept] reports a refused token, and Step
// reports a field without a token by [sspi.Acceptor.Report]. The record of Step has no
// client address.
func Step(ctx context.Context, c *sspi.Context, authorization string) Result {
	res := step(ctx, c, authorization)
	if res.unrecorded {
		if e, ok := errors.AsType[*status.Error](res.Err); ok {
			c.Acceptor().Report(ctx, sspi.Event{Err: e})
		}
	}
	return res
}

// step implements Step without reporting. It marks a Result of which Accept has no record
// as unrecorded.
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
		return refused(nil, malformed("the token in the Authorization field is incomplete")).withoutRecord()
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

// refused returns the Result of a refusal. It challenges the client again, unless the
// client cannot correct the error.
func refused(reply []byte, err error) Result {
	r := Result{Outcome: Refused, Err: err}
	if r.StatusCode() == http.StatusUnauthorized {
		r.Header = challenge(reply)
	}
	return r
}
