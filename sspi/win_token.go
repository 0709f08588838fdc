package sspi

import "github.com/gosspi/kerberos/status"

// AccessToken is the type of Windows' access token, which holds the SIDs of a client's PAC.
// This package reads no PAC and makes no AccessToken.
type AccessToken struct{ _ struct{} }

// QuerySecurityContextToken never returns an access token, because the package reads no PAC.
// It returns SEC_E_UNSUPPORTED_FUNCTION on an established context, or
// SEC_E_INVALID_PARAMETER if Token is nil, and SEC_E_INVALID_HANDLE on every other handle.
// *Token is nil after every call. [Context.Peer] returns the client, without SIDs.
func QuerySecurityContextToken(phContext *CtxtHandle, Token **AccessToken) status.Code {
	if Token != nil {
		*Token = nil
	}
	if _, code := phContext.context(); code != status.SEC_E_OK {
		return code
	}
	if Token == nil {
		return status.SEC_E_INVALID_PARAMETER
	}
	return status.SEC_E_UNSUPPORTED_FUNCTION
}

// ImpersonateSecurityContext never succeeds: a goroutine has no identity that could change,
// and a program that ignored this would run as itself. It returns SEC_E_NO_IMPERSONATION if
// the client delegated no credentials, SEC_E_UNSUPPORTED_FUNCTION if [Context.Delegated]
// returns some, with which the program can act for the client, and SEC_E_INVALID_HANDLE if
// the context is not established.
func ImpersonateSecurityContext(phContext *CtxtHandle) status.Code {
	c, code := phContext.context()
	switch {
	case code != status.SEC_E_OK:
		return code
	case c.Delegated() == nil:
		return status.SEC_E_NO_IMPERSONATION
	}
	return status.SEC_E_UNSUPPORTED_FUNCTION
}

// RevertSecurityContext reverts nothing. It returns SEC_E_OK on an established context,
// SEC_E_INVALID_HANDLE otherwise.
func RevertSecurityContext(phContext *CtxtHandle) status.Code {
	_, code := phContext.context()
	return code
}
