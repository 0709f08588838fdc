// Package sspisasl implements the server's side of SASL with Kerberos: the mechanisms GSSAPI
// (RFC 4752), GSS-SPNEGO and GS2-KRB5 (RFC 5801), which clients of LDAP, IMAP, SMTP, XMPP and
// other protocols use, and their security layers.
//
// The package does no input or output: the program passes the client's responses to
// [Server.Next] and sends the challenges that Next returns. [Server] implements the Server
// interface of emersion/go-sasl, so that libraries which accept that interface can use it.
//
//	cfg := sspisasl.Config{Acceptor: acceptor, Authorize: mayActAs}
//	<offer cfg.Mechanisms() to the client>
//	server, err := sspisasl.New(cfg, sspisasl.Mechanism(<the client's choice>))
//	defer server.Close()
//	for done := false; !done; {
//		challenge, done, err = server.Next(<the client's response>)
//		<refuse the client if err is not nil>
//		<send challenge>
//	}
//	conn = server.Conn(conn)
//
// # Authentication and authorization
//
// [Server.Peer] returns the authenticated client. [Server.AuthorizationID] returns the identity
// as which the client acts: the identity that it requested, or its whole principal, which is
// that of sspi.Peer.Principal: in Active Directory the name of the account, and not the name that
// the client typed.
// Config.Authorize decides about that identity before the server reports success to the
// client. Without Authorize, a client acts as itself: under its whole principal, or under its
// bare name if Config.Realms contains its realm. Compare whole principals: a name without its
// realm is not an identity.
//
// # Records
//
// Each exchange is one record of the acceptor's Logger and OnEvent. The Server reports it when
// the security layer and the identity are decided and Authorize has returned. [Server.Close]
// reports an exchange that the client does not finish. Set Config.Context.Remote to the
// client's address for the record.
//
// # The security layer
//
// With GSSAPI, the server offers security layers and the client chooses. With GSS-SPNEGO, the
// client's context flags determine the layer. GS2 has no layer. Config.Layers lists the
// permitted layers. Its zero value requires a layer, because an attacker could take over a
// connection that has neither a layer nor TLS after the login. With a layer, the program must
// continue with [Server.Conn]. A library that uses the Server interface of emersion/go-sasl
// does not call Conn: a client that chose a layer cannot talk to it, and an attacker who
// terminates the layer could send messages as the client. With such a library, use TLS and set
// Layers to NoLayer alone.
//
// # Channel bindings
//
// A server on TLS permits NoLayer and, against relayed tokens, sets the channel bindings of
// package sspitls for each connection:
//
//	cfg.Context.ChannelBindings, cfg.Context.BindingsUnknown = sspitls.Recorded(ctx)
//
// With BindingsUnknown, the acceptor refuses a client that sends channel bindings on a
// connection whose certificate was not recorded. GSSAPI and GSS-SPNEGO use the channel
// bindings of Kerberos, as Active Directory does. A client of GS2-KRB5-PLUS declares that it
// uses channel bindings. A client of GS2-KRB5 uses none; the server refuses it if the policy
// requires bindings, or if the client did not see GS2-KRB5-PLUS in the server's list of
// mechanisms.
//
// # Errors
//
// Every error is or wraps a *status.Error: use errors.As or status.ReasonOf.
package sspisasl
