package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
)

// A packet of GSSENC is a length of four bytes and a token. With its length it has at
// most 16384 bytes, but for the tokens of the exchange, which may be longer since
// tickets may.
const maxPacket = 16384

// protection is what libpq asks for, and what the encryption rests on: without it
// packets could be read, or left out, or sent again.
const protection = flags.ASC_RET_MUTUAL_AUTH | flags.ASC_RET_REPLAY_DETECT | flags.ASC_RET_SEQUENCE_DETECT |
	flags.ASC_RET_CONFIDENTIALITY | flags.ASC_RET_INTEGRITY

// encryptConn answers a GSSENCRequest: it makes the security context and lays it under
// the rest of the protocol.
func (c *client) encryptConn(ctx context.Context) error {
	if _, err := c.conn.Write([]byte("G")); err != nil {
		return err
	}
	var answered bool // the client's last token
	receive := func() ([]byte, error) {
		answered = false
		return readPacket(c.conn, make([]byte, maxToken), "the exchange")
	}
	reply := func(token []byte) error {
		answered = true
		packet := binary.BigEndian.AppendUint32(nil, uint32(len(token)))
		_, err := c.conn.Write(append(packet, token...))
		return err
	}
	err := c.exchange(ctx, sspi.ContextConfig{Package: sspi.Negotiate, Require: protection}, receive, reply)
	if err == nil {
		c.conn, err = newGSSConn(c.conn, c.context)
		c.encrypted = err == nil
		return err
	}
	// A KRB-ERROR has told the client why. Otherwise it is told in the words of
	// version 2 of the protocol, which are all that libpq knows at this point.
	if f, ok := errors.AsType[*fatal](err); ok {
		if !answered {
			_, _ = io.WriteString(c.conn, "E"+f.text+"\x00")
		}
		return f.err
	}
	return err
}

// gssConn is a connection on which everything travels in sealed wrap tokens (RFC
// 4121, Section 4.2.6.2). Errors are final: the next packet means nothing without the
// one that failed. It is safe for concurrent use as any net.Conn.
type gssConn struct {
	net.Conn
	context *sspi.Context
	limit   int // the longest message whose token fits into a packet

	reading  sync.Mutex
	in       []byte // a packet's token
	opened   []byte // what of it is not read yet
	readErr  error
	writing  sync.Mutex
	out      []byte
	writeErr error
}

func newGSSConn(conn net.Conn, c *sspi.Context) (*gssConn, error) {
	limit := c.WrapSizeLimit(maxPacket-4, true)
	if limit <= 0 {
		return nil, errors.New("no message fits into a packet")
	}
	return &gssConn{Conn: conn, context: c, limit: limit, in: make([]byte, maxPacket-4), out: make([]byte, 0, maxPacket)}, nil
}

// Read returns io.EOF only between two packets.
func (g *gssConn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	g.reading.Lock()
	defer g.reading.Unlock()
	for len(g.opened) == 0 && g.readErr == nil { // a packet may hold an empty message
		g.opened, g.readErr = g.open()
	}
	if g.readErr != nil {
		return 0, g.readErr
	}
	n := copy(b, g.opened)
	g.opened = g.opened[n:]
	return n, nil
}

func (g *gssConn) open() ([]byte, error) {
	token, err := readPacket(g.Conn, g.in, "the encryption")
	if err != nil {
		return nil, err
	}
	message, sealed, err := g.context.Unwrap(token[:0], token)
	if err == nil && !sealed {
		err = errors.New("a packet is signed but not sealed")
	}
	if err != nil {
		return nil, err
	}
	return message, nil
}

// Write sends b in as many packets as it takes. n counts those that were sent whole.
func (g *gssConn) Write(b []byte) (n int, err error) {
	g.writing.Lock()
	defer g.writing.Unlock()
	for len(b) > 0 && g.writeErr == nil {
		part := b[:min(len(b), g.limit)]
		if g.writeErr = g.seal(part); g.writeErr == nil {
			n, b = n+len(part), b[len(part):]
		}
	}
	return n, g.writeErr
}

func (g *gssConn) seal(part []byte) error {
	packet, err := g.context.Wrap(g.out[:4], part, true)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(packet, uint32(len(packet)-4))
	_, err = g.Conn.Write(packet)
	return err
}

// readPacket reads a token into b, whose length bounds it.
func readPacket(r io.Reader, b []byte, of string) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if uint64(n) > uint64(len(b)) {
		return nil, fmt.Errorf("a packet of %d bytes, where %s takes %d", n, of, len(b))
	}
	if _, err := io.ReadFull(r, b[:n]); err == io.EOF {
		return nil, io.ErrUnexpectedEOF
	} else if err != nil {
		return nil, err
	}
	return b[:n], nil
}
