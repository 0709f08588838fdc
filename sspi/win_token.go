package sspi

import "github.com/gosspi/kerberos/status"

// AccessToken stands for what Windows makes of a client's PAC: its SIDs. There is
// none without a PAC, and PACs are not read yet.
type AccessToken struct{ _ struct{} }

// QuerySecurityContextToken would give the client's access token. No PAC is read, so
// that there is none: on an established context it is SEC_E_UNSUPPORTED_FUNCTION, or
// SEC_E_INVALID_PARAMETER if Token is nil; on every other handle SEC_E_INVALID_HANDLE.
// *Token is nil after every call. [Context.Peer] says who the client is, without SIDs.
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

// ImpersonateSecurityContext never succeeds: a goroutine has no identity of its own
// that could be exchanged, and a program that went on as if it had would run as
// itself. SEC_E_NO_IMPERSONATION: the client delegated nothing.
// SEC_E_UNSUPPORTED_FUNCTION: it did, and [Context.Delegated] is the way to act for it.
// SEC_E_INVALID_HANDLE: the context is not established.
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

// RevertSecurityContext has nothing to revert: SEC_E_OK on an established context,
// SEC_E_INVALID_HANDLE otherwise.
func RevertSecurityContext(phContext *CtxtHandle) status.Code {
	_, code := phContext.context()
	return code
}
