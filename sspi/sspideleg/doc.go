// Package sspideleg turns the credentials that a client delegated into what a
// server uses to go on in the client's name: a gokrb5 client, [Client], or a
// credential cache in MIT's format for other programs, [WriteCCache] and
// [MarshalCCache].
//
//	d := securityContext.Delegated() // with ContextConfig.AcceptDelegation
//	cl, err := sspideleg.Client(d, config)
//	...
//	defer cl.Destroy()
//
// # What it means
//
// Most often a client delegates a forwarded ticket-granting ticket. Whoever holds it
// is the client, towards every service that the KDC knows and not just the one that
// this server has in mind, until the ticket ends. Windows calls that unconstrained
// delegation. So:
//
//   - Take it only where it is needed: without ContextConfig.AcceptDelegation what
//     comes is not even read.
//   - Use it for the client that sent it, in the request that it came with, and after
//     your own check of whether that client may have this done.
//   - Where the server needs no more than a few known services, let the directory
//     allow it these instead (constrained delegation, S4U2Proxy of MS-SFU). Nothing of
//     that shows here: there the KDC trusts the server, the client sends nothing, and
//     Delegated is nil.
//
// A client delegates only if it is told to, its ticket may be forwarded (kinit -f),
// and, as a rule, the directory calls the server trusted for delegation
// (ok-as-delegate). A nil Delegated is an everyday thing. Where the
// client did forward credentials and Delegated is nil, Event.DelegationError of package
// sspi says why they were withheld. MIT's and Windows' clients encrypt the forwarded
// credentials; Heimdal's clients send them unencrypted inside the encrypted
// authenticator (RFC 6448). Both are accepted.
//
// # What it does not mean
//
// The client knows the keys in what it sent, and can read those that the KDC sends back
// for them. So a connection that the server makes with them is no secret from that
// client, who may even play the other end of it. Where this server must know whom it
// talks to, though its client would rather it did not, it needs TLS, or Kerberos with
// credentials of its own.
//
// The tickets are sealed for others. That they are the client's own is what the client
// says; a KDC or a service that is shown one goes by what is in it. gokrb5 and MIT's
// library refuse an answer of the KDC in another name.
//
// # Secrets
//
// An authenticator.Delegated, the client and the cache are each as secret as the
// client's password while the tickets last. Their owner is the caller: the security
// context forgets its own copy in Close, and reaches no other. Call Destroy of the
// gokrb5 client when it has done its work: it forgets the tickets, and ends the
// goroutines that gokrb5 starts when it gets tickets of other realms. Remove the file
// when the program that needed it has ended. Go cannot promise that no copy stays in
// memory. No error here has a key in its text, and a Delegated prints redacted; gokrb5's
// client does not take that care, so do not print it.
//
// # Errors
//
// Errors are, or wrap, *status.Error: ReasonNoCredentials where the client did not
// delegate what is asked for, ReasonTicketExpired, ReasonETypeRefused,
// ReasonBadDelegation for a ticket that is not what the client said it is,
// ReasonArgument for a mistake of the caller's, and ReasonInternal for a file that
// cannot be written.
//
// # Concurrency
//
// Everything here is safe for concurrent use, and so is a *client.Client, but for its
// Destroy, which comes last.
package sspideleg
