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

// maxPacket is the greatest size of a GSSENC packet: a length of four bytes and a token.
// Packets of the authentication exchange may be longer, because tickets may be longer.
const maxPacket = 16384

// protection lists the context flags that the encryption requires, and that libpq
// requests. Without them an attacker could read, drop or replay packets.
const protection = flags.ASC_RET_MUTUAL_AUTH | flags.ASC_RET_REPLAY_DETECT | flags.ASC_RET_SEQUENCE_DETECT |
	flags.ASC_RET_CONFIDENTIALITY | flags.ASC_RET_INTEGRITY

// encryptConn answers a GSSENCRequest: it establishes the security context, and replaces
// c.conn with a connection that uses it.
func (c *client) encryptConn(ctx context.Context) error {
	if _, err := c.conn.Write([]byte("G")); err != nil {
		return err
	}
	var answered bool // the server has replied to the client's last token
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
	// A reply has the KRB-ERROR with the reason. If there was no reply, send an error
	// message of version 2 of the protocol, which is the only one that libpq reads here.
	if f, ok := errors.AsType[*fatal](err); ok {
		if !answered {
			_, _ = io.WriteString(c.conn, "E"+f.text+"\x00")
		}
		return f.err
	}
	return err
}

// gssConn is a connection that sends all bytes in sealed wrap tokens (RFC 4121, Section
// 4.2.6.2). An error of Read is final, and so is an error of Write, because no packet can
// be verified without the packets before it. Its methods are safe for concurrent use.
type gssConn struct {
	net.Conn
	context *sspi.Context
	limit   int // the longest message whose token fits into a packet

	reading  sync.Mutex
	in       []byte // the buffer of a packet's token
	opened   []byte // the part of the message in it that Read has not returned yet
	readErr  error
	writing  sync.Mutex
	out      []byte
	writeErr error
}

func newGSSConn(conn net.Conn, c *sspi.Context) (*gssConn, error) {
	limit := c.WrapSizeLimit(maxPacket-4, true)
	if limit <= 0 {
		return nil, errors.New("the context's wrap tokens are too long for a packet")
	}
	return &gssConn{Conn: conn, context: c, limit: limit, in: make([]byte, maxPacket-4), out: make([]byte, 0, maxPacket)}, nil
}

// Read implements net.Conn. It returns io.EOF only if the stream ends between two packets.
func (g *gssConn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	g.reading.Lock()
	defer g.reading.Unlock()
	for len(g.opened) == 0 && g.readErr == nil { // a packet may hold an empty message
		g.opened, g.readErr = g.unwrap()
	}
	if g.readErr != nil {
		return 0, g.readErr
	}
	n := copy(b, g.opened)
	g.opened = g.opened[n:]
	return n, nil
}

// unwrap reads a packet and returns its message.
func (g *gssConn) unwrap() ([]byte, error) {
	token, err := readPacket(g.Conn, g.in, "the encryption")
	if err != nil {
		return nil, err
	}
	message, sealed, err := g.context.Unwrap(token[:0], token)
	if err == nil && !sealed {
		err = errors.New("a packet is signed and not sealed")
	}
	if err != nil {
		return nil, err
	}
	return message, nil
}

// Write implements net.Conn. It sends b in as many packets as necessary. n is the number of
// bytes in the packets that were sent whole.
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

// seal sends a packet.
func (g *gssConn) seal(part []byte) error {
	packet, err := g.context.Wrap(g.out[:4], part, true)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(packet, uint32(len(packet)-4))
	_, err = g.Conn.Write(packet)
	return err
}

// readPacket reads a token into b. It returns an error if the token is longer than b.
func readPacket(r io.Reader, b []byte, of string) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if uint64(n) > uint64(len(b)) {
		return nil, fmt.Errorf("a packet has %d bytes; the limit of %s is %d", n, of, len(b))
	}
	if _, err := io.ReadFull(r, b[:n]); err == io.EOF {
		return nil, io.ErrUnexpectedEOF
	} else if err != nil {
		return nil, err
	}
	return b[:n], nil
}
