package sspi

import "github.com/gosspi/kerberos/status"

// SecPkgContext_Names is who the client is, for showing: its principal.
type SecPkgContext_Names struct{ UserName string }

// SecPkgContext_NativeNames are the principals of client and service.
type SecPkgContext_NativeNames struct{ ClientName, ServerName string }

// SecPkgContext_Authority is who vouches for the client: its realm.
type SecPkgContext_Authority struct{ AuthorityName string }

// SecPkgContext_DceInfo is by what a server of DCE RPC authorizes the client: by its
// name.
type SecPkgContext_DceInfo struct {
	AuthzSvc uint32 // RPC_C_AUTHZ_NAME
	Pac      string // with RPC_C_AUTHZ_NAME the client's principal, and no PAC
}

// RPC_C_AUTHZ_NAME of rpcdce.h: authorization is by the client's principal. DCE's
// own privilege certificates (RPC_C_AUTHZ_DCE) are not Kerberos's.
const RPC_C_AUTHZ_NAME = 1

// SecPkgContext_ClientSpecifiedTarget is the service that the client says it asked
// for, with its realm ([Peer.Target]; MS-KILE, Section 3.2.5.8). It is the client's
// word: it may be held against the names of this server, and proves nothing else.
// QueryContextAttributes is SEC_E_TARGET_UNKNOWN, as on Windows, if the client does
// not say. A server that insists must refuse it then.
type SecPkgContext_ClientSpecifiedTarget struct{ TargetName string }

// SecPkgContext_Lifespan is the ticket's, in UTC and without clock skew.
type SecPkgContext_Lifespan struct{ Start, Expiry TimeStamp }

func (b *SecPkgContext_Names) query(c *Context) status.Code {
	b.UserName = c.peer.Name()
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
	b.AuthzSvc, b.Pac = RPC_C_AUTHZ_NAME, c.peer.Name()
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
