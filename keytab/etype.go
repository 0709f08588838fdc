package keytab

import "github.com/gosspi/kerberos/internal/etype"

// EType is the number of an encryption type, from the registry that RFC 3961,
// Section 8 begins.
type EType int32

// The encryption types that this module has.
//
// RC4_HMAC is weak: the key of an account is the hash of its password without salt,
// and MD5 protects the messages (RFC 8429), whose numbers and direction nothing
// protects: whoever is in between can send our own messages back to us as the client's,
// or an old one again. It is there for domains that still have
// accounts without another key. Keytabs may hold such keys, but nothing is accepted
// under RC4 unless a policy names it: sspi.Config has one for tickets, TicketETypes,
// and one for everything else, ETypes.
const (
	AES128_CTS_HMAC_SHA1_96    EType = 17 // RFC 3962
	AES256_CTS_HMAC_SHA1_96    EType = 18 // RFC 3962
	AES128_CTS_HMAC_SHA256_128 EType = 19 // RFC 8009
	AES256_CTS_HMAC_SHA384_192 EType = 20 // RFC 8009
	RC4_HMAC                   EType = 23 // RFC 4757
)

// String returns the registered name, such as "aes256-cts-hmac-sha1-96", also of types
// that this module does not implement, such as "des-cbc-md5", or "etype(99)" for a
// number without a name here.
func (e EType) String() string { return etype.ID(e).String() }

// nameAndNumber returns the form of a type in the text of errors.
func (e EType) nameAndNumber() string { return etype.ID(e).NameAndNumber() }
