package sspi

import (
	"strings"

	"github.com/gosspi/kerberos/status"
)

// SecPkgInfo describes a security package.
type SecPkgInfo struct {
	Capabilities uint32 // SECPKG_FLAG_*
	Version      uint16
	RPCID        uint16 // its number in RPC: 9 is Negotiate, 16 Kerberos
	MaxToken     uint32 // bytes a caller's token buffer should have
	Name         Package
	Comment      string
}

// Capabilities of a package, as in sspi.h; those that Kerberos has here.
const (
	SECPKG_FLAG_INTEGRITY              = 0x00000001 // messages can be signed
	SECPKG_FLAG_PRIVACY                = 0x00000002 // messages can be sealed
	SECPKG_FLAG_TOKEN_ONLY             = 0x00000004 // only TOKEN buffers matter in an exchange
	SECPKG_FLAG_CONNECTION             = 0x00000010 // for connections
	SECPKG_FLAG_MULTI_REQUIRED         = 0x00000020 // an exchange may take several legs
	SECPKG_FLAG_EXTENDED_ERROR         = 0x00000080 // failures can be told to the client
	SECPKG_FLAG_NEGOTIABLE             = 0x00000800 // Negotiate can choose it
	SECPKG_FLAG_GSS_COMPATIBLE         = 0x00001000 // tokens are those of GSS-API
	SECPKG_FLAG_MUTUAL_AUTH            = 0x00010000 // mutual authentication
	SECPKG_FLAG_DELEGATION             = 0x00020000 // credentials can be forwarded
	SECPKG_FLAG_READONLY_WITH_CHECKSUM = 0x00040000 // the buffer attribute of that name
)

// cbMaxToken is the size that Windows reports since 2012. Callers size buffers by it.
// Config.MaxToken limits the tokens of clients.
const cbMaxToken = 48000

// packages holds the packages of this library.
var packages = [...]SecPkgInfo{{
	Capabilities: SECPKG_FLAG_INTEGRITY | SECPKG_FLAG_PRIVACY | SECPKG_FLAG_CONNECTION | SECPKG_FLAG_MULTI_REQUIRED |
		SECPKG_FLAG_EXTENDED_ERROR | SECPKG_FLAG_NEGOTIABLE | SECPKG_FLAG_GSS_COMPATIBLE,
	Version: 1, RPCID: 9, MaxToken: cbMaxToken, Name: Negotiate, Comment: "SPNEGO acceptor in Go",
}, {
	Capabilities: SECPKG_FLAG_INTEGRITY | SECPKG_FLAG_PRIVACY | SECPKG_FLAG_TOKEN_ONLY | SECPKG_FLAG_CONNECTION |
		SECPKG_FLAG_MULTI_REQUIRED | SECPKG_FLAG_EXTENDED_ERROR | SECPKG_FLAG_NEGOTIABLE | SECPKG_FLAG_GSS_COMPATIBLE |
		SECPKG_FLAG_MUTUAL_AUTH | SECPKG_FLAG_DELEGATION | SECPKG_FLAG_READONLY_WITH_CHECKSUM,
	Version: 1, RPCID: 16, MaxToken: cbMaxToken, Name: Kerberos, Comment: "Kerberos V5 acceptor in Go",
}}

// lookupPackage ignores case, as far as ASCII goes.
func lookupPackage(name Package) (SecPkgInfo, bool) {
	for _, p := range packages {
		if len(p.Name) == len(name) && strings.EqualFold(string(p.Name), string(name)) {
			return p, true
		}
	}
	return SecPkgInfo{}, false
}

// packageOf is the package of a ContextConfig; "" if it is not here.
func packageOf(name Package) Package {
	if name == "" {
		return Negotiate
	}
	info, _ := lookupPackage(name)
	return info.Name
}

// EnumerateSecurityPackages lists the packages of this library. The list
// belongs to the caller. pcPackages may be nil: the list knows its length.
func EnumerateSecurityPackages(pcPackages *uint32, ppPackageInfo *[]SecPkgInfo) status.Code {
	if ppPackageInfo == nil {
		return status.SEC_E_INVALID_PARAMETER
	}
	list := packages
	*ppPackageInfo = list[:]
	if pcPackages != nil {
		*pcPackages = uint32(len(list))
	}
	return status.SEC_E_OK
}

// QuerySecurityPackageInfo describes one package. SEC_E_SECPKG_NOT_FOUND leaves
// *ppPackageInfo as it was.
func QuerySecurityPackageInfo(pszPackageName Package, ppPackageInfo **SecPkgInfo) status.Code {
	if ppPackageInfo == nil {
		return status.SEC_E_INVALID_PARAMETER
	}
	info, ok := lookupPackage(pszPackageName)
	if !ok {
		return status.SEC_E_SECPKG_NOT_FOUND
	}
	*ppPackageInfo = &info
	return status.SEC_E_OK
}
