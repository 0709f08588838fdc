// Package sspideleg converts the credentials that a client delegated, so that a server can
// access other services as that client: into a gokrb5 client, [Client], or into a credential
// cache in MIT's format for other programs, [WriteCCache] and [MarshalCCache]. [Service]
// requests tickets on behalf of clients that delegated nothing.
//
//	d := securityContext.Delegated() // with ContextConfig.AcceptDelegation
//	cl, err := sspideleg.Client(d, config)
//	...
//	defer cl.Destroy()
//
// # The power of delegated credentials
//
// A client usually delegates a forwarded ticket-granting ticket. The holder of that ticket
// can act as the client towards every service of the KDC, not only towards the service that
// this server needs, until the ticket ends. Windows calls this unconstrained delegation.
// Therefore:
//
//   - Accept credentials only where the server needs them. Without
//     ContextConfig.AcceptDelegation, the acceptor does not parse them.
//   - Use the credentials only for the client that sent them and in the request with which
//     it sent them, and first check that the client may request the action.
//   - If the server needs only a few known services, configure constrained delegation in the
//     directory instead (S4U2Proxy of MS-SFU): the KDC trusts the server, the client sends no
//     credentials, and Delegated is nil. See below.
//
// A client delegates credentials only if it is configured to do so, if its ticket is
// forwardable (kinit -f) and, normally, if the directory marks the server as trusted for
// delegation (ok-as-delegate). Servers must expect a nil Delegated. If the client forwarded
// credentials and Delegated is nil, Event.DelegationError of package sspi contains the
// reason. Clients of MIT's library and of Windows encrypt the forwarded credentials; Heimdal's clients
// send them unencrypted inside the encrypted authenticator (RFC 6448). The acceptor accepts
// both forms.
//
// # Constrained delegation
//
// The directory says to which services a server may delegate (msDS-AllowedToDelegateTo of
// its account), or which servers may delegate to a service (resource-based:
// msDS-AllowedToActOnBehalfOfOtherIdentity of the service's account). The client needs no
// configuration but a forwardable ticket:
//
//	e := securityContext.Evidence() // with ContextConfig.KeepEvidence
//	d, err := service.OnBehalf(ctx, e, target)
//	...
//	err = sspideleg.WriteCCache(path, d)
//
// The example of [Service] makes a token for HTTP of the ticket in d, and sends it to the back
// end.
//
// For a client that logged in by other means than Kerberos, [Service.ForUser] makes the
// evidence (protocol transition), if the directory trusts the server for that. Such a server
// can act as every user who is not sensitive: treat its keys as those of a domain controller.
//
// Nothing but the KDC decides whether a server may act for a client. Call OnBehalf only in the
// request of that client, and after a check that the client may request the action.
//
// # The limits of delegated credentials
//
// The client knows the session keys of the tickets that it delegated, and can decrypt the
// session keys that the KDC sends to the server for these tickets. A connection that the
// server authenticates with delegated credentials is therefore not secret from the client,
// and the client may even impersonate the service on that connection. If the server must
// authenticate the service independently of the client, it must use TLS, or Kerberos with
// credentials of its own.
//
// The acceptor cannot decrypt the delegated tickets, so it cannot verify that they belong to
// the client. A KDC or service that receives such a ticket trusts the ticket's encrypted
// content and not the client name sent beside it. gokrb5 and MIT's library refuse a reply of
// the KDC with a different client name.
//
// # Secrets
//
// An authenticator.Delegated, the gokrb5 client and the cache are each as secret as the
// client's password until the tickets end. The caller owns them: Close of the security
// context wipes only the context's own copy. Call Destroy of the gokrb5 client after its
// last use: it forgets the tickets, and ends the goroutines that gokrb5 starts when it gets
// tickets of other realms. Remove the cache file when the program that needed it has ended.
// Go cannot guarantee that no copy remains in memory. Errors of this package contain no
// keys, and a Delegated prints redacted. A gokrb5 client does not: do not print it.
//
// # Errors
//
// Every error is or wraps a *status.Error: use errors.As or status.ReasonOf. The Reason is
// ReasonNoCredentials if the client did not delegate the credentials, ReasonTicketExpired,
// ReasonETypeRefused, ReasonBadDelegation if a ticket contradicts the names that the client
// sent with it, ReasonArgument for an error of the caller, or ReasonInternal if the cache
// file cannot be written. A refusal by the KDC wraps a *KDCError, with ReasonKDCRefused, and
// an answer that does not fit the request has ReasonBadDelegation.
//
// # Concurrency
//
// The functions of this package and the methods of [Service] are safe for concurrent use. A
// *client.Client is safe for concurrent use only if its configuration names at most one KDC for
// each realm, or leaves the KDCs to DNS: gokrb5 reorders several KDCs in the configuration at each
// request. Give each gokrb5 client that names several a configuration of its own, as [Client]
// does, and use the client of a Service for nothing else. Call Destroy of a *client.Client only
// after all other calls.
package sspideleg
