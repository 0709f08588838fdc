package sspitls_test

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitls"
)

// This server requires that clients of one realm are bound to the TLS connection.
func Example() {
	var acceptor *sspi.Acceptor
	var config *tls.Config // with Certificates, GetCertificate or GetConfigForClient
	var receive func(net.Conn) ([]byte, error)
	var send func(net.Conn, []byte) error

	recorded := sspitls.Record(config) // call Record once
	login := func(raw net.Conn) (keytab.Principal, error) {
		ctx := sspitls.WithRecord(context.Background())
		conn := tls.Server(raw, recorded)
		if err := conn.HandshakeContext(ctx); err != nil {
			return keytab.Principal{}, err
		}
		cc := sspi.ContextConfig{BindingPolicy: sspi.BindingRequired}
		cc.ChannelBindings, cc.BindingsUnknown = sspitls.Recorded(ctx)
		c := acceptor.NewContext(cc)
		defer c.Close()
		for {
			token, err := receive(conn)
			if err != nil {
				return keytab.Principal{}, err
			}
			reply, peer, err := c.Accept(ctx, token)
			if len(reply) > 0 {
				if err := send(conn, reply); err != nil {
					return keytab.Principal{}, err
				}
			}
			if err == nil { // the client is authenticated; the caller decides about its permissions
				return peer.Principal()
			}
			if err != sspi.ErrContinue {
				return keytab.Principal{}, err
			}
		}
	}
	_ = login
}
