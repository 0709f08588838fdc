package sspi

import (
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/status"
)

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

// States of a negotiation, as in sspi.h. COMPLETE and IN_PROGRESS are an acceptor's;
// the others are never reported.
const (
	SECPKG_NEGOTIATION_COMPLETE      = 0
	SECPKG_NEGOTIATION_OPTIMISTIC    = 1
	SECPKG_NEGOTIATION_IN_PROGRESS   = 2
	SECPKG_NEGOTIATION_DIRECT        = 3
	SECPKG_NEGOTIATION_TRY_MULTICRED = 4
)

// SecPkgContext_LastClientTokenStatus tells whether the client has sent its last
// token.
type SecPkgContext_LastClientTokenStatus struct {
	LastClientTokenStatus SECPKG_ATTR_LCT_STATUS
}

// SECPKG_ATTR_LCT_STATUS says whether a token was the client's last one.
type SECPKG_ATTR_LCT_STATUS uint32

// Values of a SECPKG_ATTR_LCT_STATUS, as in sspi.h.
const (
	SecPkgAttrLastClientTokenYes   SECPKG_ATTR_LCT_STATUS = 0 // the context is established
	SecPkgAttrLastClientTokenNo    SECPKG_ATTR_LCT_STATUS = 1 // another one is due
	SecPkgAttrLastClientTokenMaybe SECPKG_ATTR_LCT_STATUS = 2 // never reported: Kerberos always knows
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

func (b *SecPkgContext_LastClientTokenStatus) query(c *Context) status.Code {
	b.LastClientTokenStatus = SecPkgAttrLastClientTokenYes
	if c.at() != stateEstablished {
		b.LastClientTokenStatus = SecPkgAttrLastClientTokenNo
	}
	return status.SEC_E_OK
}
