package status

import "fmt"

// Code is a SECURITY_STATUS, the result of an SSPI call, with the number that Windows
// gives it. Code is not an error type, because SEC_E_OK and SEC_I_CONTINUE_NEEDED are
// Codes too; [Code.Err] converts a Code to an error.
type Code uint32

// The codes that the functions of package sspi return, and those that the page on
// AcceptSecurityContext (Kerberos) lists, in numeric order, with the values of
// winerror.h.
const (
	SEC_E_OK                    Code = 0x00000000 // the call succeeded; send the output token, if any
	SEC_I_CONTINUE_NEEDED       Code = 0x00090312 // send the output token, if any, and call again with the peer's answer
	SEC_I_COMPLETE_NEEDED       Code = 0x00090313 // never returned: Kerberos tokens are complete
	SEC_I_COMPLETE_AND_CONTINUE Code = 0x00090314 // never returned: Kerberos tokens are complete

	SEC_E_INSUFFICIENT_MEMORY         Code = 0x80090300 // the replay cache has no room for another record
	SEC_E_INVALID_HANDLE              Code = 0x80090301 // the handle is zero, deleted, failed or not ready for this call
	SEC_E_UNSUPPORTED_FUNCTION        Code = 0x80090302 // the function or option is not supported
	SEC_E_TARGET_UNKNOWN              Code = 0x80090303 // the client named no target
	SEC_E_INTERNAL_ERROR              Code = 0x80090304 // an error on this side that has no code of its own
	SEC_E_SECPKG_NOT_FOUND            Code = 0x80090305 // no security package has that name
	SEC_E_INVALID_TOKEN               Code = 0x80090308 // the token is malformed, or the buffer for it is missing
	SEC_E_QOP_NOT_SUPPORTED           Code = 0x8009030A // the client did not negotiate the requested protection
	SEC_E_NO_IMPERSONATION            Code = 0x8009030B // the client cannot be impersonated
	SEC_E_LOGON_DENIED                Code = 0x8009030C // the acceptor refused the client's ticket or its proof
	SEC_E_NO_CREDENTIALS              Code = 0x8009030E // the acceptor has no key
	SEC_E_MESSAGE_ALTERED             Code = 0x8009030F // a message or its signature was changed
	SEC_E_OUT_OF_SEQUENCE             Code = 0x80090310 // a message or a call is out of order, or a duplicate
	SEC_E_NO_AUTHENTICATING_AUTHORITY Code = 0x80090311 // no domain controller could be reached
	SEC_E_CONTEXT_EXPIRED             Code = 0x80090317 // the context's ticket has expired; AcceptSecurityContext never returns this code
	SEC_E_BUFFER_TOO_SMALL            Code = 0x80090321 // a buffer is too small; the call changed nothing
	SEC_E_TIME_SKEW                   Code = 0x80090324 // the clocks of client and server differ too much
	SEC_E_SECURITY_QOS_FAILED         Code = 0x80090332 // the client did not request a property that this server requires
	SEC_E_BAD_BINDINGS                Code = 0x80090346 // the channel bindings differ, or the client did not send required bindings
	SEC_E_INVALID_PARAMETER           Code = 0x8009035D // an argument is invalid
)

var codeNames = map[Code]string{
	SEC_E_OK:                          "SEC_E_OK",
	SEC_I_CONTINUE_NEEDED:             "SEC_I_CONTINUE_NEEDED",
	SEC_I_COMPLETE_NEEDED:             "SEC_I_COMPLETE_NEEDED",
	SEC_I_COMPLETE_AND_CONTINUE:       "SEC_I_COMPLETE_AND_CONTINUE",
	SEC_E_INSUFFICIENT_MEMORY:         "SEC_E_INSUFFICIENT_MEMORY",
	SEC_E_INVALID_HANDLE:              "SEC_E_INVALID_HANDLE",
	SEC_E_UNSUPPORTED_FUNCTION:        "SEC_E_UNSUPPORTED_FUNCTION",
	SEC_E_TARGET_UNKNOWN:              "SEC_E_TARGET_UNKNOWN",
	SEC_E_INTERNAL_ERROR:              "SEC_E_INTERNAL_ERROR",
	SEC_E_SECPKG_NOT_FOUND:            "SEC_E_SECPKG_NOT_FOUND",
	SEC_E_INVALID_TOKEN:               "SEC_E_INVALID_TOKEN",
	SEC_E_QOP_NOT_SUPPORTED:           "SEC_E_QOP_NOT_SUPPORTED",
	SEC_E_NO_IMPERSONATION:            "SEC_E_NO_IMPERSONATION",
	SEC_E_LOGON_DENIED:                "SEC_E_LOGON_DENIED",
	SEC_E_NO_CREDENTIALS:              "SEC_E_NO_CREDENTIALS",
	SEC_E_MESSAGE_ALTERED:             "SEC_E_MESSAGE_ALTERED",
	SEC_E_OUT_OF_SEQUENCE:             "SEC_E_OUT_OF_SEQUENCE",
	SEC_E_NO_AUTHENTICATING_AUTHORITY: "SEC_E_NO_AUTHENTICATING_AUTHORITY",
	SEC_E_CONTEXT_EXPIRED:             "SEC_E_CONTEXT_EXPIRED",
	SEC_E_BUFFER_TOO_SMALL:            "SEC_E_BUFFER_TOO_SMALL",
	SEC_E_TIME_SKEW:                   "SEC_E_TIME_SKEW",
	SEC_E_SECURITY_QOS_FAILED:         "SEC_E_SECURITY_QOS_FAILED",
	SEC_E_BAD_BINDINGS:                "SEC_E_BAD_BINDINGS",
	SEC_E_INVALID_PARAMETER:           "SEC_E_INVALID_PARAMETER",
}

// String returns the name in sspi.h, or "SECURITY_STATUS(0x8009....)" for a code that is
// not among the constants above.
func (c Code) String() string {
	if name, ok := codeNames[c]; ok {
		return name
	}
	return fmt.Sprintf("SECURITY_STATUS(0x%08X)", uint32(c))
}

// IsError reports whether c is the code of a failed call: its high bit is set. SEC_E_OK
// and the SEC_I_ codes are not errors.
func (c Code) IsError() bool { return c&0x80000000 != 0 }

// Err returns an [*Error] whose Code is c and that has no Reason, or nil if c is not the
// code of a failed call.
func (c Code) Err() error {
	if !c.IsError() {
		return nil
	}
	return &Error{code: c}
}
