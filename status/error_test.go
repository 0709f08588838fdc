package status

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
)

type continueError struct{}

func (continueError) Error() string { return "kerberos: another token is needed" }
func (continueError) Code() Code    { return SEC_I_CONTINUE_NEEDED }

// carrier is an error that wraps another with the same text, as ticket.Refused does.
type carrier struct{ error }

func (c carrier) Unwrap() error { return c.error }

type liar struct{ error }

func (liar) Code() Code { return SEC_E_OK }

func TestCodeOfAndReasonOf(t *testing.T) {
	replay := &Error{Reason: ReasonReplay, Detail: "x"}
	for _, c := range []struct {
		name   string
		err    error
		code   Code
		reason Reason
	}{
		{"nil", nil, SEC_E_OK, ReasonNone},
		{"an error", replay, SEC_E_LOGON_DENIED, ReasonReplay},
		{"wrapped", fmt.Errorf("login of %s: %w", "bob", replay), SEC_E_LOGON_DENIED, ReasonReplay},
		{"joined", errors.Join(io.EOF, replay), SEC_E_LOGON_DENIED, ReasonReplay},
		{"the outer one counts", &Error{Reason: ReasonReplayCacheFailed, Err: replay}, SEC_E_INTERNAL_ERROR, ReasonReplayCacheFailed},
		{"of a code", SEC_E_BUFFER_TOO_SMALL.Err(), SEC_E_BUFFER_TOO_SMALL, ReasonNone},
		{"continue", continueError{}, SEC_I_CONTINUE_NEEDED, ReasonNone},
		{"continue, wrapped", fmt.Errorf("%w", continueError{}), SEC_I_CONTINUE_NEEDED, ReasonNone},
		{"foreign", io.ErrUnexpectedEOF, SEC_E_INTERNAL_ERROR, ReasonInternal},
		{"of a context", context.Canceled, SEC_E_INTERNAL_ERROR, ReasonInternal},
		// An error is never a success, whatever its Code method returns.
		{"says it is none", liar{io.EOF}, SEC_E_INTERNAL_ERROR, ReasonInternal},
		{"zero", &Error{}, SEC_E_INTERNAL_ERROR, ReasonNone},
		{"nil in an interface", (*Error)(nil), SEC_E_INTERNAL_ERROR, ReasonInternal},
		{"code and reason", &Error{Reason: ReasonReplay, code: SEC_E_INVALID_TOKEN}, SEC_E_LOGON_DENIED, ReasonReplay},
		{"code of success", &Error{code: SEC_I_CONTINUE_NEEDED}, SEC_E_INTERNAL_ERROR, ReasonNone},
	} {
		if got := CodeOf(c.err); got != c.code {
			t.Errorf("%s: CodeOf = %v, want %v", c.name, got, c.code)
		}
		if got := ReasonOf(c.err); got != c.reason {
			t.Errorf("%s: ReasonOf = %v, want %v", c.name, got, c.reason)
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		err  *Error
		want string
	}{
		{&Error{Reason: ReasonWrongVersion}, "kerberos: wrong-version (" + ReasonWrongVersion.Help() + ")"},
		{&Error{Reason: ReasonWrongVersion, Detail: "pvno 4"}, "kerberos: wrong-version (" + ReasonWrongVersion.Help() + "): pvno 4"},
		{&Error{Reason: ReasonNoKey, Detail: "d", Err: io.EOF}, "kerberos: no-key (" + ReasonNoKey.Help() + "): d: EOF"},
		{
			&Error{Reason: ReasonNoKey, Err: SEC_E_INVALID_HANDLE.Err()},
			"kerberos: no-key (" + ReasonNoKey.Help() + "): SEC_E_INVALID_HANDLE",
		},
		// The text contains the help of a Reason once, also if a type of another package
		// wraps the cause.
		{
			&Error{Reason: ReasonReplay, Detail: "d", Err: &Error{Reason: ReasonReplay, Detail: "e", Err: io.EOF}},
			"kerberos: replay (" + ReasonReplay.Help() + "): d: e: EOF",
		},
		{
			&Error{Reason: ReasonReplay, Detail: "d", Err: carrier{&Error{Reason: ReasonReplay, Detail: "e"}}},
			"kerberos: replay (" + ReasonReplay.Help() + "): d: e",
		},
		{
			&Error{Reason: ReasonReplay, Detail: "d", Err: &Error{Reason: ReasonReplay}},
			"kerberos: replay (" + ReasonReplay.Help() + "): d",
		},
		{
			&Error{Reason: ReasonReplay, Detail: "d", Err: fmt.Errorf("cache: %w", &Error{Reason: ReasonReplay})},
			"kerberos: replay (" + ReasonReplay.Help() + "): d: cache: kerberos: replay",
		},
		{
			&Error{Reason: ReasonReplay, Err: &Error{Reason: ReasonCanceled}},
			"kerberos: replay (" + ReasonReplay.Help() + "): canceled (" + ReasonCanceled.Help() + ")",
		},
		{&Error{Err: (*Error)(nil)}, "kerberos: SEC_E_INTERNAL_ERROR: SEC_E_INTERNAL_ERROR"},
		{&Error{}, "kerberos: SEC_E_INTERNAL_ERROR"},
		{nil, "kerberos: SEC_E_INTERNAL_ERROR"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}

func TestErrorIsAndAs(t *testing.T) {
	err := fmt.Errorf("x: %w", &Error{Reason: ReasonReplayCacheFailed, Detail: "redis", Err: context.DeadlineExceeded})
	for _, c := range []struct {
		name   string
		target error
		want   bool
	}{
		{"its reason", &Error{Reason: ReasonReplayCacheFailed}, true},
		{"another reason", &Error{Reason: ReasonReplay}, false},
		{"another reason of its code", &Error{Reason: ReasonInternal}, false},
		{"its code", SEC_E_INTERNAL_ERROR.Err(), true},
		{"another code", SEC_E_LOGON_DENIED.Err(), false},
		{"its cause", context.DeadlineExceeded, true},
		{"the zero error", &Error{}, false},
		{"a target with a detail", &Error{Reason: ReasonReplayCacheFailed, Detail: "redis"}, false},
		{"a target with a cause", &Error{Reason: ReasonReplayCacheFailed, Err: io.EOF}, false},
		{"a nil target", (*Error)(nil), false},
		{"foreign", io.EOF, false},
	} {
		if got := errors.Is(err, c.target); got != c.want {
			t.Errorf("%s: Is = %v", c.name, got)
		}
	}
	var e *Error
	if !errors.As(err, &e) || e.Detail != "redis" {
		t.Errorf("As: %v", e)
	}
	if err := (*Error)(nil).Unwrap(); err != nil {
		t.Errorf("nil.Unwrap() = %v", err)
	}
}
