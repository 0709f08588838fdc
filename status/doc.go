// Package status describes how an exchange ended. A [Code] is the SECURITY_STATUS that an
// SSPI function returns, with the number and the name of Windows. A [Reason] tells the
// operator why a token, a message or a call was refused: Reasons form a closed list that
// can be counted, and each has a line of help. An [Error] has a Reason. One table of this
// package maps the Reason to the Error's Code and to its Kerberos error code (RFC 4120), so
// that the three never contradict each other.
//
// A Reason and the text of an Error are for logs and metrics. The library never sends
// them to the peer, which sees only the Kerberos error code.
package status
