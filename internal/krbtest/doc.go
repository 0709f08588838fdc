// Package krbtest is the other side of an exchange, for tests: a KDC that mints
// keys and tickets, and an initiator that can be made to say anything.
//
// Everything is made in two steps. A function fills a struct with what a
// well-behaved KDC or client (MIT's) would send; the test changes the fields it
// is about; a second function encodes and encrypts what is there then:
//
//	realm := krbtest.NewRealm("EXAMPLE.COM")
//	table := realm.Service("HTTP/www.example.com")
//	ticket := realm.Ticket("alice", "HTTP/www.example.com")
//	ticket.Part.EndTime = realm.Now().Add(-time.Hour)
//	request := ticket.APReq()
//	request.Flags |= flags.GSS_C_DELEG_FLAG
//	token := request.Token()
//
// [APReq.Start] makes an [Initiator] of it, and [Initiator.Negotiate] a
// [Negotiation], which is one in SPNEGO. They check what they are answered as
// strictly as the standards allow, whatever they were made to say.
//
// The messages are made with gokrb5's types and cryptography and gofork's ASN.1
// encoder, and with nothing of this module but its vocabulary, so that the two
// ends of a test share no bug. What gokrb5 lacks (sealed wrap tokens, rotation,
// encoding an AP-REP or a KRB-CRED) is written here on top of its primitives.
//
// A [Realm] from [NewRealm] is deterministic: same calls, same bytes.
//
// What cannot be encoded panics: this package only ever serves tests.
package krbtest
