package sspi

import "github.com/gosspi/kerberos/status"

// QuerySecurityContextToken returns the access token of an established context, which
// [Context.Peer] has too: the SIDs, groups and claims of the client's verified PAC. Unlike
// Windows' token it is a Go value; nothing has to be closed. It returns
// SEC_E_UNSUPPORTED_FUNCTION if the client has no [Account], so that there is no token by which
// access could be decided, SEC_E_INVALID_PARAMETER if Token is nil, and SEC_E_INVALID_HANDLE if
// the context is not established. *Token is nil unless SEC_E_OK is returned.
func QuerySecurityContextToken(phContext *CtxtHandle, Token **AccessToken) status.Code {
	if Token != nil {
		*Token = nil
	}
	c, code := phContext.context()
	switch {
	case code != status.SEC_E_OK:
		return code
	case Token == nil:
		return status.SEC_E_INVALID_PARAMETER
	case c.Peer().AccessToken.Err() != nil:
		return status.SEC_E_UNSUPPORTED_FUNCTION
	}
	*Token = c.Peer().AccessToken
	return status.SEC_E_OK
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
