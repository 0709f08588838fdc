// Package etype implements the encryption types of this library:
//
//	17, 18  aes128-, aes256-cts-hmac-sha1-96            RFC 3961, RFC 3962
//	19, 20  aes128-cts-hmac-sha256-128, aes256-cts-hmac-sha384-192   RFC 8009
//	23      rc4-hmac                                    RFC 4757
//
// rc4-hmac is weak. A policy permits it only by naming it; see [Permitted].
//
// A [Key] implements the operations of RFC 3961: encryption with integrity and
// checksums, each for a key usage number. A [Usage] holds the derived keys of one key
// usage, for the many messages of an established context.
// [MessageCipher] holds the additional keys for the messages of RC4.
//
// Each precondition is checked in one place, before any cryptography: [Key.guard] checks
// key usages, [New] checks key lengths, and [Key.Decrypt] checks the minimum length of a
// ciphertext. No function returns plaintext before it has verified the checksum. No error
// text contains a key, a checksum or a byte of a message.
//
// To add an encryption type, add a row to the table of profiles and, for a new
// construction, a case to every switch over constructions.
package etype
