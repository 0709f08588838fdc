// Package krb5 reads and writes the messages of Kerberos that an acceptor meets
// (RFC 4120, Section 5; RFC 4121, Section 4.1; RFC 2743, Section 3.1;
// draft-swift-win2k-krb-user2user-03).
//
// # What Parse accepts
//
// DER, and the whole input: indefinite, non-minimal and excess lengths,
// multi-byte tags, constructed strings, fields out of order, fields that are
// not in the RFC and bytes after the message are refused. RFC 4120 gives none
// of these types an extension marker, and says in Section 1.4.2 that fields
// cannot be added to them. The bounds are those of [Name],
// [ReadAuthorizationData], [ReadAddresses] and [KRBCred].
//
// Three things are read in more than one form, since peers write them so, and
// written in one:
//
//   - KerberosFlags of 0 to 64 bits: absent bits are 0, those behind the 32nd
//     are dropped; 32 are written.
//   - UInt32 as a positive number of up to 33 bits, or as the negative number of
//     the same 32. A sequence number and a nonce are written positive, a key
//     version as MIT does, negative from 1<<31 up.
//   - The realm and the names are bytes. Text that is not UTF-8 is not refused
//     here but where a name becomes an identity, in keytab.ParsePrincipal; NUL
//     is kept apart from all else by [AppendPrincipal], which escapes it.
//
// # Ownership
//
// What Parse leaves in a message are views of its input: nothing is copied and,
// but for KRB-CRED, nothing allocated. They are valid as long as the input is
// left alone; their capacity is their length, so that appending to one never
// writes to the input. When Parse fails it leaves the zero message.
//
// Append writes the message behind dst, whose spare room must not overlap what
// the message refers to, and does not allocate where there is room enough. It
// writes what it is given: a message with fields that no Parse would have
// accepted is written all the same.
//
// Errors are *status.Error with a static text: nothing of the peer's is in it.
//
// A message is not safe for use while another goroutine changes it.
package krb5
