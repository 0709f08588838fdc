// Package keytab has the two things that everything else here is about: whose
// name, and which key.
//
// [Principal] is a Kerberos name and [Key] a key; there is no other type for
// either in this module. A [Table] is an immutable set of service keys, indexed
// and ready to decrypt with. A [Source] says which Table is current: a Table is
// a Source of itself, [OpenFile] follows a keytab file while keys are rotated,
// and [SourceFunc] is for keys that live elsewhere.
//
//	file, err := keytab.OpenFile("/etc/http.keytab")
//
// # Secrets
//
// Keys print as redacted under every verb of fmt, in JSON and in slog, and no
// error of this package holds key bytes. [Key.Bytes] and [Table.MarshalBinary]
// are the only ways out.
//
// # Concurrency
//
// Everything here is safe for concurrent use. Principal and Key are values that
// are copied freely; a Table never changes; a [File] replaces its Table whole,
// so that one exchange sees one generation of keys.
package keytab
