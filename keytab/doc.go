// Package keytab defines Kerberos principal names and encryption keys, and reads them
// from keytab files.
//
// A [Principal] is a Kerberos name and a [Key] is a Kerberos key; this module has no other
// type for either. A [Table] is an immutable, indexed set of service keys. A [Source]
// returns the current Table: a Table is a Source that returns itself, [OpenFile] follows a
// keytab file while keys are rotated, and a [SourceFunc] returns keys that are stored
// elsewhere.
//
//	file, err := keytab.OpenFile("/etc/http.keytab")
//
// # Secrets
//
// Keys print as redacted under every verb of fmt, in JSON and in slog, and no error of
// this package contains key bytes. Only [Key.Bytes] and [Table.MarshalBinary] return
// secrets.
//
// # Concurrency
//
// All types of this package are safe for concurrent use. Principals and Keys are values
// and may be copied. A Table never changes. A [File] replaces its Table as a whole, so
// one exchange uses one generation of keys.
package keytab
