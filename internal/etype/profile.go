package etype

import (
	"crypto/aes"
	"crypto/fips140"
	"slices"
	"strconv"
)

// ID is the number of an encryption type (RFC 3961, Section 8).
type ID int32

// The encryption types of this package.
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

// MaxConfounderLen is the length of the longest confounder of all types: an AES block.
const MaxConfounderLen = aes.BlockSize

// maxKeyLen is the length of the longest key of all types.
const maxKeyLen = 32

// Profile holds the parameters of an encryption type. Lengths are in bytes. Profiles are
// shared and must not be modified.
type Profile struct {
	ID            ID
	KeyLen        int
	ConfounderLen int // number of random bytes before every plaintext
	ChecksumLen   int
	MinCiphertext int   // length of the ciphertext of an empty plaintext
	ChecksumType  int32 // the checksum type that RFC 3961 associates with the type

	name         string
	construction construction
	hash         *hashing
	macKeyLen    int    // length of the derived Ki and Kc
	prfLen       int    // length of the output of the pseudo-random function
	iterations   uint32 // default number of PBKDF2 iterations
}

// construction tells how an encryption type combines cipher and checksum and derives keys.
type construction uint8

const (
	// macThenEncrypt is the simplified profile of RFC 3961: the checksum covers the
	// plaintext, and keys are derived with the cipher.
	macThenEncrypt construction = iota
	// encryptThenMAC is the construction of RFC 8009: the checksum covers the
	// ciphertext, and keys are derived with HMAC.
	encryptThenMAC
	// rc4HMAC is the construction of RFC 4757: the checksum covers the plaintext and
	// precedes the ciphertext, the cipher key is derived from the checksum, and all keys
	// are derived with HMAC.
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

// Lookup returns the profile of an implemented type. If the Go runtime enforces FIPS 140-3
// (GODEBUG=fips140=only), the types that need SHA-1 or MD5 are not implemented, because
// the runtime would panic on their use.
func Lookup(id ID) (*Profile, bool) {
	p := known(id)
	if p == nil || !p.hash.approved && fips140.Enforced() {
		return nil, false
	}
	return p, true
}

// known returns the profile of a type, whether or not FIPS 140-3 mode permits the type.
func known(id ID) *Profile {
	switch {
	case id >= AES128SHA1 && id <= AES256SHA2:
		return &profiles[id-AES128SHA1] // profiles is ordered by number
	case id == RC4:
		return &profiles[len(profiles)-1]
	}
	return nil
}

// Permitted reports whether a policy permits an encryption type. A nil list is the default
// policy, 17 to 20; an empty list permits no type. Permitted never permits a type that is
// not implemented, even if the list names it.
func Permitted[E ~int32](list []E, e int32) bool {
	if _, ok := Lookup(ID(e)); !ok {
		return false
	}
	if list == nil {
		return ID(e) != RC4
	}
	return slices.Contains(list, E(e))
}
