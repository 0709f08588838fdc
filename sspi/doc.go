// Package sspi accepts Kerberos clients. The package takes bytes from a client and returns
// the bytes to send back, a verdict, and a verified identity. It is pure Go, asks no KDC and
// does not need Windows.
//
// It has two APIs over the same code. The Go API is [NewAcceptor], [Acceptor.NewContext] and
// [Context.Accept], with errors:
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
//			<the client is peer.Principal()>
//		}
//		if err != sspi.ErrContinue {
//			<refused>
//		}
//	}
//
// The Windows API mirrors sspi.h: [AcquireCredentialsHandle], [AcceptSecurityContext] in a
// loop until SEC_E_OK, [QueryContextAttributes], [EncryptMessage] and related functions,
// with handles, buffers and status codes. A program may mix the two APIs:
// [CtxtHandle.Context] returns the Context of a handle, and [Context.Handle] the handle of a
// Context.
//
// # Packages
//
// The security package [Negotiate], the default, accepts SPNEGO (RFC 4178, MS-SPNG) that
// carries Kerberos, as browsers, curl and Windows send it, and raw Kerberos tokens. A reply
// uses the framing of the request: SPNEGO for SPNEGO, raw Kerberos for raw Kerberos. The
// security package [Kerberos] accepts no SPNEGO. If Kerberos is not the first mechanism in
// the client's SPNEGO list, one or two additional tokens carry the mechListMIC, with which
// both sides prove that they saw the same list. Tokens may arrive in fragments, unless
// ContextConfig.WholeTokens is set. The acceptor answers an empty first token with the list
// of supported mechanisms. It recognises NTLM, NegoEx and IAKERB and refuses each with its
// own Reason.
//
// A service without a keytab, such as a program of a user, accepts with the session key of a
// ticket-granting ticket by user-to-user authentication: see Config.UserToUser.
// [Context.Export] and [Acceptor.Import] move an established context to another process,
// encrypted with Config.ExportKey.
//
// Integration packages are in the folders of this package: sspihttp for net/http, sspissh
// for golang.org/x/crypto/ssh, sspisasl for LDAP and other protocols with SASL. sspitls makes
// channel bindings.
//
// # What is checked
//
// Each accept runs the checks of RFC 4120, Section 3.2.3, and RFC 4121, Section
// 4.1, in this order: size and form of the token; the ticket's encryption type, by
// policy; the ticket, by a key of the keytab; its validity; the authenticator, by the
// ticket's session key; that both name the same client; addresses; transited
// realms; critical authorization data; the clock; the checksum; channel
// bindings; the subkey's encryption type; forwarded credentials; the PAC, by policy;
// required properties; the room for the reply; the replay cache; and a mechListMIC, if the
// client sent one.
// Accept writes nothing of the client to the context before all checks of its token have
// passed. Where the exchange needs another token, the third token of DCE style or the
// mechListMIC of SPNEGO, Accept returns the identity only with the success of the last
// token.
//
// A refusal has a [status.Reason]. The table in package status maps it to the
// SECURITY_STATUS and to the error number that the client receives. Reasons are for the
// operator: the client never receives them.
//
// # Functions of SSPI
//
// These functions of sspi.h are implemented, for acceptors:
//
//   - [AcquireCredentialsHandle], [FreeCredentialsHandle] and [QueryCredentialsAttributes]:
//     inbound credentials only. pAuthData is a *Config, which has the keys and the policy.
//   - [AcceptSecurityContext] and [DeleteSecurityContext]: packages Negotiate and Kerberos.
//   - [QueryContextAttributes]: the attributes that an acceptor can know. All other
//     attributes return SEC_E_UNSUPPORTED_FUNCTION.
//   - [EncryptMessage], [DecryptMessage], [MakeSignature] and [VerifySignature].
//   - [QuerySecurityContextToken]: the account, groups and claims of the client's PAC, as a Go
//     value.
//   - [ExportSecurityContext] and [ImportSecurityContext]: they require Config.ExportKey and
//     the flag SECPKG_CONTEXT_EXPORT_DELETE_OLD.
//   - [EnumerateSecurityPackages], [QuerySecurityPackageInfo] and [FreeContextBuffer].
//
// These functions exist so that a program that calls them compiles. They do nothing:
//
//   - [CompleteAuthToken] returns SEC_E_UNSUPPORTED_FUNCTION. No exchange requires it.
//   - [ImpersonateSecurityContext] returns an error, because a goroutine has no identity
//     that could change. [RevertSecurityContext] therefore has nothing to revert.
//
// The package has no other functions of sspi.h: no InitializeSecurityContext or other
// functions of clients, no ApplyControlToken, SetContextAttributes,
// SetCredentialsAttributes, QueryContextAttributesEx, InitSecurityInterface or
// SaslAcceptSecurityContext.
//
// # Active Directory
//
// The tickets of a domain of Active Directory have a PAC ([MS-PAC]), from which Accept takes
// the client's [Account] and its [AccessToken]: SIDs, groups and claims. There the principal
// [Peer.Client] is only the name that the client typed. [Peer.Principal] and [Peer.User] map
// every client, of a domain or of a realm without accounts, to the name that identifies it.
// Config.PAC is the policy. Realms of MIT krb5 since version 1.20 and FreeIPA issue PACs
// without an account, which need no configuration; realms that issue tickets without PAC must
// be named in [PACPolicy].RealmsWithoutPAC.
//
// # Encryption types
//
// The AES types 17 to 20 are permitted, and RC4 is not, unless Config.TicketETypes
// or Config.ETypes name it. TicketETypes admits RC4 tickets, with AES for every
// other key: a service of an Active Directory account without AES keys needs this. ETypes
// admits RC4 contexts too (RFC 4757); a client that offers AES and waits for an answer gets
// a context of AES nevertheless. The protection of messages in a context of RC4 relies on
// MD5 and does not protect the sequence number and the direction: an attacker on the path
// can drop messages, renumber the messages that follow, and send the acceptor's messages
// back to it as messages of the client.
//
// # Concurrency
//
// All types are safe for concurrent use. Accept refuses a call that runs beside another call
// on the same context. Wrap and Unwrap may run side by side, and Close may be called at any
// time. The package starts no goroutine.
//
// # Keys and secrets
//
// Types that refer to a key print redacted. Close and a failed exchange wipe the keys of
// the context. They cannot wipe copies that the garbage collector or a caller made.
package sspi
