package sspi

import (
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
)

// Peer is a client whose identity is proven, and the properties of the context
// with it. It holds facts and no secrets, so it is fit for a request's
// context.Context. It must not be modified.
type Peer struct {
	// Client is the client's principal. Compare it whole: a name without its
	// realm is not an identity.
	Client keytab.Principal
	// Service is the principal of the key that opened the ticket. Where several have
	// that key, as the SPNs of an account in Active Directory do, it is the one of
	// them that the client named, and nothing protects that name: a ticket for any
	// of them passes for one for this. Do not decide by it between services that
	// share a key.
	Service keytab.Principal
	// ClientNameType is the name-type of Client (RFC 4120, Section 6.2).
	ClientNameType int32
	// Anonymous: the client proved only that its KDC let it be anonymous
	// (RFC 8062). It is nobody.
	Anonymous bool

	// Target is the service that the client says it asked for, empty if it does
	// not say (MS-KILE, Section 3.2.5.8). TargetUntrusted: it had that name from
	// a source that it does not trust.
	Target          string
	TargetUntrusted bool

	// Flags are the attributes of the context: what the client asked for and
	// this package does.
	Flags flags.ASC_RET
	// GSSFlags are the flags that the client set in its authenticator's checksum (RFC
	// 4121, Section 4.1.1.1), unknown bits included: its wishes. MUTUAL is set also if
	// the AP-REQ's options or DCE style ask for it, and DELEG only if the forwarded
	// credentials were read. Flags has the attributes that follow from them.
	GSSFlags flags.GSS
	// Binding says what came of the channel bindings.
	Binding authenticator.Binding

	// TicketFlags and the times are the ticket's. StartTime is AuthTime if the
	// ticket has none. EndTime has no clock skew added.
	TicketFlags                  flags.Ticket
	AuthTime, StartTime, EndTime time.Time

	// TicketEType, SessionEType and ContextEType are the encryption types of the
	// service's key, of the ticket's session key and of the context's key.
	TicketEType, SessionEType, ContextEType keytab.EType
}
