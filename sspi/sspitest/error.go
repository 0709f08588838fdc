package sspitest

import (
	"errors"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"

	"github.com/gosspi/kerberos/internal/krbtest"
)

// Error is a KRB-ERROR, with which an acceptor refuses a client (RFC 4120, Section 5.9.1).
type Error struct {
	Code int32     // the error code (RFC 4120, Section 7.5.9), such as 34 for a replay
	Time time.Time // the acceptor's clock

	// Retry reports whether the client may try once more on the same context with the time
	// of the acceptor's clock (MS-KILE, Section 2.2.2).
	Retry bool
}

// Error returns a text with the code and its name.
func (e *Error) Error() string {
	return "sspitest: the acceptor answered with the KRB-ERROR " + errorcode.Lookup(e.Code)
}

// ParseError returns the KRB-ERROR in a token, which may be a SPNEGO token. It is for tests
// that talk to an acceptor without an [Initiator].
func ParseError(token []byte) (*Error, error) {
	if len(token) > 0 && token[0] == 0xa1 { // NegTokenResp
		t, err := krbtest.ParseNegTokenResp(token)
		if err != nil {
			return nil, public(err)
		}
		token = t.Token
	}
	id, inner, err := krbtest.Unframe(token, krbtest.OIDKerberos)
	if err != nil {
		return nil, public(err)
	}
	if id != krbtest.TokError {
		return nil, errors.New("sspitest: the token does not contain a KRB-ERROR")
	}
	e, err := krbtest.ParseError(inner)
	if err != nil {
		return nil, public(err)
	}
	return fromKRBError(e), nil
}

func fromKRBError(e *krbtest.Error) *Error {
	return &Error{Code: e.ErrorCode, Time: e.Time(), Retry: e.Recoverable()}
}

// public converts an error of krbtest to an error of this package.
func public(err error) error {
	var refused *krbtest.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return fromKRBError(refused)
	case err == krbtest.ErrState:
		return errState()
	}
	text, ok := strings.CutPrefix(err.Error(), "krbtest: ")
	if !ok {
		return err
	}
	return errors.New("sspitest: " + text)
}

// guard calls f and returns an error if krbtest panics in f. krbtest panics if it cannot
// encode its arguments.
func guard(f func()) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		text, _ := p.(string)
		detail, ok := strings.CutPrefix(text, "krbtest: ")
		if !ok {
			panic(p)
		}
		err = argument(detail)
	}()
	f()
	return nil
}
