package sspi

import (
	"reflect"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/etype"
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

// QueryContextAttributes returns one attribute of a context. ulAttribute must be
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

// isNil reports whether a is nil, holds a nil pointer, or only embeds a ContextAttribute.
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

// SecPkgContext_Names holds the client's account as DOMAIN\name or, if the client has no
// Account, its principal, for display.
type SecPkgContext_Names struct{ UserName string }

// SecPkgContext_NativeNames holds the principals of client and service.
type SecPkgContext_NativeNames struct{ ClientName, ServerName string }

// SecPkgContext_Authority holds the realm that authenticated the client.
type SecPkgContext_Authority struct{ AuthorityName string }

// SecPkgContext_DceInfo holds the data by which a server of DCE RPC authorizes the client: the
// principal that identifies it ([Peer.Principal]), in Active Directory that of its account.
// QueryContextAttributes is SEC_E_UNSUPPORTED_FUNCTION for a client that has no such principal.
type SecPkgContext_DceInfo struct {
	AuthzSvc uint32 // RPC_C_AUTHZ_NAME
	Pac      string // with RPC_C_AUTHZ_NAME the client's principal, and no PAC
}

// RPC_C_AUTHZ_NAME of rpcdce.h: authorization is by the client's principal.
// Kerberos has no privilege certificates of DCE (RPC_C_AUTHZ_DCE).
const RPC_C_AUTHZ_NAME = 1

// SecPkgContext_ClientSpecifiedTarget is the service that the client says it asked
// for, with its realm ([Peer.Target]; MS-KILE, Section 3.2.5.8). It is the client's
// word: it may be held against the names of this server, and proves nothing else.
// QueryContextAttributes is SEC_E_TARGET_UNKNOWN, as on Windows, if the client does
// not say. A server that insists must refuse it then.
type SecPkgContext_ClientSpecifiedTarget struct{ TargetName string }

// SecPkgContext_Lifespan holds the times of the ticket, in UTC and without clock skew.
type SecPkgContext_Lifespan struct{ Start, Expiry TimeStamp }

func (b *SecPkgContext_Names) query(c *Context) status.Code {
	b.UserName = c.peer.Client.String()
	if c.peer.Account != nil {
		b.UserName = c.peer.Account.String()
	}
	return status.SEC_E_OK
}

func (b *SecPkgContext_NativeNames) query(c *Context) status.Code {
	b.ClientName, b.ServerName = c.peer.Client.String(), c.peer.Service.String()
	return status.SEC_E_OK
}

func (b *SecPkgContext_Authority) query(c *Context) status.Code {
	b.AuthorityName = c.peer.Client.Realm()
	return status.SEC_E_OK
}

func (b *SecPkgContext_DceInfo) query(c *Context) status.Code {
	principal, err := c.peer.Principal()
	if err != nil {
		return status.SEC_E_UNSUPPORTED_FUNCTION
	}
	b.AuthzSvc, b.Pac = RPC_C_AUTHZ_NAME, principal.String()
	return status.SEC_E_OK
}

func (b *SecPkgContext_ClientSpecifiedTarget) query(c *Context) status.Code {
	if c.peer.Target == "" {
		return status.SEC_E_TARGET_UNKNOWN
	}
	b.TargetName = c.peer.Target
	return status.SEC_E_OK
}

func (b *SecPkgContext_Lifespan) query(c *Context) status.Code {
	b.Start, b.Expiry = timeStamp(c.peer.StartTime), timeStamp(c.peer.EndTime)
	return status.SEC_E_OK
}

// SecPkgContext_Flags are the context's attributes as AcceptSecurityContext
// returned them.
type SecPkgContext_Flags struct{ Flags flags.ASC_RET }

// SecPkgContext_PackageInfo describes the context's package.
type SecPkgContext_PackageInfo struct{ PackageInfo *SecPkgInfo }

// SecPkgContext_NegotiationInfo tells how far the choice of a package is.
type SecPkgContext_NegotiationInfo struct {
	PackageInfo      *SecPkgInfo
	NegotiationState uint32
}

// States of a negotiation, as in sspi.h. An acceptor reports no other state.
const (
	SECPKG_NEGOTIATION_COMPLETE    = 0
	SECPKG_NEGOTIATION_IN_PROGRESS = 2
)

// SecPkgContext_LastClientTokenStatus tells whether the client has sent its last
// token.
type SecPkgContext_LastClientTokenStatus struct {
	LastClientTokenStatus SECPKG_ATTR_LCT_STATUS
}

// SECPKG_ATTR_LCT_STATUS says whether a token was the client's last one.
type SECPKG_ATTR_LCT_STATUS uint32

// Values of a SECPKG_ATTR_LCT_STATUS, as in sspi.h. SecPkgAttrLastClientTokenMaybe (2) does
// not exist here, because an acceptor of Kerberos always knows.
const (
	SecPkgAttrLastClientTokenYes SECPKG_ATTR_LCT_STATUS = 0 // the context is established
	SecPkgAttrLastClientTokenNo  SECPKG_ATTR_LCT_STATUS = 1 // the acceptor expects another token
)

func (b *SecPkgContext_Flags) query(c *Context) status.Code {
	b.Flags = c.peer.Flags | flags.ASC_RET(c.attributes.Load())
	return status.SEC_E_OK
}

func (b *SecPkgContext_PackageInfo) query(c *Context) status.Code {
	info, _ := lookupPackage(c.chosen())
	b.PackageInfo = &info
	return status.SEC_E_OK
}

// chosen returns the package of the exchange: Kerberos after the context is established.
func (c *Context) chosen() Package {
	if c.at() == stateEstablished {
		return Kerberos
	}
	return c.pkg
}

func (b *SecPkgContext_NegotiationInfo) query(c *Context) status.Code {
	info, _ := lookupPackage(c.chosen())
	b.PackageInfo, b.NegotiationState = &info, SECPKG_NEGOTIATION_COMPLETE
	if c.at() != stateEstablished {
		b.NegotiationState = SECPKG_NEGOTIATION_IN_PROGRESS
	}
	return status.SEC_E_OK
}

func (b *SecPkgContext_LastClientTokenStatus) query(c *Context) status.Code {
	b.LastClientTokenStatus = SecPkgAttrLastClientTokenYes
	if c.at() != stateEstablished {
		b.LastClientTokenStatus = SecPkgAttrLastClientTokenNo
	}
	return status.SEC_E_OK
}

// SecPkgContext_Sizes are the sizes of a context's buffers, in bytes.
type SecPkgContext_Sizes struct {
	MaxToken        uint32 // of a token of the exchange
	MaxSignature    uint32 // of MakeSignature's TOKEN; 0 if messages cannot be protected
	BlockSize       uint32 // of PADDING; 1: there is none
	SecurityTrailer uint32 // of EncryptMessage's TOKEN, at most
}

// SecPkgContext_KeyInfo describes the context's key. The algorithms are the
// checksum and encryption types of RFC 3961, KeySize is in bits.
type SecPkgContext_KeyInfo struct {
	SignatureAlgorithmName, EncryptAlgorithmName string
	KeySize                                      uint32
	SignatureAlgorithm, EncryptAlgorithm         uint32
}

// SecPkgContext_SessionKey is the context's key, whole. In place of Windows' length and
// pointer there is a Secret, which prints redacted and whose method Bytes returns a copy.
type SecPkgContext_SessionKey struct{ SessionKey Secret }

func (b *SecPkgContext_SessionKey) query(c *Context) status.Code {
	key, err := c.SessionKey()
	if err != nil {
		return status.CodeOf(err)
	}
	b.SessionKey = NewSecret(key)
	clear(key)
	return status.SEC_E_OK
}

func (b *SecPkgContext_Sizes) query(c *Context) status.Code {
	*b = SecPkgContext_Sizes{MaxToken: cbMaxToken, BlockSize: 1}
	if c.peer.Flags&protected != 0 {
		b.MaxSignature = uint32(c.protector.MICLen())
		b.SecurityTrailer = uint32(c.protector.MaxTrailerLen())
	}
	return status.SEC_E_OK
}

func (b *SecPkgContext_KeyInfo) query(c *Context) status.Code {
	profile, ok := etype.Lookup(etype.ID(c.peer.ContextEType))
	if !ok {
		return status.SEC_E_INTERNAL_ERROR // unreachable: a context has a key
	}
	*b = SecPkgContext_KeyInfo{
		SignatureAlgorithmName: checksumName(profile.ChecksumType), EncryptAlgorithmName: c.peer.ContextEType.String(),
		KeySize:            uint32(profile.KeyLen) * 8,
		SignatureAlgorithm: uint32(profile.ChecksumType), EncryptAlgorithm: uint32(profile.ID),
	}
	return status.SEC_E_OK
}

// checksumName is the name in the registry of RFC 3961, Section 8.
func checksumName(t int32) string {
	switch t {
	case 15:
		return "hmac-sha1-96-aes128"
	case 16:
		return "hmac-sha1-96-aes256"
	case 19:
		return "hmac-sha256-128-aes128"
	case 20:
		return "hmac-sha384-192-aes256"
	case -138:
		return "hmac-md5"
	}
	return ""
}
