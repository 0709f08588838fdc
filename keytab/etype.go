package keytab

import "github.com/gosspi/kerberos/internal/etype"

// EType is the number of an encryption type, from the registry that RFC 3961,
// Section 8 begins.
type EType int32

// The encryption types that this module knows. RC4 is refused unless a policy
// names it.
const (
	AES128_CTS_HMAC_SHA1_96    EType = 17 // RFC 3962
	AES256_CTS_HMAC_SHA1_96    EType = 18 // RFC 3962
	AES128_CTS_HMAC_SHA256_128 EType = 19 // RFC 8009
	AES256_CTS_HMAC_SHA384_192 EType = 20 // RFC 8009
	RC4_HMAC                   EType = 23 // RFC 4757
)

// String returns the registered name, such as "aes256-cts-hmac-sha1-96", or
// "etype(99)" for a number without one here.
func (e EType) String() string { return etype.ID(e).String() }
