// Package spnego reads and writes the tokens of the negotiation mechanism (RFC
// 4178; MS-SPNG) as an acceptor meets them, chooses the mechanism, and puts
// fragments of tokens together. It knows no mechanism: what goes on inside the
// tokens, and the MIC over the list of mechanisms, is its caller's.
//
// # What is accepted
//
// DER, and the whole token. As RFC 4178 and MS-SPNG allow, these are passed over:
// the request flags, the hints of a server, a missing state, and fields behind the
// known ones, which have rising tags. A mechList MIC in a first token may have tag 3,
// as in RFC 4178, or 4, as in MS-SPNG.
//
// # Ownership
//
// What parsing leaves in an Init or a Response are views of the token.
//
// Errors are *status.Error with a static text: nothing of the peer's is in it.
package spnego
