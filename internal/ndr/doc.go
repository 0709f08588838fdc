// Package ndr decodes the NDR-encoded structures of a PAC: the transfer syntax NDR of
// [C706], Chapter 14, little-endian, with the type serialization version 1 headers of
// [MS-RPCE], Section 2.2.6.
//
// It is not a general NDR library. A caller reads the members of a structure in their
// order with the methods of [Decoder], remembers which pointers are not null, and reads
// their referents in the same order afterwards: NDR places the referents of a structure's
// embedded pointers after the structure.
//
// # Hostile input
//
// Every count is compared with the bytes that are left before a slice is allocated, so
// that a decoder never allocates more than a small multiple of its input. A Decoder never
// follows a referent id: two pointers with the same id have two referents, and no input
// can describe a cycle. After the first error every method returns zero values; the caller
// checks [Decoder.Err] once.
package ndr
