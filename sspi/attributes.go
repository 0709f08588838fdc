package sspi

import (
	"fmt"
	"io"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/status"
)

// SECPKG_ATTR names an attribute of a context.
type SECPKG_ATTR uint32

// Attributes that QueryContextAttributes answers, as in sspi.h.
const (
	SECPKG_ATTR_SIZES            SECPKG_ATTR = 0  // *SecPkgContext_Sizes
	SECPKG_ATTR_NAMES            SECPKG_ATTR = 1  // *SecPkgContext_Names
	SECPKG_ATTR_LIFESPAN         SECPKG_ATTR = 2  // *SecPkgContext_Lifespan
	SECPKG_ATTR_KEY_INFO         SECPKG_ATTR = 5  // *SecPkgContext_KeyInfo
	SECPKG_ATTR_SESSION_KEY      SECPKG_ATTR = 9  // *SecPkgContext_SessionKey
	SECPKG_ATTR_PACKAGE_INFO     SECPKG_ATTR = 10 // *SecPkgContext_PackageInfo
	SECPKG_ATTR_NEGOTIATION_INFO SECPKG_ATTR = 12 // *SecPkgContext_NegotiationInfo
	SECPKG_ATTR_NATIVE_NAMES     SECPKG_ATTR = 13 // *SecPkgContext_NativeNames
	SECPKG_ATTR_FLAGS            SECPKG_ATTR = 14 // *SecPkgContext_Flags
)

// ContextAttribute is a pointer to one of the SecPkgContext_ structures of this
// package, and nothing else.
type ContextAttribute interface {
	attribute() SECPKG_ATTR
	query(c *Context) status.Code
}

// SecPkgContext_Sizes are the sizes of a context's buffers, in bytes.
type SecPkgContext_Sizes struct {
	MaxToken        uint32 // of a token of the exchange
	MaxSignature    uint32 // of MakeSignature's TOKEN; 0 if messages cannot be protected
	BlockSize       uint32 // of PADDING; 1: there is none
	SecurityTrailer uint32 // of EncryptMessage's TOKEN, at most
}

// SecPkgContext_Names is who the client is, for showing: its principal.
type SecPkgContext_Names struct{ UserName string }

// SecPkgContext_NativeNames are the principals of client and service.
type SecPkgContext_NativeNames struct{ ClientName, ServerName string }

// SecPkgContext_Lifespan is the ticket's, in UTC and without clock skew.
type SecPkgContext_Lifespan struct{ Start, Expiry TimeStamp }

// SecPkgContext_Flags are the context's attributes as AcceptSecurityContext
// returned them.
type SecPkgContext_Flags struct{ Flags flags.ASC_RET }

// SecPkgContext_KeyInfo describes the context's key. The algorithms are the
// checksum and encryption types of RFC 3961, KeySize is in bits.
type SecPkgContext_KeyInfo struct {
	SignatureAlgorithmName, EncryptAlgorithmName string
	KeySize                                      uint32
	SignatureAlgorithm, EncryptAlgorithm         uint32
}

// SecPkgContext_SessionKey is the context's key, whole. It prints redacted.
type SecPkgContext_SessionKey struct{ SessionKey []byte }

// SecPkgContext_PackageInfo describes the context's package.
type SecPkgContext_PackageInfo struct{ PackageInfo *SecPkgInfo }

// SecPkgContext_NegotiationInfo tells how far the choice of a package is.
type SecPkgContext_NegotiationInfo struct {
	PackageInfo      *SecPkgInfo
	NegotiationState uint32
}

// States of a negotiation, as in sspi.h.
const (
	SECPKG_NEGOTIATION_COMPLETE    = 0
	SECPKG_NEGOTIATION_OPTIMISTIC  = 1
	SECPKG_NEGOTIATION_IN_PROGRESS = 2
)

// QueryContextAttributes tells one attribute of a context. ulAttribute must be
// that of pBuffer's type, else it is SEC_E_INVALID_PARAMETER; an attribute that
// is not answered here is SEC_E_UNSUPPORTED_FUNCTION. Before the context is
// established only PACKAGE_INFO and NEGOTIATION_INFO are answered, the others
// are SEC_E_INVALID_HANDLE.
func QueryContextAttributes(phContext *CtxtHandle, ulAttribute SECPKG_ATTR, pBuffer ContextAttribute) status.Code {
	if phContext == nil || !phContext.live() {
		return status.SEC_E_INVALID_HANDLE
	}
	switch ulAttribute {
	case SECPKG_ATTR_PACKAGE_INFO, SECPKG_ATTR_NEGOTIATION_INFO:
	case SECPKG_ATTR_SIZES, SECPKG_ATTR_NAMES, SECPKG_ATTR_LIFESPAN, SECPKG_ATTR_KEY_INFO, SECPKG_ATTR_SESSION_KEY, SECPKG_ATTR_NATIVE_NAMES, SECPKG_ATTR_FLAGS:
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

// isNil finds nil pointers in the interface too.
func isNil(a ContextAttribute) bool {
	switch b := a.(type) {
	case nil:
		return true
	case *SecPkgContext_Sizes:
		return b == nil
	case *SecPkgContext_Names:
		return b == nil
	case *SecPkgContext_NativeNames:
		return b == nil
	case *SecPkgContext_Lifespan:
		return b == nil
	case *SecPkgContext_Flags:
		return b == nil
	case *SecPkgContext_KeyInfo:
		return b == nil
	case *SecPkgContext_SessionKey:
		return b == nil
	case *SecPkgContext_PackageInfo:
		return b == nil
	case *SecPkgContext_NegotiationInfo:
		return b == nil
	}
	return true
}

func (*SecPkgContext_Sizes) attribute() SECPKG_ATTR       { return SECPKG_ATTR_SIZES }
func (*SecPkgContext_Names) attribute() SECPKG_ATTR       { return SECPKG_ATTR_NAMES }
func (*SecPkgContext_NativeNames) attribute() SECPKG_ATTR { return SECPKG_ATTR_NATIVE_NAMES }
func (*SecPkgContext_Lifespan) attribute() SECPKG_ATTR    { return SECPKG_ATTR_LIFESPAN }
func (*SecPkgContext_Flags) attribute() SECPKG_ATTR       { return SECPKG_ATTR_FLAGS }
func (*SecPkgContext_KeyInfo) attribute() SECPKG_ATTR     { return SECPKG_ATTR_KEY_INFO }
func (*SecPkgContext_SessionKey) attribute() SECPKG_ATTR  { return SECPKG_ATTR_SESSION_KEY }
func (*SecPkgContext_PackageInfo) attribute() SECPKG_ATTR { return SECPKG_ATTR_PACKAGE_INFO }
func (*SecPkgContext_NegotiationInfo) attribute() SECPKG_ATTR {
	return SECPKG_ATTR_NEGOTIATION_INFO
}

func (b *SecPkgContext_Names) query(c *Context) status.Code {
	b.UserName = c.peer.Name()
	return status.SEC_E_OK
}

func (b *SecPkgContext_NativeNames) query(c *Context) status.Code {
	b.ClientName, b.ServerName = c.peer.Client.String(), c.peer.Service.String()
	return status.SEC_E_OK
}

func (b *SecPkgContext_Lifespan) query(c *Context) status.Code {
	b.Start, b.Expiry = timeStamp(c.peer.StartTime), timeStamp(c.peer.EndTime)
	return status.SEC_E_OK
}

func (b *SecPkgContext_Flags) query(c *Context) status.Code {
	b.Flags = c.peer.Flags | flags.ASC_RET(c.attributes.Load())
	return status.SEC_E_OK
}

func (b *SecPkgContext_SessionKey) query(c *Context) status.Code {
	key, err := c.SessionKey()
	if err != nil {
		return status.CodeOf(err)
	}
	b.SessionKey = key
	return status.SEC_E_OK
}

const redactedKey = "sspi.SecPkgContext_SessionKey(redacted)"

// Format redacts the key, whatever the verb.
func (SecPkgContext_SessionKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redactedKey) }

// MarshalText redacts the key, in JSON, XML and logs.
func (SecPkgContext_SessionKey) MarshalText() ([]byte, error) { return []byte(redactedKey), nil }

func (b *SecPkgContext_PackageInfo) query(c *Context) status.Code {
	info, _ := lookupPackage(c.chosen())
	b.PackageInfo = &info
	return status.SEC_E_OK
}

// chosen is the package that the exchange came to: Kerberos, once it is over.
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
