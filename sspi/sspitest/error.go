package sspitest

import (
	"errors"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"

	"github.com/gosspi/kerberos/internal/krbtest"
)

// Error is a KRB-ERROR: how an acceptor tells a client that it is refused (RFC
// 4120, Section 5.9.1).
type Error struct {
	Code int32     // of RFC 4120, Section 7.5.9, such as 34 for a replay
	Time time.Time // the acceptor's clock

	// Retry: the client may try once more on the same context, by that clock
	// (MS-KILE, Section 2.2.2).
	Retry bool
}

// Error returns the code with its name.
func (e *Error) Error() string {
	return "sspitest: the acceptor answered with the KRB-ERROR " + errorcode.Lookup(e.Code)
}

// ParseError reads a token that holds a KRB-ERROR, be it in SPNEGO or not, for
// tests that speak to an acceptor without an [Initiator].
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
		return nil, errors.New("sspitest: the token is no KRB-ERROR")
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

// public is an error of krbtest in the words of this package.
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

// guard makes an error of a panic of krbtest, which panics where it cannot encode
// what it is given.
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
