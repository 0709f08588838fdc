// Package ticket opens the Kerberos ticket inside an AP-REQ (RFC 4120,
// Sections 3.2.3 and 5.3).
//
// [Open] parses the whole AP-REQ, finds a key for its ticket, decrypts it and
// checks that the ticket is valid now. That proves who made the ticket: a KDC
// that holds the service's key. It proves nothing about who sent it. Tickets
// travel in clear and anybody may present one, so a [Ticket] gives its content
// away only through [Ticket.Unproven]; package authenticator turns it into
// proof.
package ticket
