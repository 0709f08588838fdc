package status

import (
	"errors"
	"strings"
)

// Error is why a token, a message or a call was refused. Its fields are set by
// whoever makes it and not changed afterwards; it is then safe for concurrent
// use.
//
// The text of an Error is for the operator. Detail holds no secrets, and bytes
// that a peer chose only quoted and cut to a bounded length; whoever sets Err
// vouches for its text likewise.
type Error struct {
	Reason Reason
	Detail string // such as "ticket kvno 5, keytab has 3 and 4"; may be empty
	Err    error  // the cause, may be nil

	code Code // for Code.Err alone, where there is no Reason to look it up by
}

// Code returns what an SSPI caller sees: the Reason's code, or, in an Error
// that [Code.Err] made, that code. It always is an error.
func (e *Error) Code() Code {
	if e == nil {
		return SEC_E_INTERNAL_ERROR
	}
	if e.Reason == ReasonNone && e.code.IsError() {
		return e.code
	}
	return e.Reason.Code()
}

const prefix = "kerberos: "

// Error returns "kerberos: label (help): detail: cause", less what is missing;
// without a Reason the code's name stands for the label.
func (e *Error) Error() string {
	if e == nil {
		return prefix + SEC_E_INTERNAL_ERROR.String()
	}
	var b strings.Builder
	b.WriteString(prefix)
	if e.Reason == ReasonNone {
		b.WriteString(e.Code().String())
	} else {
		b.WriteString(e.Reason.String())
		b.WriteString(" (")
		b.WriteString(e.Reason.Help())
		b.WriteByte(')')
	}
	if e.Detail != "" {
		b.WriteString(": ")
		b.WriteString(e.Detail)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(strings.TrimPrefix(e.Err.Error(), prefix))
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Is makes errors.Is match by class, where target is a bare Error:
//
//	errors.Is(err, &status.Error{Reason: status.ReasonReplay})
//	errors.Is(err, status.SEC_E_LOGON_DENIED.Err())
//
// The first matches every Error of that Reason, the second every Error of that
// code. A target with a Detail or a cause matches only itself.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	if !ok || e == nil || t == nil || t.Detail != "" || t.Err != nil {
		return false
	}
	if t.Reason == ReasonNone {
		return e.Code() == t.code
	}
	return e.Reason == t.Reason
}

// coder is an error that knows its code: an *Error, or sspi.ErrContinue.
type coder interface {
	error
	Code() Code
}

// CodeOf returns the SECURITY_STATUS for err: SEC_E_OK for nil, otherwise that
// of the first error in its tree with a method Code() status.Code, which is
// SEC_I_CONTINUE_NEEDED for sspi.ErrContinue, and SEC_E_INTERNAL_ERROR if there
// is none. It is SEC_E_OK for nil alone.
func CodeOf(err error) Code {
	if err == nil {
		return SEC_E_OK
	}
	if c, ok := errors.AsType[coder](err); ok {
		if code := c.Code(); code != SEC_E_OK {
			return code
		}
	}
	return SEC_E_INTERNAL_ERROR
}

// ReasonOf returns why: ReasonNone for nil and for an error that is not a
// refusal (sspi.ErrContinue), the Reason of the first *Error in err's tree, and
// ReasonInternal if there is none.
func ReasonOf(err error) Reason {
	if err == nil {
		return ReasonNone
	}
	if e, ok := errors.AsType[*Error](err); ok && e != nil {
		return e.Reason
	}
	if !CodeOf(err).IsError() {
		return ReasonNone
	}
	return ReasonInternal
}
