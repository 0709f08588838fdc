// Package etype implements the encryption types that an acceptor meets:
//
//	17, 18  aes128-, aes256-cts-hmac-sha1-96            RFC 3961, RFC 3962
//	19, 20  aes128-cts-hmac-sha256-128, aes256-cts-hmac-sha384-192   RFC 8009
//	23      rc4-hmac                                    RFC 4757
//
// The last is weak, and no policy permits it that does not name it: [Permitted].
//
// A [Key] does what RFC 3961 defines: encryption with integrity, checksums and
// the pseudo-random function, each for a key usage number. A [Usage] is one
// usage of a key derived once, for the many messages of an established context;
// [MessageCipher] is what those of RC4 need besides.
//
// What every operation demands of its arguments is checked in one place, before
// any cryptography: [Key.guard] for usages, [New] for key lengths, and the
// minimum length of a ciphertext in [Key.Decrypt]. No plaintext leaves before
// its checksum was verified, and no error text holds a key, a checksum or a byte
// of a message.
//
// A further type is a row of the table of profiles and, where its construction
// is a new one, a case wherever a construction is asked for.
package etype
