package sspi

import (
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
)

// Peer is a client whose identity is proven, and the properties of the context
// with it. A Peer holds no secrets, so that a program may store it in a request's
// context.Context. It must not be modified.
type Peer struct {
	// Client is the client's principal. Compare it whole: a name without its realm is not an
	// identity. In Active Directory the principal has the name that the client typed, which
	// need not be that of its account: there the Account is the identity. [Peer.Principal]
	// returns the principal that is the identity in both cases.
	Client keytab.Principal
	// Account is the client's account in Active Directory, from the verified PAC of the
	// ticket. Nil if the ticket has no PAC, if Config.PAC ignores it, and where
	// AccessToken.Err says why the PAC has no account that counts.
	Account *Account
	// AccessToken has the SIDs, groups and claims of the client. Nil if the ticket has no PAC
	// or Config.PAC ignores it.
	AccessToken *AccessToken
	// Indicators say how the client logged in to its KDC, such as "pkinit" or "otp" (RFC
	// 8129): strings that the service's realm defines. The service's key has verified that
	// the KDC issued them. Nil if the ticket has none, or if Event.IndicatorsError says why
	// they do not count. A KDC issues no indicators for a client of another realm.
	Indicators []string
	// Service is the principal whose key decrypted the ticket. Several principals can share
	// a key, as the SPNs of an account in Active Directory do. Then Service is the
	// principal of them that the client named, and nothing protects that name: a ticket
	// for any of them passes for a ticket for Service. Do not use Service to distinguish
	// services that share a key.
	Service keytab.Principal
	// ClientNameType is the name-type of Client (RFC 4120, Section 6.2).
	ClientNameType int32
	// Anonymous reports whether the client authenticated with an anonymous ticket (RFC
	// 8062). Such a client has no identity; do not use Client for authorization.
	Anonymous bool

	// Target is the name of the service that the client wanted to reach, according to the
	// client; empty if it sent no name (MS-KILE, Section 3.2.5.8). TargetUntrusted reports
	// that the client had the name from a source that it does not trust.
	Target          string
	TargetUntrusted bool

	// Flags are the attributes of the context: the client asked for them and this package
	// granted them.
	Flags flags.ASC_RET
	// GSSFlags are the flags that the client set in its authenticator's checksum (RFC
	// 4121, Section 4.1.1.1), unknown bits included: its wishes. MUTUAL is set also if
	// the AP-REQ's options or DCE style ask for it, and DELEG only if the forwarded
	// credentials were read. Flags has the attributes that follow from them.
	GSSFlags flags.GSS
	// Binding is the result of the channel bindings.
	Binding authenticator.Binding

	// TicketFlags and the times are fields of the ticket. StartTime is AuthTime if the
	// ticket has none. EndTime has no clock skew added.
	TicketFlags                  flags.Ticket
	AuthTime, StartTime, EndTime time.Time

	// TicketEType, SessionEType and ContextEType are the encryption types of the
	// service's key, of the ticket's session key and of the context's key.
	TicketEType, SessionEType, ContextEType keytab.EType

	naming naming
}
