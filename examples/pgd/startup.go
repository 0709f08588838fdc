package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Codes of the first packets of a connection, which have no type byte. A StartupMessage
// has the version of the protocol in the same field.
const (
	codeCancel = 80877102
	codeSSL    = 80877103
	codeGSSEnc = 80877104

	maxStartup = 10000 // bytes, as in PostgreSQL
)

var (
	errCancel  = errors.New("the client sent a CancelRequest")
	errNothing = errors.New("the client sent nothing")
)

// start reads the packets before the login: requests for encryption, and the
// StartupMessage.
func (c *client) start(ctx context.Context) error {
	var askedSSL bool
	for {
		msg, err := readStartup(c.conn)
		if err != nil {
			return err
		}
		switch msg := msg.(type) {
		case *pgproto3.SSLRequest:
			if askedSSL || c.encrypted {
				return protocolError("unexpected SSLRequest")
			}
			askedSSL = true
			if _, err := c.conn.Write([]byte("N")); err != nil {
				return err
			}
		case *pgproto3.GSSEncRequest:
			if c.askedGSS {
				return protocolError("unexpected GSSENCRequest")
			}
			c.askedGSS = true
			if err := c.encryptIf(ctx, c.server.encrypt != noEncryption); err != nil {
				return err
			}
		case *pgproto3.StartupMessage:
			return c.hello(msg)
		default:
			return errCancel // no query of this server can be canceled
		}
	}
}

// encryptIf accepts or declines a GSSENCRequest.
func (c *client) encryptIf(ctx context.Context, yes bool) error {
	if yes {
		return c.encryptConn(ctx)
	}
	_, err := c.conn.Write([]byte("N"))
	return err
}

// hello checks the StartupMessage.
func (c *client) hello(msg *pgproto3.StartupMessage) error {
	c.user, c.database = msg.Parameters["user"], msg.Parameters["database"]
	if c.database == "" {
		c.database = c.user
	}
	switch {
	case c.user == "":
		return &fatal{"28000", "no PostgreSQL user name specified in startup packet", nil}
	case msg.Parameters["replication"] != "":
		return &fatal{"0A000", "this server does not support replication", nil}
	case c.server.encrypt == requireEncryption && !c.encrypted:
		return &fatal{"28000", "this server requires GSSAPI encryption; set gssencmode=require and get a ticket", nil}
	}
	return c.negotiate(msg)
}

// negotiate answers a client that requests more than version 3.0 of the protocol.
func (c *client) negotiate(msg *pgproto3.StartupMessage) error {
	var unknown []string
	for name := range msg.Parameters {
		if len(name) > 5 && name[:5] == "_pq_." {
			unknown = append(unknown, name)
		}
	}
	if msg.ProtocolVersion == pgproto3.ProtocolVersion30 && len(unknown) == 0 {
		return nil
	}
	return send(c.conn, &pgproto3.NegotiateProtocolVersion{
		NewestMinorProtocol: pgproto3.ProtocolVersion30, UnrecognizedOptions: unknown,
	})
}

// readStartup reads one packet and no byte after it: unencrypted bytes after a
// GSSENCRequest must not be taken for encrypted ones.
func readStartup(r io.Reader) (pgproto3.FrontendMessage, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err == io.EOF {
		return nil, errNothing
	} else if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 8 || n > maxStartup {
		return nil, fmt.Errorf("the startup packet has %d bytes; the limits are 8 and %d", n, maxStartup)
	}
	body := make([]byte, n-4)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	var msg pgproto3.FrontendMessage
	switch code := binary.BigEndian.Uint32(body); code {
	case codeCancel:
		return &pgproto3.CancelRequest{}, nil
	case codeSSL:
		msg = new(pgproto3.SSLRequest)
	case codeGSSEnc:
		msg = new(pgproto3.GSSEncRequest)
	case pgproto3.ProtocolVersion30, pgproto3.ProtocolVersion32:
		msg = new(pgproto3.StartupMessage)
	default:
		return nil, &fatal{"0A000", fmt.Sprintf("unsupported frontend protocol %d.%d: server supports 3.0", code>>16, code&0xffff), nil}
	}
	if err := msg.Decode(body); err != nil {
		return nil, protocolError("malformed startup packet")
	}
	return msg, nil
}
