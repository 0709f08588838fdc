package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgproto3"
)

// The first packets of a connection have no type: a code stands where a
// StartupMessage has the version of the protocol.
const (
	codeCancel = 80877102
	codeSSL    = 80877103
	codeGSSEnc = 80877104

	maxStartup = 10000 // as PostgreSQL has it
)

var (
	errCancel = errors.New("a request to cancel")
	errNobody = errors.New("nothing was sent")
)

// start settles whether the connection is encrypted and reads who wants in.
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
				return protocolError("SSLRequest where it is not due")
			}
			askedSSL = true
			if _, err := c.conn.Write([]byte("N")); err != nil {
				return err
			}
		case *pgproto3.GSSEncRequest:
			if c.askedGSS {
				return protocolError("GSSENCRequest where it is not due")
			}
			c.askedGSS = true
			if err := c.encryptIf(ctx, c.server.encrypt != noEncryption); err != nil {
				return err
			}
		case *pgproto3.StartupMessage:
			return c.hello(msg)
		default:
			return errCancel // there is nothing that takes long enough to be cancelled
		}
	}
}

func (c *client) encryptIf(ctx context.Context, yes bool) error {
	if yes {
		return c.encryptConn(ctx)
	}
	_, err := c.conn.Write([]byte("N"))
	return err
}

// hello takes the StartupMessage.
func (c *client) hello(msg *pgproto3.StartupMessage) error {
	c.user, c.database = msg.Parameters["user"], msg.Parameters["database"]
	if c.database == "" {
		c.database = c.user
	}
	switch {
	case c.user == "":
		return &fatal{"28000", "no PostgreSQL user name specified in startup packet", nil}
	case msg.Parameters["replication"] != "":
		return &fatal{"0A000", "there is nothing to replicate", nil}
	case c.server.encrypt == requireEncryption && !c.encrypted:
		return &fatal{"28000", "this server wants GSSAPI encryption (gssencmode=require, and a ticket)", nil}
	}
	return c.negotiate(msg)
}

// negotiate tells a client that wants more than version 3.0 that this is all.
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

// readStartup reads one packet and not a byte more: what follows a GSSENCRequest in
// the clear must not be taken for something that came encrypted.
func readStartup(r io.Reader) (pgproto3.FrontendMessage, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err == io.EOF {
		return nil, errNobody
	} else if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 8 || n > maxStartup {
		return nil, fmt.Errorf("a startup packet of %d bytes", n)
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
