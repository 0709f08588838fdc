// Package sspitls computes the channel bindings of TLS connections and certificates, for
// sspi.ContextConfig.ChannelBindings. If a client binds its token to the TLS connection, an
// attacker cannot relay the token: the acceptor refuses it on every other connection.
//
// There are three types of channel binding. Most clients that send bindings, such as
// Windows, Java and recent versions of curl, use the server's certificate
// (tls-server-end-point, RFC 5929, Section 4): [EndPoint]. This type also matches behind a
// proxy that has the same certificate. [Exporter] returns tls-exporter (RFC 9266) of one
// connection. [Unique] returns tls-unique, which TLS 1.3 does not define. Each function
// returns a list, and the client may match any element; to accept several types, append
// their lists.
//
// # The presented certificate
//
// A server's tls.ConnectionState does not contain the server's own certificate. If the
// tls.Config has a fixed list of certificates, [EndPoints] returns the bindings of all of
// them. If GetCertificate or GetConfigForClient chooses the certificate, [Record] records
// the certificate presented on each connection, and [Recorded] returns its bindings, or an
// error if no certificate was recorded:
//
//	config := sspitls.Record(&tls.Config{GetCertificate: manager.GetCertificate})
//	...
//	ctx := sspitls.WithRecord(context.Background())
//	conn := tls.Server(raw, config)
//	err := conn.HandshakeContext(ctx)
//	cc.ChannelBindings, cc.BindingsUnknown = sspitls.Recorded(ctx)
//
// Package sspihttp runs the last four lines for each connection.
package sspitls
