package etype

import (
	"crypto/aes"
	"crypto/fips140"
	"slices"
	"strconv"
)

// ID is the number of an encryption type (RFC 3961, Section 8).
type ID int32

// The encryption types that this package knows.
const (
	AES128SHA1 ID = 17 // RFC 3962
	AES256SHA1 ID = 18 // RFC 3962
	AES128SHA2 ID = 19 // RFC 8009
	AES256SHA2 ID = 20 // RFC 8009
	RC4        ID = 23 // RFC 4757
)

// String returns the registered name, such as "aes256-cts-hmac-sha1-96", also of types
// that this package does not implement, or "etype(99)" for any other number.
func (id ID) String() string {
	if p := known(id); p != nil {
		return p.name
	}
	if name := notImplemented(id); name != "" {
		return name
	}
	return "etype(" + strconv.Itoa(int(id)) + ")"
}

// notImplemented returns the name of a type that keytabs and tickets have and this
// package does not implement, from IANA's registry of Kerberos encryption type numbers.
func notImplemented(id ID) string {
	switch id {
	case 1:
		return "des-cbc-crc"
	case 2:
		return "des-cbc-md4"
	case 3:
		return "des-cbc-md5"
	case 5:
		return "des3-cbc-md5"
	case 7:
		return "des3-cbc-sha1"
	case 16:
		return "des3-cbc-sha1-kd"
	case 24:
		return "rc4-hmac-exp"
	case 25:
		return "camellia128-cts-cmac"
	case 26:
		return "camellia256-cts-cmac"
	}
	return ""
}

// MaxConfounderLen is the length of the longest confounder of any type: an AES
// block.
const MaxConfounderLen = aes.BlockSize

// maxKeyLen is the length of the longest key of any type.
const maxKeyLen = 32

// Profile is what callers have to know about a type. Lengths are in bytes.
// Profiles are shared and not to be modified.
type Profile struct {
	ID            ID
	KeyLen        int
	ConfounderLen int // random bytes in front of every plaintext
	ChecksumLen   int
	MinCiphertext int   // confounder and checksum around an empty plaintext
	ChecksumType  int32 // the checksum type that belongs to it

	name         string
	construction construction
	hash         *hashing
	macKeyLen    int    // of the derived Ki and Kc
	prfLen       int    // of the pseudo-random function's output
	iterations   uint32 // of PBKDF2, by default
}

// construction is how a type puts cipher and checksum together, and how it
// derives keys.
type construction uint8

const (
	// macThenEncrypt is the simplified profile of RFC 3961: the checksum is of the
	// plaintext, and derivation is by the cipher.
	macThenEncrypt construction = iota
	// encryptThenMAC is RFC 8009: the checksum is of the ciphertext, and
	// derivation is by the HMAC.
	encryptThenMAC
	// rc4HMAC is RFC 4757: the checksum is of the plaintext and stands in front of
	// the ciphertext, the cipher's key is derived from it, and all derivation is by
	// the HMAC.
	rc4HMAC
)

var profiles = [...]Profile{
	{
		ID: AES128SHA1, KeyLen: 16, ConfounderLen: 16, ChecksumLen: 12, MinCiphertext: 28, ChecksumType: 15,
		name: "aes128-cts-hmac-sha1-96", construction: macThenEncrypt, hash: sha1Hashing,
		macKeyLen: 16, prfLen: 16, iterations: 4096,
	},
	{
		ID: AES256SHA1, KeyLen: 32, ConfounderLen: 16, ChecksumLen: 12, MinCiphertext: 28, ChecksumType: 16,
		name: "aes256-cts-hmac-sha1-96", construction: macThenEncrypt, hash: sha1Hashing,
		macKeyLen: 32, prfLen: 16, iterations: 4096,
	},
	{
		ID: AES128SHA2, KeyLen: 16, ConfounderLen: 16, ChecksumLen: 16, MinCiphertext: 32, ChecksumType: 19,
		name: "aes128-cts-hmac-sha256-128", construction: encryptThenMAC, hash: sha256Hashing,
		macKeyLen: 16, prfLen: 32, iterations: 32768,
	},
	{
		ID: AES256SHA2, KeyLen: 32, ConfounderLen: 16, ChecksumLen: 24, MinCiphertext: 40, ChecksumType: 20,
		name: "aes256-cts-hmac-sha384-192", construction: encryptThenMAC, hash: sha384Hashing,
		macKeyLen: 24, prfLen: 48, iterations: 32768,
	},
	{
		ID: RC4, KeyLen: 16, ConfounderLen: 8, ChecksumLen: 16, MinCiphertext: 24, ChecksumType: -138,
		name: "rc4-hmac", construction: rc4HMAC, hash: md5Hashing,
		macKeyLen: 16,
	},
}

// Lookup returns the profile of an implemented type. Where the Go runtime enforces
// FIPS 140-3 (GODEBUG=fips140=only), those that need SHA-1 or MD5 are not
// implemented: a use of these would panic.
func Lookup(id ID) (*Profile, bool) {
	p := known(id)
	if p == nil || !p.hash.approved && fips140.Enforced() {
		return nil, false
	}
	return p, true
}

// known is a type's profile, implemented or not.
func known(id ID) *Profile {
	switch {
	case id >= AES128SHA1 && id <= AES256SHA2:
		return &profiles[id-AES128SHA1] // which stand in the order of the numbers
	case id == RC4:
		return &profiles[len(profiles)-1]
	}
	return nil
}

// Permitted reports whether a policy admits a type. A nil list is the default
// policy, 17 to 20; an empty one admits nothing. A list is a filter: a member
// that is not implemented is not permitted either.
func Permitted[E ~int32](list []E, e int32) bool {
	if _, ok := Lookup(ID(e)); !ok {
		return false
	}
	if list == nil {
		return ID(e) != RC4
	}
	return slices.Contains(list, E(e))
}
