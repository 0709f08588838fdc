// Package sspi accepts Kerberos clients: bytes from a client in; bytes to send
// back, a verdict and a verified identity out. It is pure Go, asks no KDC and
// needs no Windows.
//
// It has two faces over one core. The Go face is [NewAcceptor],
// [Acceptor.NewContext] and [Context.Accept], with errors:
//
//	keys, err := keytab.OpenFile("/etc/http.keytab")
//	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys})
//	...
//	c := acceptor.NewContext(sspi.ContextConfig{})
//	defer c.Close()
//	for {
//		reply, peer, err := c.Accept(ctx, <the client's token>)
//		<send reply if it is not empty>
//		if err == nil {
//			<the client is peer.Client>
//		}
//		if err != sspi.ErrContinue {
//			<refused>
//		}
//	}
//
// The Windows face mirrors sspi.h: [AcquireCredentialsHandle],
// [AcceptSecurityContext] in a loop until SEC_E_OK, [QueryContextAttributes],
// [EncryptMessage] and their siblings, with handles, buffers and status codes.
// The two may be mixed: [CtxtHandle.Context] leads from one to the other.
//
// # Packages
//
// [Negotiate], the default, takes SPNEGO (RFC 4178, MS-SPNG) with Kerberos in it, as
// browsers, curl and Windows send it, and Kerberos tokens as they are; it answers in
// kind. [Kerberos] takes no SPNEGO. In SPNEGO a list of mechanisms that Kerberos does
// not head costs the client one more token, or two, with which both sides sign that they
// saw the same list; tokens may come in fragments, unless ContextConfig.WholeTokens is
// set; and a client that begins with an
// empty token is told what there is. NTLM, NegoEx and IAKERB are recognised and refused,
// each with a Reason of its own.
//
// A service without a keytab, such as a program that a user runs, accepts under the
// session key of a ticket-granting ticket that it holds, by user-to-user
// authentication: Config.UserToUser. An established context goes on in another
// process by [Context.Export] and [Acceptor.Import], under Config.ExportKey.
//
// Carriers are in the folders of this package: sspihttp for net/http, sspissh for
// golang.org/x/crypto/ssh, sspisasl for LDAP and everything else that speaks SASL.
// sspitls makes channel bindings.
//
// # What is checked
//
// Each accept runs the checks of RFC 4120, Section 3.2.3, and RFC 4121, Section
// 4.1, in this order: size and form of the token; the ticket's encryption type, by
// policy; the ticket, by a key of the keytab; its validity; the authenticator, by the
// ticket's session key; that both name the same client; addresses; transited
// realms; critical authorization data; the clock; the checksum; channel
// bindings; the subkey's encryption type; forwarded credentials; required properties;
// that the reply has room; and last the replay cache. Nothing of the client is written
// to the context before all of them have passed. Where another token is due, the third
// of DCE style or SPNEGO's MIC, there is no identity before it is right: identity and
// success come together or not at all.
//
// A token is refused with a [status.Reason], which says why, and from which the
// one table in package status makes the SECURITY_STATUS and the error number
// that the client gets. Reasons are for the operator: they never go to the
// peer.
//
// # Encryption types
//
// The AES types 17 to 20 are permitted, and RC4 is not, unless Config.TicketETypes
// or Config.ETypes name it. The former admits RC4 tickets, with AES for all that
// follows: what a service of an Active Directory account without AES keys needs. The
// latter admits RC4 contexts too (RFC 4757); but a client that says that it has AES
// gets a context of AES, if it waits for an answer. In a context of RC4, messages
// rest on MD5, and nothing protects their sequence number and direction: who sits in
// between can drop messages, renumber those that follow, and send ours back to us as
// the client's.
//
// # Concurrency
//
// Everything is safe for concurrent use. Of two calls of Accept at once on one
// context one is refused. Sealing and opening may run side by side, and Close
// may come at any time. No goroutine is started.
//
// # Keys and secrets
//
// Types that can reach a key print redacted. Close and failure wipe keys as far
// as Go lets them be wiped: copies that the garbage collector made, and those a
// caller took, are out of reach.
package sspi
