// Package authenticator checks that the sender of an AP-REQ holds the ticket's
// session key, now and for the first time (RFC 4120, Section 3.2.3).
//
// [Check] takes a ticket that [ticket.Open] opened, decrypts the authenticator
// beside it and applies every check but one. [Checked.Claim] applies the last:
// it records the authenticator in a [ReplayCache]. What it returns, a
// [Verified], is the only thing from which the library makes an identity or an
// AP-REP, so that no path can forget the replay cache.
package authenticator
