package sspi

import (
	"context"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Values of fCredentialUse, as in sspi.h.
const (
	SECPKG_CRED_INBOUND  = 0x00000001 // to accept
	SECPKG_CRED_OUTBOUND = 0x00000002 // to initiate: this library has no such credentials
	SECPKG_CRED_BOTH     = 0x00000003 // the inbound part of it is given
	SECPKG_CRED_DEFAULT  = 0x00000004 // taken for INBOUND
)

// Bits of fCredentialUse with which no credentials are given.
const (
	credProcessPolicyOnly = 0x00000020
	credReserved          = 0xF0000000
)

// AcquireCredentialsHandle makes a handle to a service's credentials.
//
// pszPrincipal restricts them to one service, as an entry of Config.Services,
// which it replaces; "" leaves pAuthData as it is. pszPackage is Kerberos or
// Negotiate, case ignored. fCredentialUse must include accepting. pAuthData is the service's
// keys and policy; nil means the process's keytab (keytab.Default) and the
// defaults of Config. pvLogonID, pGetKeyFn and pvGetKeyArgument must be nil, as
// documented for Kerberos. ptsExpiry, if not nil, receives the last TimeStamp
// there is: keys have no natural end.
//
// SEC_E_SECPKG_NOT_FOUND: no such package. SEC_E_NO_CREDENTIALS: the keys
// cannot be read (keytab.Default, or the source's own constructor, says why), or the
// use is not accepting. SEC_E_INVALID_PARAMETER: the Config is wrong; NewAcceptor says
// how, and [Acceptor.CredHandle] leads from there to here. A service that the keytab
// does not hold yet is no error: rotation may bring it.
func AcquireCredentialsHandle(pszPrincipal string, pszPackage Package, fCredentialUse uint32, pvLogonID any, pAuthData *Config, pGetKeyFn, pvGetKeyArgument any, phCredential *CredHandle, ptsExpiry *TimeStamp) status.Code {
	if phCredential == nil {
		return status.SEC_E_INVALID_HANDLE
	}
	*phCredential = CredHandle{}
	info, ok := lookupPackage(pszPackage)
	switch {
	case !ok:
		return status.SEC_E_SECPKG_NOT_FOUND
	case pvLogonID != nil || pGetKeyFn != nil || pvGetKeyArgument != nil:
		return status.SEC_E_UNSUPPORTED_FUNCTION
	case !canAccept(fCredentialUse):
		return status.SEC_E_NO_CREDENTIALS
	}
	acceptor, err := acquire(pszPrincipal, pAuthData)
	if err != nil {
		return status.CodeOf(err)
	}
	*phCredential = acceptor.CredHandle(info.Name)
	if ptsExpiry != nil {
		*ptsExpiry = never
	}
	return status.SEC_E_OK
}

func canAccept(use uint32) bool {
	return use&credProcessPolicyOnly == 0 && use&credReserved == 0 &&
		use&(SECPKG_CRED_INBOUND|SECPKG_CRED_DEFAULT) != 0
}

func acquire(principal string, authData *Config) (*Acceptor, error) {
	var cfg Config
	if authData != nil {
		cfg = *authData
	} else {
		file, err := keytab.Default()
		if err != nil {
			return nil, &status.Error{Reason: status.ReasonNoCredentials, Err: err}
		}
		cfg.Keys = file
	}
	if principal != "" {
		cfg.Services = []string{principal}
	}
	acceptor, err := NewAcceptor(cfg)
	if err != nil {
		return nil, err
	}
	if acceptor.cfg.Keys == nil {
		return acceptor, nil // user-to-user alone
	}
	ctx, cancel := acceptor.backendContext()
	defer cancel()
	if _, err := acceptor.cfg.Keys.Table(ctx); err != nil {
		return nil, &status.Error{Reason: status.ReasonNoCredentials, Err: err}
	}
	return acceptor, nil
}

// backendContext bounds the wait for keys and replay cache where the caller has
// no context of its own. Keys and a replay cache in memory need no bound.
func (a *Acceptor) backendContext() (context.Context, context.CancelFunc) {
	if a.immediate {
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.Background(), a.cfg.BackendTimeout)
}

// SECPKG_CRED_ATTR_NAMES is the attribute of *SecPkgCredentials_Names.
const SECPKG_CRED_ATTR_NAMES = 1

// SecPkgCredentials_Names holds the name of a credential.
type SecPkgCredentials_Names struct{ UserName string }

// QueryCredentialsAttributes returns the name of a credential: the service that
// it is restricted to as it was given, else the keytab's first principal;
// SEC_E_NO_CREDENTIALS if the keytab is empty. Other attributes are
// SEC_E_UNSUPPORTED_FUNCTION.
func QueryCredentialsAttributes(phCredential *CredHandle, ulAttribute uint32, pBuffer *SecPkgCredentials_Names) status.Code {
	switch {
	case phCredential == nil || !phCredential.valid():
		return status.SEC_E_INVALID_HANDLE
	case ulAttribute != SECPKG_CRED_ATTR_NAMES:
		return status.SEC_E_UNSUPPORTED_FUNCTION
	case pBuffer == nil:
		return status.SEC_E_INVALID_PARAMETER
	}
	acceptor := phCredential.c.acceptor
	if len(acceptor.cfg.Services) > 0 {
		pBuffer.UserName = acceptor.cfg.Services[0]
		return status.SEC_E_OK
	}
	ctx, cancel := acceptor.backendContext()
	defer cancel()
	table, _, err := acceptor.keys(ctx)
	if err != nil {
		return status.CodeOf(err)
	}
	for entry := range table.All() {
		pBuffer.UserName = entry.Principal.String()
		return status.SEC_E_OK
	}
	return status.SEC_E_NO_CREDENTIALS
}
