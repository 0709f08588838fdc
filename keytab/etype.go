package keytab

import "github.com/gosspi/kerberos/internal/etype"

// EType is the number of an encryption type in the registry of RFC 3961, Section 8.
type EType int32

// The encryption types that this module implements.
//
// RC4_HMAC is weak. Its key is an unsalted hash of the account's password (RFC 8429). MD5
// protects the messages, and nothing protects their sequence numbers and direction: an
// attacker on the network can send the acceptor's own messages back to it as messages of
// the client, and can repeat old messages. RC4_HMAC exists for domains whose accounts have
// no other key. Keytabs may contain RC4 keys, but the acceptor uses RC4 only if
// sspi.Config names it: TicketETypes for tickets, ETypes for everything else.
const (
	AES128_CTS_HMAC_SHA1_96    EType = 17 // RFC 3962
	AES256_CTS_HMAC_SHA1_96    EType = 18 // RFC 3962
	AES128_CTS_HMAC_SHA256_128 EType = 19 // RFC 8009
	AES256_CTS_HMAC_SHA384_192 EType = 20 // RFC 8009
	RC4_HMAC                   EType = 23 // RFC 4757
)

// String returns the registered name, such as "aes256-cts-hmac-sha1-96", also for types
// that this module does not implement, such as "des-cbc-md5". It returns "etype(99)" for
// a number whose name it does not know.
func (e EType) String() string { return etype.ID(e).String() }

// nameAndNumber returns the form of a type in the text of errors.
func (e EType) nameAndNumber() string { return etype.ID(e).NameAndNumber() }
