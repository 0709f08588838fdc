package main

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// initiate begins alice's login.
func (w *world) initiate(t *testing.T, o sspitest.Options) (*sspitest.Initiator, []byte) {
	t.Helper()
	i, err := w.realm.User("alice").Initiate(service, o)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := i.Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	return i, token
}

// layered is the client's side of a connection with a security layer.
type layered struct {
	net.Conn
	initiator *sspitest.Initiator
	conf      bool
	plain     bytes.Buffer
}

func (l *layered) Write(b []byte) (int, error) {
	const part = 60000
	for rest := b; len(rest) > 0; {
		n := min(part, len(rest))
		token, err := l.initiator.Wrap(rest[:n], l.conf)
		if err != nil {
			return 0, err
		}
		if _, err := l.Conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(token))), token...)); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(b), nil
}

func (l *layered) Read(b []byte) (int, error) {
	for l.plain.Len() == 0 {
		var head [4]byte
		if _, err := io.ReadFull(l.Conn, head[:]); err != nil {
			return 0, err
		}
		token := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(l.Conn, token); err != nil {
			return 0, err
		}
		message, _, err := l.initiator.Unwrap(token)
		if err != nil {
			return 0, err
		}
		l.plain.Write(message)
	}
	return l.plain.Read(b)
}

// gssapi makes a bind with GSSAPI, and wraps the connection in the security layer.
func (c *client) gssapi(w *world, layer sspisasl.Layer, authzid string) response {
	c.t.Helper()
	i, token := w.initiate(c.t, sspitest.Options{})
	r := c.sasl("GSSAPI", token)
	if _, done, err := i.Next([]byte(r.more[responseSASLCredentials])); r.code != saslBindInProgress || err != nil || !done {
		c.t.Fatalf("%+v, %t, %v", r, done, err)
	}
	r = c.sasl("GSSAPI", nil)
	offer, _, err := i.Unwrap([]byte(r.more[responseSASLCredentials]))
	if r.code != saslBindInProgress || err != nil || len(offer) != 4 {
		c.t.Fatalf("%+v, offer %x, %v", r, offer, err)
	}
	answer, err := i.Wrap(append([]byte{byte(layer), 0xff, 0xff, 0xff}, authzid...), false)
	if err != nil {
		c.t.Fatal(err)
	}
	if r = c.sasl("GSSAPI", answer); r.code == success && layer != sspisasl.NoLayer {
		c.conn = &layered{Conn: c.conn, initiator: i, conf: layer == sspisasl.Confidentiality}
	}
	return r
}

// gs2 makes a bind with GS2-KRB5 or GS2-KRB5-PLUS.
func (c *client) gs2(w *world, header string, o sspitest.Options, mechanism string) response {
	c.t.Helper()
	if o.ChannelBindings == nil {
		o.ChannelBindings = &sspi.ChannelBindings{ApplicationData: []byte(header)}
	}
	i, token := w.initiate(c.t, o)
	_, content, err := unframe(token)
	if err != nil {
		c.t.Fatal(err)
	}
	r := c.sasl(mechanism, append([]byte(header), content...))
	if r.code == success {
		if _, done, err := i.Next([]byte(r.more[responseSASLCredentials])); err != nil || !done {
			c.t.Fatalf("%+v, %t, %v", r, done, err)
		}
	}
	return r
}

// unframe takes a token out of its GSS frame (RFC 2743, Section 3.1).
func unframe(token []byte) (oid, content []byte, err error) {
	inside, _, err := element(token)
	if err != nil {
		return nil, nil, err
	}
	return element(inside)
}

// spnego makes a bind with GSS-SPNEGO, and wraps the connection in the security layer that
// the context flags select.
func (c *client) spnego(w *world, o sspitest.Options) response {
	c.t.Helper()
	o.SPNEGO = true
	i, token := w.initiate(c.t, o)
	r := c.sasl("GSS-SPNEGO", token)
	for r.code == saslBindInProgress || r.code == success {
		token, done, err := i.Next([]byte(r.more[responseSASLCredentials]))
		if err != nil {
			c.t.Fatalf("%+v, %v", r, err)
		}
		if r.code == success {
			if !done {
				c.t.Fatal("the server has established the context and the client has not")
			}
			break
		}
		r = c.sasl("GSS-SPNEGO", token)
	}
	asked := o.Flags
	if asked == 0 {
		asked = sspitest.DefaultFlags
	}
	if conf, integ := asked&flags.GSS_C_CONF_FLAG != 0, asked&flags.GSS_C_INTEG_FLAG != 0; r.code == success && (conf || integ) {
		c.conn = &layered{Conn: c.conn, initiator: i, conf: conf}
	}
	return r
}

// startTLS sends StartTLS and makes the handshake.
func (c *client) startTLS(config *tls.Config) {
	c.t.Helper()
	c.write(c.next(extendedOp(oidStartTLS)))
	if r := c.must(opExtendedResponse); r.code != success || r.more[responseName] != oidStartTLS {
		c.t.Fatalf("StartTLS: %+v", r)
	}
	conn := tls.Client(c.conn, config)
	if err := conn.HandshakeContext(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	c.conn = conn
}
