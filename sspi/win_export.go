package sspi

import "github.com/gosspi/kerberos/status"

// SECPKG_CONTEXT_EXPORT_DELETE_OLD is the only value of ExportSecurityContext's fFlags: the
// context ends in this process.
const SECPKG_CONTEXT_EXPORT_DELETE_OLD = 0x00000002

// ExportSecurityContext is [Context.Export]: it takes an established context out of
// this process and makes phContext and its copies invalid. fFlags must be
// SECPKG_CONTEXT_EXPORT_DELETE_OLD: a context that lives on beside its export, or that
// is reset, would use sequence numbers twice, and is SEC_E_UNSUPPORTED_FUNCTION.
// pPackedContext receives the bytes in a buffer of its own. *pToken, if pToken is not
// nil, is nil: there is no access token without the operating system's.
//
// SEC_E_UNSUPPORTED_FUNCTION: also without Config.ExportKey. SEC_E_INVALID_HANDLE: the
// context is not established. SEC_E_INVALID_PARAMETER: pPackedContext is nil. The context
// is as before then.
func ExportSecurityContext(phContext *CtxtHandle, fFlags uint32, pPackedContext *SecBuffer, pToken **AccessToken) status.Code {
	c, code := phContext.context()
	switch {
	case code != status.SEC_E_OK:
		return code
	case pPackedContext == nil:
		return status.SEC_E_INVALID_PARAMETER
	case fFlags != SECPKG_CONTEXT_EXPORT_DELETE_OLD:
		return status.SEC_E_UNSUPPORTED_FUNCTION
	}
	packed, err := c.Export()
	if err != nil {
		return status.CodeOf(err)
	}
	pPackedContext.Buffer = packed
	if pToken != nil {
		*pToken = nil
	}
	return status.SEC_E_OK
}

// ImportSecurityContext is [Acceptor.Import], with Config.BackendTimeout for the replay
// cache. Token is the credentials whose Config.ExportKey opens pPackedContext, whose bytes
// are neither kept nor modified. pszPackage is the package that the context was accepted
// with. phContext receives a handle that is due for DeleteSecurityContext, and the zero
// handle on failure.
//
// SEC_E_INVALID_HANDLE: Token is invalid, or phContext nil. SEC_E_SECPKG_NOT_FOUND: no
// such package. SEC_E_UNSUPPORTED_FUNCTION: there is no Config.ExportKey.
// SEC_E_INVALID_TOKEN: pPackedContext is missing, not of this key, or of another package.
// SEC_E_LOGON_DENIED: it was imported before, or its key is of a type that is not
// permitted. SEC_E_CONTEXT_EXPIRED: it was exported too long ago.
func ImportSecurityContext(pszPackage Package, pPackedContext *SecBuffer, Token *CredHandle, phContext *CtxtHandle) status.Code {
	if phContext == nil {
		return status.SEC_E_INVALID_HANDLE
	}
	*phContext = CtxtHandle{}
	info, ok := lookupPackage(pszPackage)
	switch {
	case !ok:
		return status.SEC_E_SECPKG_NOT_FOUND
	case Token == nil || !Token.valid():
		return status.SEC_E_INVALID_HANDLE
	case pPackedContext == nil:
		return status.SEC_E_INVALID_TOKEN
	}
	ctx, cancel := Token.c.acceptor.backendContext()
	defer cancel()
	c, err := Token.c.acceptor.importAs(ctx, info.Name, pPackedContext.Buffer)
	if err != nil {
		return status.CodeOf(err)
	}
	*phContext = CtxtHandle{c}
	return status.SEC_E_OK
}
