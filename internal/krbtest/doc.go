// Package krbtest plays the acceptor's peers in tests: a KDC that issues keys and
// tickets, and an initiator whose messages a test can change in every field.
//
// Each message is made in two steps. A function fills a struct with the values that MIT's
// KDC or client would send. The test changes fields of the struct. A second function
// encodes and encrypts the struct:
//
//	realm := krbtest.NewRealm("EXAMPLE.COM")
//	table := realm.Service("HTTP/www.example.com")
//	ticket := realm.Ticket("alice", "HTTP/www.example.com")
//	ticket.Part.EndTime = realm.Now().Add(-time.Hour)
//	request := ticket.APReq()
//	request.Flags |= flags.GSS_C_DELEG_FLAG
//	token := request.Token()
//
// [APReq.Start] makes an [Initiator] that sends the APReq, and [Initiator.Negotiate]
// makes a [Negotiation], which is an initiator in SPNEGO. Both check the acceptor's
// answers as strictly as the standards allow, whichever messages the test made them send.
//
// A ticket has no PAC unless the test sets [Ticket.PAC]. The package makes PACs with an NDR
// encoder of its own, and signs them when the ticket is sealed; a test can change their
// buffers.
//
// The messages are made with gokrb5's types and cryptography and gofork's ASN.1
// encoder. Of this module, they use only types, constants and the methods of pac.SID, so that
// the two sides of a test share no bug. This package implements the parts that gokrb5 lacks (sealed wrap
// tokens, rotation, encoding of an AP-REP or a KRB-CRED) with gokrb5's primitives.
//
// A [Realm] from [NewRealm] is deterministic: the same calls give the same bytes.
//
// Functions panic on values that cannot be encoded, because only tests call them.
package krbtest
