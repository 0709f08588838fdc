package sspi_test

import (
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// These capabilities are in the packages of Windows and not in this library.
const (
	flagDatagram           = 0x00000008 // messages before authentication: ASC_REQ_DATAGRAM is refused
	flagImpersonation      = 0x00000100 // a goroutine cannot act as another user
	flagAcceptWin32Name    = 0x00000200 // names in the form of Windows, of initiators
	flagLogon              = 0x00002000 // logon sessions
	flagRestrictedTokens   = 0x00080000 // access tokens
	flagAppContainerChecks = 0x00800000 // app containers of Windows
	flagApplyLoopback      = 0x02000000 // logons on the machine itself
)

// TestPackages_Numbers checks that the packages have the IDs and versions of Windows, and
// the capabilities of Windows (0x028F3BBF and 0x00883BB3) except those above.
func TestPackages_Numbers(t *testing.T) {
	const windowsOnly = flagDatagram | flagImpersonation | flagAcceptWin32Name | flagLogon |
		flagRestrictedTokens | flagAppContainerChecks | flagApplyLoopback
	for name, want := range map[sspi.Package]sspi.SecPkgInfo{
		sspi.Kerberos: {
			Version: 1, RPCID: 16, Capabilities: 0x028F3BBF &^ windowsOnly,
		},
		sspi.Negotiate: {
			Version: 1, RPCID: 9, Capabilities: 0x00883BB3 &^ windowsOnly,
		},
	} {
		var info *sspi.SecPkgInfo
		wantCode(t, "query", sspi.QuerySecurityPackageInfo(name, &info), status.SEC_E_OK)
		if info.Version != want.Version || info.RPCID != want.RPCID || info.Capabilities != want.Capabilities {
			t.Errorf("%+v, want %+v", *info, want)
		}
	}
}

// TestPackages_Capabilities checks the capabilities of each package.
func TestPackages_Capabilities(t *testing.T) {
	for _, row := range []struct {
		name                string
		bit                 uint32
		kerberos, negotiate bool // Negotiate reports only its own capabilities, as on Windows
	}{
		{"messages can be signed", sspi.SECPKG_FLAG_INTEGRITY, true, true},
		{"messages can be sealed", sspi.SECPKG_FLAG_PRIVACY, true, true},
		{"a TOKEN is all an exchange needs", sspi.SECPKG_FLAG_TOKEN_ONLY, true, false},
		{"for connections", sspi.SECPKG_FLAG_CONNECTION, true, true},
		{"several legs", sspi.SECPKG_FLAG_MULTI_REQUIRED, true, true},
		{"KRB-ERRORs", sspi.SECPKG_FLAG_EXTENDED_ERROR, true, true},
		{"in SPNEGO", sspi.SECPKG_FLAG_NEGOTIABLE, true, true},
		{"tokens of GSS-API", sspi.SECPKG_FLAG_GSS_COMPATIBLE, true, true},
		{"mutual authentication", sspi.SECPKG_FLAG_MUTUAL_AUTH, true, false},
		{"credentials are forwarded", sspi.SECPKG_FLAG_DELEGATION, true, false},
		{"READONLY_WITH_CHECKSUM", sspi.SECPKG_FLAG_READONLY_WITH_CHECKSUM, true, false},
		{"CLIENT_ONLY", 0x00000040, false, false},
		{"STREAM", 0x00000400, false, false},
		{"FRAGMENT", 0x00008000, false, false},
		{"NEGO_EXTENDER and NEGOTIABLE2", 0x00100000 | 0x00200000, false, false},
	} {
		for name, want := range map[sspi.Package]bool{sspi.Kerberos: row.kerberos, sspi.Negotiate: row.negotiate} {
			var info *sspi.SecPkgInfo
			wantCode(t, "query", sspi.QuerySecurityPackageInfo(name, &info), status.SEC_E_OK)
			if got := info.Capabilities&row.bit != 0; got != want {
				t.Errorf("%s: %s is %v", name, row.name, got)
			}
		}
	}
}
