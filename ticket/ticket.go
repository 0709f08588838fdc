package ticket

import (
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
)

// Params says which keys may open a ticket, and when.
type Params struct {
	// Keys are the service's keys. May be nil where only UserToUser opens.
	Keys *keytab.Table
	// Services are the principals of Keys whose keys may open a ticket: see
	// keytab.Table.Admit. If nil, all may, except krbtgt/* and kadmin/*. Services of
	// another Table are refused with ReasonArgument.
	Services *keytab.Services
	// Now is the acceptor's clock.
	Now time.Time
	// Skew is how far the clocks of KDC and acceptor may differ. Zero means no
	// difference at all is tolerated.
	Skew time.Duration
	// ETypes are the permitted encryption types of the ticket's session key and,
	// unless there are TicketETypes, of the ticket, each by itself. If nil, 17 to 20.
	ETypes []keytab.EType
	// TicketETypes are the permitted encryption types of the ticket, that is, of
	// the service's keys. If nil, ETypes.
	TicketETypes []keytab.EType
	// UserToUser is the session key of the acceptor's own TGT. It opens tickets
	// presented with USE-SESSION-KEY, which Keys never do. The zero Key refuses
	// them.
	UserToUser keytab.Key
	// UserToUserService is whose TGT that is: the Service of tickets that it opens, by
	// whose realm the path of their clients is judged.
	UserToUserService keytab.Principal
}

// Ticket is a ticket that a key of ours opened: it proves its maker, not its
// bearer. The zero Ticket is refused everywhere.
type Ticket struct {
	content       Content
	options       flags.AP
	authenticator krb5.EncryptedData // aliases the AP-REQ given to Open
	opened        bool
}

// Content is what a ticket says (EncTicketPart, RFC 4120, Section 5.3), together
// with the keys that came of opening it. Its byte fields share one copy that
// belongs to the Content; nobody modifies them.
type Content struct {
	// Client is the client's principal, as the KDC wrote it.
	Client keytab.Principal
	// Service is the principal of the key that opened the ticket. Where several
	// have that key, it is the one of them that the AP-REQ names in clear, which
	// nothing protects: between those it proves nothing. It is UserToUserService
	// when the session key of a user-to-user exchange opened it.
	Service keytab.Principal
	// ClientNameType is the name-type of Client (RFC 4120, Section 6.2).
	ClientNameType int32

	// EType and Kvno are of the key that opened the ticket.
	EType keytab.EType
	Kvno  uint32
	// ServiceKey opened the ticket, and verifies its PAC.
	ServiceKey keytab.Key
	// SessionKey is shared by client and service, by the KDC's word.
	SessionKey keytab.Key

	Flags flags.Ticket

	AuthTime, StartTime, EndTime time.Time // StartTime: AuthTime if the ticket has none
	RenewTill                    time.Time // zero if the ticket has none

	// TransitedType and Transited are the realms between the client's and ours,
	// encoded (RFC 4120, Section 3.3.3.2).
	TransitedType int32
	Transited     []byte

	// Addresses and AuthorizationData are DER, a whole HostAddresses and a
	// whole AuthorizationData. Nil: the ticket has none.
	Addresses, AuthorizationData []byte

	// PAC is the MS-PAC container, found in AD-IF-RELEVANT one level deep. Its
	// signatures have not been checked. Nil: none.
	PAC []byte
}

// Service is the principal of the key that opened the ticket.
func (t *Ticket) Service() keytab.Principal { return t.content.Service }

// Options are the AP-options of the AP-REQ. Nothing protects them on the way.
func (t *Ticket) Options() flags.AP { return t.options }

// Unproven is what the ticket says, before anything is known about who sent it.
// Most callers want authenticator.Verified.Ticket. It is nil for a nil or zero
// Ticket.
// The Content belongs to the Ticket and must not be modified.
func (t *Ticket) Unproven() *Content {
	if t == nil || !t.opened {
		return nil
	}
	return &t.content
}

// Authenticator is the encrypted Authenticator that came with the ticket. The
// ciphertext aliases the AP-REQ that was given to [Open].
func (t *Ticket) Authenticator() (e keytab.EType, ciphertext []byte) {
	return keytab.EType(t.authenticator.EType), t.authenticator.Cipher
}
