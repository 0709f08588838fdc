// Package ticket opens the Kerberos ticket inside an AP-REQ (RFC 4120,
// Sections 3.2.3 and 5.3).
//
// [Open] parses the whole AP-REQ, finds a key for its ticket, decrypts it and
// checks that the ticket is valid now. That proves that a KDC with the service's key
// issued the ticket. It proves nothing about the sender: an attacker can capture a ticket
// and send it. So a [Ticket] returns its content only by [Ticket.Unproven]. Package
// authenticator proves that the sender is the ticket's client.
package ticket
