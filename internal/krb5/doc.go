// Package krb5 reads and writes the Kerberos messages that an acceptor receives and sends
// (RFC 4120, Section 5; RFC 4121, Section 4.1; RFC 2743, Section 3.1;
// draft-swift-win2k-krb-user2user-03).
//
// # Accepted encodings
//
// Parse accepts DER only and must consume the whole input. It refuses indefinite,
// non-minimal and excess lengths, multi-byte tags, constructed strings, fields out of
// order, unknown fields and trailing bytes. RFC 4120 gives none of these types an
// extension marker, and its Section 1.4.2 says that fields cannot be added to them. The
// limits are documented at [Name], [ReadAuthorizationData], [ReadAddresses] and
// [KRBCred].
//
// Parse accepts more than one form of three types, because peers send them, and Append
// writes one form of each:
//
//   - KerberosFlags may have 0 to 64 bits. Absent bits are 0 and bits after the 32nd are
//     ignored. Append writes 32 bits.
//   - UInt32 may be a positive number of up to 33 bits, or the negative number with the
//     same 32 bits. Append writes sequence numbers and nonces as positive numbers. It
//     writes key versions from 1<<31 up as negative numbers, like MIT.
//   - Realms and names are byte strings. This package does not refuse text that is not
//     UTF-8; keytab.ParsePrincipal does, when a name becomes an identity.
//     [AppendPrincipal] escapes NUL, so that a NUL cannot be confused with other bytes.
//
// # Ownership
//
// The slices in a parsed message are views of the input. Parse copies nothing and, except
// for KRB-CRED, allocates nothing. The views are valid until the input is modified. The
// capacity of a view is its length, so that appending to a view never writes to the
// input. If Parse fails, it sets the message to its zero value.
//
// Append appends the message to dst. The spare capacity of dst must not overlap the
// slices of the message. Append does not allocate if the capacity suffices. Append does
// not validate: it also writes messages that Parse would refuse.
//
// Errors are *status.Error with a static text that contains no bytes of the peer.
//
// A message is not safe for use while another goroutine changes it.
package krb5
