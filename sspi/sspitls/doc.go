// Package sspitls makes channel bindings of TLS connections and certificates, for
// sspi.ContextConfig.ChannelBindings. A client that is bound to the TLS connection
// it speaks over cannot be relayed: who passes its token on, over a connection of
// his own, is refused.
//
// There are three kinds. Most clients that bind at all, Windows and Java and newer
// curl among them, use the server's certificate (tls-server-end-point, RFC 5929,
// Section 4): [EndPoint]. It survives a proxy that has the same certificate.
// [Exporter] is RFC 9266's tls-exporter, of one connection alone, and [Unique] is
// tls-unique, which TLS 1.3 does not have. Each gives the bindings of which any one
// may match; append those that are to count.
//
// # Which certificate it was
//
// A server's tls.ConnectionState does not hold the server's own certificate. Where
// the tls.Config has a fixed list, all of its certificates may count: [EndPoints].
// Where GetCertificate or GetConfigForClient choose, [Record] keeps what was
// presented on each connection, and [Recorded] returns its bindings, or why there are
// none:
//
//	config := sspitls.Record(&tls.Config{GetCertificate: manager.GetCertificate})
//	...
//	ctx := sspitls.WithRecord(context.Background())
//	conn := tls.Server(raw, config)
//	err := conn.HandshakeContext(ctx)
//	cc.ChannelBindings, cc.BindingsUnknown = sspitls.Recorded(ctx)
//
// Package sspihttp does the last four lines by itself.
package sspitls
