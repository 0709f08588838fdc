package sspi

import (
	"reflect"

	"github.com/gosspi/kerberos/status"
)

// SECPKG_ATTR names an attribute of a context.
type SECPKG_ATTR uint32

// Attributes that QueryContextAttributes answers, as in sspi.h.
const (
	SECPKG_ATTR_SIZES                    SECPKG_ATTR = 0  // *SecPkgContext_Sizes
	SECPKG_ATTR_NAMES                    SECPKG_ATTR = 1  // *SecPkgContext_Names
	SECPKG_ATTR_LIFESPAN                 SECPKG_ATTR = 2  // *SecPkgContext_Lifespan
	SECPKG_ATTR_DCE_INFO                 SECPKG_ATTR = 3  // *SecPkgContext_DceInfo
	SECPKG_ATTR_KEY_INFO                 SECPKG_ATTR = 5  // *SecPkgContext_KeyInfo
	SECPKG_ATTR_AUTHORITY                SECPKG_ATTR = 6  // *SecPkgContext_Authority
	SECPKG_ATTR_SESSION_KEY              SECPKG_ATTR = 9  // *SecPkgContext_SessionKey
	SECPKG_ATTR_PACKAGE_INFO             SECPKG_ATTR = 10 // *SecPkgContext_PackageInfo
	SECPKG_ATTR_NEGOTIATION_INFO         SECPKG_ATTR = 12 // *SecPkgContext_NegotiationInfo
	SECPKG_ATTR_NATIVE_NAMES             SECPKG_ATTR = 13 // *SecPkgContext_NativeNames
	SECPKG_ATTR_FLAGS                    SECPKG_ATTR = 14 // *SecPkgContext_Flags
	SECPKG_ATTR_CLIENT_SPECIFIED_TARGET  SECPKG_ATTR = 27 // *SecPkgContext_ClientSpecifiedTarget
	SECPKG_ATTR_LAST_CLIENT_TOKEN_STATUS SECPKG_ATTR = 30 // *SecPkgContext_LastClientTokenStatus
)

// ContextAttribute is a pointer to one of the SecPkgContext_ structures of this
// package, and nothing else.
type ContextAttribute interface {
	attribute() SECPKG_ATTR
	query(c *Context) status.Code
}

// QueryContextAttributes tells one attribute of a context. ulAttribute must be
// that of pBuffer's type, else it is SEC_E_INVALID_PARAMETER; an attribute that
// is not answered here is SEC_E_UNSUPPORTED_FUNCTION. Before the context is
// established only PACKAGE_INFO, NEGOTIATION_INFO and LAST_CLIENT_TOKEN_STATUS are
// answered, the others are SEC_E_INVALID_HANDLE.
//
// Among those that are not answered, ACCESS_TOKEN is a handle to an object of
// Windows, and IS_LOOPBACK would say whether the client runs on this machine, which
// an acceptor cannot know.
func QueryContextAttributes(phContext *CtxtHandle, ulAttribute SECPKG_ATTR, pBuffer ContextAttribute) status.Code {
	if phContext == nil || !phContext.live() {
		return status.SEC_E_INVALID_HANDLE
	}
	switch ulAttribute {
	case SECPKG_ATTR_PACKAGE_INFO, SECPKG_ATTR_NEGOTIATION_INFO, SECPKG_ATTR_LAST_CLIENT_TOKEN_STATUS:
	case SECPKG_ATTR_SIZES, SECPKG_ATTR_NAMES, SECPKG_ATTR_LIFESPAN, SECPKG_ATTR_DCE_INFO, SECPKG_ATTR_KEY_INFO,
		SECPKG_ATTR_AUTHORITY, SECPKG_ATTR_SESSION_KEY, SECPKG_ATTR_NATIVE_NAMES, SECPKG_ATTR_FLAGS,
		SECPKG_ATTR_CLIENT_SPECIFIED_TARGET:
		if phContext.c.at() != stateEstablished {
			return status.SEC_E_INVALID_HANDLE
		}
	default:
		return status.SEC_E_UNSUPPORTED_FUNCTION
	}
	if isNil(pBuffer) || pBuffer.attribute() != ulAttribute {
		return status.SEC_E_INVALID_PARAMETER
	}
	return pBuffer.query(phContext.c)
}

// isNil finds nil pointers in the interface too, and what only embeds it.
func isNil(a ContextAttribute) bool {
	switch a.(type) {
	case *SecPkgContext_Sizes, *SecPkgContext_Names, *SecPkgContext_Lifespan, *SecPkgContext_DceInfo, *SecPkgContext_KeyInfo,
		*SecPkgContext_Authority, *SecPkgContext_SessionKey, *SecPkgContext_PackageInfo, *SecPkgContext_NegotiationInfo,
		*SecPkgContext_NativeNames, *SecPkgContext_Flags, *SecPkgContext_ClientSpecifiedTarget,
		*SecPkgContext_LastClientTokenStatus:
		return reflect.ValueOf(a).IsNil()
	}
	return true
}

func (*SecPkgContext_Sizes) attribute() SECPKG_ATTR           { return SECPKG_ATTR_SIZES }
func (*SecPkgContext_Names) attribute() SECPKG_ATTR           { return SECPKG_ATTR_NAMES }
func (*SecPkgContext_Lifespan) attribute() SECPKG_ATTR        { return SECPKG_ATTR_LIFESPAN }
func (*SecPkgContext_DceInfo) attribute() SECPKG_ATTR         { return SECPKG_ATTR_DCE_INFO }
func (*SecPkgContext_KeyInfo) attribute() SECPKG_ATTR         { return SECPKG_ATTR_KEY_INFO }
func (*SecPkgContext_Authority) attribute() SECPKG_ATTR       { return SECPKG_ATTR_AUTHORITY }
func (*SecPkgContext_SessionKey) attribute() SECPKG_ATTR      { return SECPKG_ATTR_SESSION_KEY }
func (*SecPkgContext_PackageInfo) attribute() SECPKG_ATTR     { return SECPKG_ATTR_PACKAGE_INFO }
func (*SecPkgContext_NegotiationInfo) attribute() SECPKG_ATTR { return SECPKG_ATTR_NEGOTIATION_INFO }
func (*SecPkgContext_NativeNames) attribute() SECPKG_ATTR     { return SECPKG_ATTR_NATIVE_NAMES }
func (*SecPkgContext_Flags) attribute() SECPKG_ATTR           { return SECPKG_ATTR_FLAGS }
func (*SecPkgContext_ClientSpecifiedTarget) attribute() SECPKG_ATTR {
	return SECPKG_ATTR_CLIENT_SPECIFIED_TARGET
}

func (*SecPkgContext_LastClientTokenStatus) attribute() SECPKG_ATTR {
	return SECPKG_ATTR_LAST_CLIENT_TOKEN_STATUS
}
