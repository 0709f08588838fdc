// Package authenticator verifies that the sender of an AP-REQ has the ticket's session key
// and that the AP-REQ is recent and not a replay (RFC 4120, Section 3.2.3).
//
// [Check] decrypts the authenticator that belongs to a ticket of [ticket.Open], and
// applies every check except the replay check. [Checked.Claim] applies that check: it
// records the authenticator in a [ReplayCache] and returns a [Verified]. The library
// makes identities and AP-REPs only from a Verified, so no code path can omit the replay
// cache.
package authenticator
