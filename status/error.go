package status

import (
	"errors"
	"strings"
)

// Error reports that a token, a message or a call was refused. The function that creates
// an Error sets its fields, and nothing changes them afterwards, so an Error is safe for
// concurrent use.
//
// The text of an Error is for the operator. Detail contains no secrets, and bytes that a
// peer chose only quoted and cut to a bounded length; the same must be true of the text
// of Err.
type Error struct {
	Reason Reason
	Detail string // such as "ticket kvno 5, keytab has 3 and 4"; may be empty
	Err    error  // the cause; may be nil

	code Code // set by Code.Err only; counts if Reason is ReasonNone
}

// Code returns the SECURITY_STATUS of the Reason, or the Code from which [Code.Err] made
// the Error. It is always the code of a failed call.
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

// Error returns "kerberos: label (help): detail: cause", without the parts that are
// empty. An Error without a Reason has the name of its code in place of label and help.
// If the cause is an Error of the same Reason, its label and help are not repeated.
func (e *Error) Error() string {
	if e == nil {
		return prefix + SEC_E_INTERNAL_ERROR.String()
	}
	var b strings.Builder
	b.WriteString(prefix)
	b.WriteString(e.title())
	for _, part := range [...]string{e.Detail, e.cause()} {
		if part != "" {
			b.WriteString(": ")
			b.WriteString(part)
		}
	}
	return b.String()
}

// title returns the Reason's label and help, or the code's name if e has no Reason.
func (e *Error) title() string {
	if e.Reason == ReasonNone {
		return e.Code().String()
	}
	return e.Reason.String() + " (" + e.Reason.Help() + ")"
}

// cause returns the text of e.Err without the prefix, and, if its Reason is the same as
// e's Reason, without the title or at least without the help.
func (e *Error) cause() string {
	if e.Err == nil {
		return ""
	}
	text := strings.TrimPrefix(e.Err.Error(), prefix)
	if e.Reason == ReasonNone || ReasonOf(e.Err) != e.Reason {
		return text
	}
	if rest, ok := strings.CutPrefix(text, e.title()); ok {
		return strings.TrimPrefix(rest, ": ")
	}
	return strings.ReplaceAll(text, " ("+e.Reason.Help()+")", "")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Is lets errors.Is match Errors by Reason or by code, if target has no Detail and no
// cause:
//
//	errors.Is(err, &status.Error{Reason: status.ReasonReplay})
//	errors.Is(err, status.SEC_E_LOGON_DENIED.Err())
//
// The first target matches every Error of that Reason, the second matches every Error of
// that code. A target with a Detail or a cause matches only itself.
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

// coder is an error with a SECURITY_STATUS: an *Error or sspi.ErrContinue.
type coder interface {
	error
	Code() Code
}

// CodeOf returns the SECURITY_STATUS for err. For nil, and only for nil, that is
// SEC_E_OK. Otherwise CodeOf returns the code of the first error in err's tree that has a
// method Code() status.Code, such as SEC_I_CONTINUE_NEEDED for sspi.ErrContinue, or
// SEC_E_INTERNAL_ERROR if no error in the tree has that method.
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

// ReasonOf returns the Reason of the first *Error in err's tree. It returns ReasonNone
// for nil and for an error that is not a refusal (sspi.ErrContinue), and ReasonInternal
// for any other error without an *Error in its tree.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok && e != nil {
		return e.Reason
	}
	if !CodeOf(err).IsError() {
		return ReasonNone
	}
	return ReasonInternal
}
