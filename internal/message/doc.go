// Package message protects the messages of an established context with the per-message
// tokens of RFC 4121, Section 4.2 and RFC 4757, Section 7. [Protector.Wrap] and
// [Protector.Unwrap] make and take whole tokens, as GSS-API does.
// [Protector.SealSegments] and [Protector.OpenSegments] work in place on a message in
// several buffers and keep the rest of the token in a buffer of its own, as SSPI does
// (MS-KILE, Section 3.4.5.4.1).
//
// A [Protector] is the acceptor's side of a context. Its two directions are independent
// of each other: each has its own keys, except under RC4, its own sequence number and
// its own lock.
//
// A token that is not genuine is refused with one error and without plaintext, whichever
// check fails; a token that is too short for its header has an error of its own. The
// sequence number is checked only after the token has proved genuine.
package message
