// Package pac verifies and decodes the privilege attribute certificate (PAC, [MS-PAC]) of
// a ticket: the account, the groups and the claims of the client, by the word of its
// domain.
//
// [Verify] checks the container and the server signature before it looks into any buffer,
// and binds the PAC to the ticket. The methods of [PAC] then return the facts of each
// buffer. A method returns an error if its buffer does not decode, and never an empty list
// in place of an error.
//
// # The server signature
//
// The server signature proves that a holder of the service's key made the PAC: the KDC,
// another service with the same key, or an administrator of the service. The KDC's
// signatures (types 7, 16 and 19) can be verified by the KDC only. This package never calls
// them verified.
//
// # Bounds
//
// A PAC has at most 64 buffers, a buffer at most 4096 SIDs, claims at most 1 MiB
// uncompressed. Decoding a buffer allocates at most 1 MiB and 16 times its length, and claims
// that were compressed at most 4 MiB.
package pac
