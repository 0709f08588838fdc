package ticket

import (
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
)

// Params contains the keys that may decrypt a ticket, and the time at which it must be
// valid.
type Params struct {
	// Keys contains the service's keys. May be nil if the acceptor uses only UserToUser.
	Keys *keytab.Table
	// Services contains the principals of Keys whose keys may decrypt a ticket: see
	// keytab.Table.Admit. If nil, these are all principals except krbtgt/* and kadmin/*.
	// Open refuses Services of another Table with ReasonArgument.
	Services *keytab.Services
	// Now is the acceptor's clock.
	Now time.Time
	// Skew is the permitted difference between the clocks of KDC and acceptor. If Skew is
	// zero, no difference is permitted.
	Skew time.Duration
	// ETypes are the permitted encryption types of the ticket's session key and,
	// unless there are TicketETypes, of the ticket, each by itself. If nil, 17 to 20.
	ETypes []keytab.EType
	// TicketETypes are the permitted encryption types of the ticket, that is, of
	// the service's keys. If nil, ETypes.
	TicketETypes []keytab.EType
	// UserToUser is the session key of the acceptor's own TGT. It decrypts tickets
	// with the option USE-SESSION-KEY, which Keys never decrypt. If UserToUser is the zero
	// Key, such tickets are refused.
	UserToUser keytab.Key
	// UserToUserService is the client of that TGT. It becomes the Service of the tickets
	// that UserToUser decrypts, and its realm is the end of the clients' trust path.
	UserToUserService keytab.Principal
}

// Ticket is a ticket that a key of the acceptor decrypted. That authenticates the KDC and
// not the sender. The zero Ticket is refused by every function.
type Ticket struct {
	content       Content
	options       flags.AP
	authenticator krb5.EncryptedData // aliases the AP-REQ given to Open
	opened        bool
}

// Content contains the fields of a ticket (EncTicketPart, RFC 4120, Section 5.3) and the
// keys that Open used and found. Its byte fields share one copy that belongs to the
// Content and must not be modified.
type Content struct {
	// Client is the client's principal, as the KDC wrote it.
	Client keytab.Principal
	// Service is the principal of the key that decrypted the ticket. If several principals
	// have that key, Service is the principal among them that the AP-REQ names; that name
	// is not authenticated, so Service does not prove which of them the client meant. In a
	// user-to-user exchange Service is UserToUserService.
	Service keytab.Principal
	// ClientNameType is the name-type of Client (RFC 4120, Section 6.2).
	ClientNameType int32

	// EType and Kvno describe the key that decrypted the ticket.
	EType keytab.EType
	Kvno  uint32
	// ServiceKey is the key that decrypted the ticket. It also verifies the PAC.
	ServiceKey keytab.Key
	// SessionKey is the key that the KDC issued to client and service.
	SessionKey keytab.Key

	Flags flags.Ticket

	AuthTime, StartTime, EndTime time.Time // StartTime: AuthTime if the ticket has none
	RenewTill                    time.Time // zero if the ticket has none

	// TransitedType and Transited contain the encoded realms between the client's realm and
	// the service's realm (RFC 4120, Section 3.3.3.2).
	TransitedType int32
	Transited     []byte

	// Addresses and AuthorizationData are DER, a whole HostAddresses and a
	// whole AuthorizationData. They are nil if the ticket does not contain them.
	Addresses, AuthorizationData []byte

	// PAC is the MS-PAC container, found in AD-IF-RELEVANT one level deep. Its
	// signatures have not been checked. It is nil if the ticket has no PAC.
	PAC []byte
}

// Service returns the principal of the key that decrypted the ticket.
func (t *Ticket) Service() keytab.Principal { return t.content.Service }

// Options returns the AP-options of the AP-REQ, which are not authenticated.
func (t *Ticket) Options() flags.AP { return t.options }

// Unproven returns the content of the ticket before the sender is authenticated. Most
// callers want authenticator.Verified.Ticket. Unproven returns nil for a nil or zero
// Ticket. The Content belongs to the Ticket and must not be modified.
func (t *Ticket) Unproven() *Content {
	if t == nil || !t.opened {
		return nil
	}
	return &t.content
}

// Authenticator returns the encrypted Authenticator of the AP-REQ. The ciphertext is a
// view of the AP-REQ that was given to [Open].
func (t *Ticket) Authenticator() (e keytab.EType, ciphertext []byte) {
	return keytab.EType(t.authenticator.EType), t.authenticator.Cipher
}
