// Package message protects the messages of an established context: the
// per-message tokens of RFC 4121, Section 4.2, in the two shapes that they come
// in. [Protector.Wrap] and its inverse make and take whole tokens, as GSS-API has
// them; [Protector.SealSegments] and its inverse work in place on a message that
// lies in several pieces, with all that belongs to it in front, as SSPI has them
// (MS-KILE, Section 3.4.5.4.1).
//
// A [Protector] is the acceptor's end. Its two directions are independent of each
// other: each has its own keys, except under RC4, its own count and its own lock.
//
// All failures of a token look the same, whatever is wrong with it: there is one
// error, without plaintext. Only afterwards is a genuine token's place in the
// sequence judged.
package message
