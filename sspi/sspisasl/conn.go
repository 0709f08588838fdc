package sspisasl

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// Conn returns a connection that applies the security layer to nc: Write wraps messages for
// the client, and Read unwraps the client's messages (RFC 4422, Section 3.7). If the layer is
// NoLayer, Conn returns nc. The program must use the connection from the first byte after the
// server's success message. A program that reads nc through a buffer must pass a net.Conn
// whose Read returns the buffered bytes first.
//
// Read and Write, and several calls of each, may run concurrently; the bytes of one Write
// stay together. Deadlines apply to nc. A Read that a deadline interrupted can be repeated. A
// Write that failed may have sent part of a message, so every later Write fails. After a
// message that is not genuine, every later Read fails. Errors of nc are returned unchanged;
// all other errors are *status.Error or io.ErrUnexpectedEOF. Close closes nc, but not the
// Server.
//
// Call Conn once, after Next has returned done. Otherwise Read and Write of the connection
// return an error.
func (s *Server) Conn(nc net.Conn) net.Conn {
	o := s.end()
	if o.layer == NoLayer {
		return nc
	}
	c := &conn{
		Conn: nc, context: s.context.Load(), sealed: o.layer == Confidentiality,
		longest: s.cfg.MaxBuffer, limit: o.limit,
	}
	var err error
	switch {
	case o.layer == 0:
		err = misuse("Conn was called before Next returned done")
	case s.attached.Swap(true):
		err = misuse("Conn was called twice")
	}
	c.reader.err, c.writer.err = err, err
	return c
}

// conn is a net.Conn with a security layer. Each message has four bytes of length, followed
// by a wrap token of that length.
type conn struct {
	net.Conn
	context *sspi.Context
	sealed  bool // messages must be encrypted
	longest int  // maximum length of a wrapped message to receive
	limit   int  // maximum length of an unwrapped message to send

	reader reader
	writer writer
}

// reader is the receiving direction. Read holds its lock.
type reader struct {
	sync.Mutex
	err   error  // the error of every later Read
	buf   []byte // received bytes; the bytes from start on are not processed yet
	start int
	plain []byte // the unread rest of the last message, part of buf
}

// writer is the sending direction. Write holds its lock.
type writer struct {
	sync.Mutex
	err error // the error of every later Write
	buf []byte
}

const (
	lengthLen   = 4
	firstBuffer = 4 << 10
	// emptyReads is the maximum number of consecutive reads that return no byte and no error.
	emptyReads = 100
)

// Read reads from the rest of the last message or, if it has no rest, from the next message
// that is not empty.
func (c *conn) Read(p []byte) (int, error) {
	r := &c.reader
	r.Lock()
	defer r.Unlock()
	if len(p) == 0 {
		return 0, r.err
	}
	for len(r.plain) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if err := c.receive(); err != nil {
			if !isTimeout(err) {
				r.err, r.buf = err, nil
			}
			return 0, err
		}
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// receive reads and unwraps the next message.
func (c *conn) receive() error {
	r := &c.reader
	if err := c.fill(lengthLen); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(r.buf[r.start:])
	if length == 0 || uint64(length) > uint64(c.longest) {
		return malformed("a message of the security layer is empty or longer than Config.MaxBuffer")
	}
	whole := lengthLen + int(length)
	if err := c.fill(whole); err != nil {
		return err
	}
	token := r.buf[r.start+lengthLen : r.start+whole]
	r.start += whole
	message, sealed, err := c.context.Unwrap(token[:0], token)
	if err != nil {
		return err
	}
	if c.sealed && !sealed {
		clear(message)
		return &status.Error{Reason: status.ReasonMessageAltered, Detail: "a message is not encrypted, but the security layer is confidentiality"}
	}
	r.plain = message
	return nil
}

// fill reads until buf contains n unprocessed bytes. The caller ensures that plain is empty,
// because fill may move the bytes of buf.
func (c *conn) fill(n int) error {
	r := &c.reader
	if len(r.buf)-r.start >= n {
		return nil
	}
	if r.start == len(r.buf) {
		r.buf, r.start = r.buf[:0], 0
	}
	for empty := 0; len(r.buf)-r.start < n; {
		if len(r.buf) == cap(r.buf) {
			r.makeRoom(n)
		}
		m, err := c.Conn.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+m]
		switch {
		case len(r.buf)-r.start >= n: // the next Read of c.Conn returns the error again
		case err == io.EOF && len(r.buf) > r.start:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case m > 0:
			empty = 0
		default:
			if empty++; empty >= emptyReads {
				return io.ErrNoProgress
			}
		}
	}
	return nil
}

// makeRoom makes room in a full buffer for a message of n bytes that begins at start. It moves
// the message to the front or, if start is 0, to a buffer of twice the length, but of at most
// n bytes. So a client that announces a long message occupies at most twice as many bytes as
// it has sent.
func (r *reader) makeRoom(n int) {
	to := r.buf[:0]
	if r.start == 0 {
		to = make([]byte, 0, max(firstBuffer, min(n, 2*cap(r.buf))))
	}
	r.buf, r.start = append(to, r.buf[r.start:]...), 0
}

// Write sends p in messages whose length the client permits.
func (c *conn) Write(p []byte) (int, error) {
	w := &c.writer
	w.Lock()
	defer w.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	written := 0
	for written < len(p) {
		part := p[written:min(len(p), written+c.limit)]
		if w.err = c.send(part); w.err != nil {
			return written, w.err
		}
		written += len(part)
	}
	return written, nil
}

// send sends one message.
func (c *conn) send(message []byte) error {
	w := &c.writer
	if w.buf == nil {
		w.buf = make([]byte, lengthLen, firstBuffer)
	}
	frame, err := c.context.Wrap(w.buf[:lengthLen], message, c.sealed)
	if err != nil {
		return err
	}
	w.buf = frame
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-lengthLen))
	switch n, err := c.Conn.Write(frame); {
	case err != nil:
		return err
	case n != len(frame):
		return io.ErrShortWrite
	}
	return nil
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}
