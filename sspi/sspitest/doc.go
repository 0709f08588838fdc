// Package sspitest is for tests of servers that accept Kerberos: a realm in
// memory that mints keys and tickets, and clients that log in with them. It
// needs no KDC, no network, no file and no configuration.
//
//	realm := sspitest.NewRealm("EXAMPLE.COM")
//	acceptor, err := realm.Acceptor("HTTP/www.example.com")
//	client, err := realm.User("alice").Initiate("HTTP/www.example.com", sspitest.Options{})
//	peer, err := sspitest.Handshake(client, acceptor.NewContext(sspi.ContextConfig{}))
//
// A server that makes its own acceptor is given the keys, by [Realm.Service] or
// [Realm.Config]. A server behind a wire is spoken to with [Initiator.Next], one
// token at a time. [Options] are what a client may want, and what it may get wrong.
//
// # SPNEGO
//
// With Options.SPNEGO the client speaks as browsers, curl and most others do:
// SPNEGO (RFC 4178) around Kerberos. To a web server, its token goes into
// "Authorization: Negotiate", in base64, and the answer comes back in
// "WWW-Authenticate: Negotiate". Even a client that asks for no proof of the
// server (Options.OneWay) then has to read the answer. The client offers Kerberos
// and no other mechanism, so the exchange has no mechListMIC, unless the server
// sends one.
//
// # No passwords
//
// A user here is a name. Nobody has to know a secret to be one: tickets are
// minted and not asked for, and what a KDC would do before it gives one, such as
// checking a password, is not played.
//
// # Time and randomness
//
// A realm from [NewRealm] has the system's clock and randomness. One from
// [NewDeterministicRealm] has neither: its clock stands and its keys are always
// the same, so that the same calls give the same bytes. [Realm.Advance] moves the
// clock of either, for tests of what expires. The keys of a deterministic realm are
// known to everybody: give them to no server but one under test.
//
// # The other side
//
// The client is made with gokrb5, and shares no code with the acceptor that
// could hide a bug in both. It is strict: it refuses an AP-REP that is not right,
// a message that is altered or out of order, and a negotiation that is not as RFC
// 4178 has it.
//
// # Errors
//
// What the acceptor answers to a client that it refuses is an [*Error] with the
// number of RFC 4120, if the answer has one. A mistake in the use of this package is a *status.Error
// with ReasonArgument, or ReasonContextState for a call that comes too early, too
// late or again. A bad name in [NewRealm] or [Realm.User] is reported by the next
// call that returns an error.
//
// # Concurrency
//
// Everything is safe for concurrent use.
package sspitest
