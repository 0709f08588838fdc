// Package sspisasl is the server's side of SASL with Kerberos: GSSAPI (RFC 4752),
// GSS-SPNEGO and GS2-KRB5 (RFC 5801), as clients of LDAP, IMAP, SMTP, XMPP and
// others speak them, with the security layer that may follow.
//
// It carries nothing: the protocol's responses go into [Server.Next], and what
// comes out goes to the client. A [Server] is a Server of emersion/go-sasl in
// shape, so that whatever serves one of those serves this.
//
//	cfg := sspisasl.Config{Acceptor: acceptor, Authorize: mayActAs}
//	<offer cfg.Mechanisms() to the client>
//	server, err := cfg.NewServer(sspisasl.Mechanism(<the client's choice>))
//	defer server.Close()
//	for done := false; !done; {
//		challenge, done, err = server.Next(<the client's response>)
//		<refuse the client if err is not nil>
//		<send challenge>
//	}
//	conn = server.Conn(conn)
//
// # Who the client is, and what it may do
//
// [Server.Peer] is the client. [Server.AuthorizationID] is the identity that it acts
// as: the one that it asked for, or its whole principal. Config.Authorize decides about
// that before the client is told of success. Without Authorize a client acts as itself,
// under its whole principal, or under its bare name where Config.Realms names its realm.
// Compare principals whole: a name without its realm is not an identity.
//
// # Records
//
// Each exchange is one record of the acceptor's Logger and OnEvent. The Server makes it
// when the security layer and the identity are decided and Authorize has returned, and for
// an exchange that the client does not finish when [Server.Close] is called. Set Config.Context.Remote to the client's address for it.
//
// # The security layer
//
// With GSSAPI the server offers layers, and the client chooses. With GSS-SPNEGO
// what it asked of the context is what it does. GS2 has none. Config.Layers says
// what is permitted; its zero value demands a layer, because a connection that is
// neither in a layer nor in TLS belongs, after the login, to whoever sits between.
// What follows the login must then go through [Server.Conn]. A library that takes a
// Server of emersion/go-sasl does not call Conn: a client that chose a layer cannot talk
// to it, and a host in between that ends the layer could speak for the client. With such
// a library, run TLS and set Layers to NoLayer alone.
//
// A server on TLS sets NoLayer, and, against relays, the channel bindings that
// package sspitls makes, in Config.Context, for each connection. With
// GS2-KRB5-PLUS the client says that it uses them. With GS2-KRB5 it uses none, and is
// refused where the policy demands them or somebody kept the other mechanism from it.
// With GSSAPI and GSS-SPNEGO those of Kerberos itself count, as Active Directory has it.
package sspisasl
