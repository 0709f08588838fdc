// Package spnego reads and writes the tokens of the negotiation mechanism (RFC
// 4178; MS-SPNG) as an acceptor needs them, chooses the mechanism, and puts
// fragments of tokens together. It knows no mechanism: its caller processes the
// mechanism's tokens inside, and computes the MIC over the list of mechanisms.
//
// # Accepted tokens
//
// The parsers accept DER, and the whole token. As RFC 4178 and MS-SPNG allow, a state
// may be missing, and fields with rising tags may follow the known ones. The values of
// the request flags, of a server's hints and of unknown fields are not used; their
// encoding is checked: request flags are a BIT STRING of at most 32 bits, hints are a
// NegHints without other fields, and an unknown field holds one element in DER. A
// mechListMIC in a first token may have tag 3, as in RFC 4178, or 4, as in MS-SPNG.
//
// # Bounds
//
// A list of mechanisms has at most 32 entries and 1024 bytes. A token has as many bytes
// as the caller allows. Fragments holds no more memory than the bytes that it received,
// in blocks of 512 bytes.
//
// # Ownership
//
// The slices of an Init or a Response that a parser returns are views of the token.
//
// Errors are *status.Error. Their text holds no bytes of the peer.
package spnego
