// Package status says how an exchange ended, for two audiences. A [Code] is
// what the caller of an SSPI function sees: SECURITY_STATUS, with Windows'
// numbers and names. A [Reason] is what the operator needs to know: why, from a
// closed list that can be counted, each with a line of help. An [Error] carries
// a Reason; its Code and the error number of RFC 4120 are looked up in the one
// table of this package, so that the three can never contradict each other.
//
// A Reason, and the text of an Error, are for logs and metrics. They are never
// sent to the peer: what it may learn is the Kerberos error number alone.
package status
